"""``collect``: the verb the program exists for."""

from __future__ import annotations

import argparse
import re
from datetime import datetime
from pathlib import Path

from collector.cli.bundleflags import add_bundle_flags, add_database_flag, add_source_flags
from collector.cli.parser import Parser
from collector.core import quantity
from collector.core.clock import Clock, OffsetClock, SystemClock, parse_rfc3339
from collector.core.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Both stand in the file name, which is also a folder inside the archive and must stay short.
_LONGEST = {"--label": 40, "--case": 30}


def parser(prog: str) -> Parser:
    """Returns the parser of this verb."""
    made = Parser(
        prog=prog,
        description="Reads the cluster (and nothing but reads), redacts, judges, and writes one bundle.",
        examples=(
            f"{prog} -n conductor",
            f"{prog} --context prod-eu --since 6h --dest-dir /var/tmp/diag",
            f"{prog} --from-dir DUMP    # of kubectl cluster-info dump -A --output-directory=DUMP",
            f"{prog} --errbit-url https://errbit.example.com --errbit-key-file KEY -o json",
        ),
    )
    add_output_flags(made)
    _add_dry_run(made)
    add_scope_flags(made)
    _add_limit_flags(made)
    made.option(
        "--allow-exec",
        "ask inside the database's pods too: fixed commands that only read (needs create on pods/exec)",
        action="store_true",
    )
    add_database_flag(made)
    add_connection_flags(made)
    add_errbit_flags(made)
    add_source_flags(made)
    add_bundle_flags(made)
    return made


def add_output_flags(made: Parser) -> None:
    """Adds the flags that ``collect`` and ``demo`` share."""
    option = made.option
    option("--dest-dir", "folder for the bundle (default: here)", default=".", metavar="DIR")
    option(
        "--output",
        "what to print on stdout: the bundle's path, or json",
        short="-o",
        choices=("path", "json"),
        default="path",
    )
    option("--label", "name of the site in file names and reports", default="conductor")
    option("--case", "ticket number, kept in the manifest and the file name", default="")
    option(
        "--keep-last",
        "keep only the newest N bundles of this label (0: all)",
        type=int,
        default=0,
        metavar="N",
    )
    option(
        "--fail-on",
        "exit with status 3 if a finding has this outcome or a worse one",
        choices=("fail", "warn", "unknown"),
    )
    option("--require-complete", "exit with status 4 if anything could not be collected", action="store_true")
    option("--quiet", "print nothing but the result", short="-q", action="store_true")
    option("--verbose", "log more", short="-v", action="count", default=0)
    option("--log-format", "how the log reads (default: json in a pod, else text)", choices=("text", "json"))
    option("--color", "when to colour the verdict", choices=("auto", "always", "never"), default="auto")


def _add_dry_run(made: Parser) -> None:
    made.option("--dry-run", "show what would be read, and from where; read nothing", action="store_true")


def add_scope_flags(made: Parser) -> None:
    """Adds the flags that say what to read, which is what the rights that a run needs depend on."""
    option = made.option
    option("--namespace", "namespace Conductor runs in (repeatable)", short="-n", action="append", default=[])
    option(
        "--profile",
        "minimal: what a diagnosis needs first; standard: all kinds of objects; full: all logs as well",
        choices=("minimal", "standard", "full"),
    )
    option("--exclude-namespace", "namespace to leave out (repeatable)", action="append", default=[])
    option("--only", "run only this collector (repeatable)", action="append", default=[])
    option("--skip", "leave this collector out (repeatable)", action="append", default=[])
    option("--timeout", "time for the whole run, such as 5m", default="")
    option(
        "--read-helm-secrets",
        "read the Secrets of Conductor's own Helm 3 releases (needs get and list on secrets there)",
        action="store_true",
    )
    option("--spec", "file that says what to collect", default="", metavar="FILE")


def _add_limit_flags(made: Parser) -> None:
    """Adds the flags that say how much of it to take, from where, and how to judge it."""
    option = made.option
    option("--selector", "read logs only of pods with these labels", short="-l", default="")
    option("--since", "how far back logs reach, such as 48h", default="")
    option("--since-time", "the same as a moment (RFC 3339)", default="")
    option("--max-size", "size of the finished bundle, such as 24Mi", default="", metavar="SIZE")
    option(
        "--from-dir",
        "read no cluster but this directory: a kubectl cluster-info dump, or an unpacked bundle",
        default="",
        metavar="DIR",
    )
    option("--policy", "support policy to judge by instead of the shipped one", default="", metavar="FILE")


