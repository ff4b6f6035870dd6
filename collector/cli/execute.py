"""Runs the pipeline for ``collect`` and ``demo`` alike, shows the verdict, and decides the exit status."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import shutil
import sys
from datetime import datetime
from pathlib import Path

from collector.cli.redactor import make_redactor
from collector.collectors import COLLECTORS
from collector.core.clock import Clock
from collector.core.errors import ExitStatus
from collector.core.ids import new_bundle_id
from collector.core.log import Logger, LogSink, make_logger
from collector.core.stop import AbortedError
from collector.delivery import ErrbitSettings, StoreSettings
from collector.findings import Outcome
from collector.imports import Offline
from collector.kube.config import Connection, ConnectionOptions, CredentialsError, connect, in_cluster
from collector.pipeline import RunOptions, RunResult, run
from collector.pipeline.interrupt import Interrupt
from collector.pipeline.ticket import file_info
from collector.redaction import Redactor
from collector.spec import Spec
from collector.sql import Database
from collector.web.errbit import ErrbitSource

_TERMINATION_LOG = Path("/dev/termination-log")
_WORST_FIRST = (Outcome.FAIL, Outcome.WARN, Outcome.UNKNOWN)
_WIDEST = 100


def execute(
    arguments: argparse.Namespace,
    *,
    source: ConnectionOptions | Offline,
    spec: Spec,
    errbit: ErrbitSettings | None,
    since: datetime | None,
    policy: Path | None,
    clock: Clock,
    store: StoreSettings | None = None,
    errbit_source: ErrbitSource | None = None,
    database: Database | None = None,
    demo: bool = False,
) -> int:
    """Collects once. Returns the exit status.

    ``source`` is the cluster, or a directory to read in its place. Raises DiagError for what ends the run
    early, and AbortedError for a signal that does.
    """
    _spare_the_garbage_collector()
    bundle_id = new_bundle_id(clock.now())
    redactor = make_redactor(spec)
    sink = LogSink(sys.stderr, live=_is_live(arguments))
    log = _logger(arguments, sink, clock, bundle_id, redactor)
    options = RunOptions(
        connection=source if isinstance(source, ConnectionOptions) else ConnectionOptions(),
        spec=spec,
        dest_dir=Path(arguments.dest_dir),
        label=arguments.label,
        case=arguments.case,
        keep_last=arguments.keep_last,
        since=since,
        policy=policy,
        errbit=errbit,
        store=store,
        errbit_source=errbit_source,
        database=database,
        demo=demo,
        offline=isinstance(source, Offline),
    )
    interrupt = Interrupt()
    try:
        with interrupt.installed():
            link, no_login = _link(source)
            result = run(
                options,
                link,
                clock=clock,
                log=log,
                sink=sink,
                redactor=redactor,
                bundle_id=bundle_id,
                collectors=source.collectors if isinstance(source, Offline) else COLLECTORS,
                interrupt=interrupt,
                no_login=no_login,
            )
            _show(arguments, result)
            return _status(arguments, result, interrupt)
    except AbortedError as aborted:
        aborted.bundle = interrupt.sealed
        raise


def _logger(
    arguments: argparse.Namespace, sink: LogSink, clock: Clock, bundle_id: str, redactor: Redactor
) -> Logger:
    return make_logger(
        sink,
        clock=clock,
        run_id=bundle_id,
        json_lines=(arguments.log_format or ("json" if in_cluster() else "text")) == "json",
        level="error" if arguments.quiet else "debug" if arguments.verbose else "info",
        processors=(redactor.processor,),
    )


def _spare_the_garbage_collector() -> None:
    """Decoded JSON has no cycles, and a large cluster makes millions of objects: looking wins nothing."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _link(source: ConnectionOptions | Offline) -> tuple[Connection, CredentialsError | None]:
    """Returns the connection, and why it has no credentials if they could not be obtained."""
    if isinstance(source, Offline):
        return source.connection, None
    try:
        return connect(source), None
    except CredentialsError as error:
        return error.connection, error


def _show(arguments: argparse.Namespace, result: RunResult) -> None:
    """Prints the verdict on stderr and the answer, alone, on stdout."""
    from collector.report.machine import result_json, termination_message

    with contextlib.suppress(OSError):  # a terminal that went away
        _show_verdict(arguments, result)
    bundle = file_info(result.bundle)
    state, detail = "", ""
    if result.delivery is not None:
        state, detail = str(result.delivery.state), result.delivery.reason
    if arguments.output == "json":
        print(
            result_json(
                result.report,
                bundle,
                ticket=str(result.ticket or ""),
                delivery_state=state,
                delivery_detail=detail,
            ),
            flush=True,
        )
    else:
        print(result.bundle.path, flush=True)
    if in_cluster() and _TERMINATION_LOG.exists():
        with contextlib.suppress(OSError):
            _TERMINATION_LOG.write_bytes(termination_message(result.report, bundle, delivery_state=state))


def _show_verdict(arguments: argparse.Namespace, result: RunResult) -> None:
    from collector.report.terminal import delivery, verdict

    if arguments.quiet:
        return
    width = min(shutil.get_terminal_size((80, 24)).columns, _WIDEST)
    text = verdict(
        result.report,
        width=width,
        color=_colored(arguments.color),
        bundle_path=str(result.bundle.path),
        summary_path=str(result.ticket or ""),
        bundle_sha256=result.bundle.sha256,
    )
    if result.delivery is not None:
        sent = result.delivery
        text += delivery(str(sent.state), sent.reason, sent.hint, width=width)
    print(text, end="", file=sys.stderr, flush=True)


def _is_live(arguments: argparse.Namespace) -> bool:
    """True where lines may come and go: a terminal that understands it, and text is wanted."""
    quiet = arguments.quiet or arguments.log_format == "json"
    return sys.stderr.isatty() and not quiet and os.environ.get("TERM", "dumb") != "dumb"


def _colored(choice: str) -> bool:
    if choice != "auto":
        return choice == "always"
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _status(arguments: argparse.Namespace, result: RunResult, interrupt: Interrupt) -> int:
    """Returns what the run is worth: what cut it short comes before what was asked of it."""
    if interrupt.status is not ExitStatus.OK:
        return interrupt.status
    if result.unreachable is not None:
        return ExitStatus.UNREACHABLE
    if result.delivery is not None and not result.delivery.complete:
        return ExitStatus.REFUSED if result.delivery.cause.persists else ExitStatus.UNDELIVERED
    outcomes = {judged.finding.outcome for judged in result.report.findings}
    if arguments.fail_on:
        reached = _WORST_FIRST[: _WORST_FIRST.index(Outcome(arguments.fail_on)) + 1]
        if outcomes & set(reached):
            return ExitStatus.FINDINGS
    if arguments.require_complete and not result.report.run.complete:
        return ExitStatus.INCOMPLETE
    return ExitStatus.OK