def add_connection_flags(made: Parser) -> None:
    """Adds the flags that say which cluster; names and meanings are kubectl's."""
    option = made.option
    for flag, text in (
        ("--kubeconfig", "kubeconfig file(s)"),
        ("--context", "context of the kubeconfig"),
        ("--cluster", "cluster of the kubeconfig"),
        ("--user", "user of the kubeconfig"),
        ("--certificate-authority", "file with the API server's CA"),
        ("--client-certificate", "client certificate file"),
        ("--client-key", "client key file"),
        ("--tls-server-name", "name to check the server's certificate against"),
        ("--as", "user to impersonate"),
        ("--as-uid", "uid to impersonate"),
    ):
        option(flag, text, default="")
    option("--server", "address of the API server", short="-s", default="")
    option("--as-group", "group to impersonate (repeatable)", action="append", default=[])
    option(
        "--insecure-skip-tls-verify",
        "do not check the server's certificate (the report will say so)",
        action="store_true",
    )
    option("--request-timeout", "time for a single request, such as 30s", default="30s")


def add_errbit_flags(made: Parser) -> None:
    """Adds the flags that name an endpoint."""
    option = made.option
    option("--errbit-url", "address of an Errbit-compatible endpoint for notices", default="")
    option(
        "--errbit-key-file",
        "file with its API key (or CONDUCTOR_DIAG_ERRBIT_KEY)",
        default="",
        metavar="FILE",
    )
    option("--errbit-environment", "environment name of the notices", default="production")
    option("--errbit-ca-file", "file with the endpoint's CA", default="", metavar="FILE")
    option("--errbit-allow-http", "allow plain http beyond this machine", action="store_true")


def run(arguments: argparse.Namespace) -> int:
    """Runs the verb and returns the exit status."""
    from collector.cli.execute import execute
    from collector.cli.settings import (
        connection_options,
        errbit_settings,
        from_directory,
        make_spec,
        spool_of,
    )
    from collector.cli.whereto import database, errbit_source, store_settings

    check_output(arguments)
    if arguments.dry_run:
        from collector.cli.dryrun import dry_run

        return dry_run(arguments)
    clock: Clock = SystemClock()
    offline = from_directory(arguments, clock)
    if offline:
        # Ages and windows are held to the time of the evidence, not to today.
        clock = OffsetClock(offline.moment)
    spec = make_spec(arguments)
    return execute(
        arguments,
        source=offline or connection_options(arguments),
        spec=spec,
        errbit=errbit_settings(arguments),
        store=store_settings(arguments, spool_of(arguments)),
        errbit_source=errbit_source(arguments),
        database=None if offline else database(arguments, spec.postgres.dsn_file),
        since=since_time(arguments) or (offline.since if offline and not arguments.since else None),
        policy=Path(arguments.policy) if arguments.policy else None,
        clock=clock,
        demo=offline is not None and offline.demo,
    )


def check_output(arguments: argparse.Namespace) -> None:
    """Raises UsageError for a label or case that could not stand in a file name, or a count below 0."""
    if arguments.keep_last < 0:
        raise UsageError(
            f"--keep-last {arguments.keep_last} is no number of bundles",
            hint="try: --keep-last 7, or 0 to keep all",
        )
    for flag, value in (("--label", arguments.label), ("--case", arguments.case)):
        if value and not (_NAME.fullmatch(value) and len(value) <= _LONGEST[flag]):
            raise UsageError(
                f"{flag} {value!r} cannot stand in a file name",
                hint=f"try: {flag} with letters, digits, dots and dashes, at most {_LONGEST[flag]}",
            )


def since_time(arguments: argparse.Namespace) -> datetime | None:
    """Returns the start of the log window as a moment, None if the spec's window decides.

    Raises UsageError.
    """
    if not arguments.since_time:
        return None
    if arguments.since:
        raise UsageError("--since and --since-time exclude each other", hint="try: --since 48h, alone")
    moment = parse_rfc3339(arguments.since_time)
    if moment is None:
        raise UsageError(
            f"--since-time {arguments.since_time!r} is no moment", hint="try: 2026-11-20T03:00:00Z"
        )
    return moment


def duration(flag: str, text: str) -> float:
    """Returns seconds. Raises UsageError that names the flag."""
    try:
        return quantity.seconds(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}", hint=f"try: {flag} 5m") from error
