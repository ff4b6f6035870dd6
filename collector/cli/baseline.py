"""``baseline make``: writes the digests of a database's catalogue, which later runs are compared with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from collector.cli.bundleflags import add_database_flag
from collector.cli.collect import add_connection_flags
from collector.cli.parser import Parser
from collector.core.errors import ExitStatus, UsageError


def parser(prog: str) -> Parser:
    """Returns the parser of this verb."""
    made = Parser(
        prog=prog,
        description="Reads a database's catalogue, in its pod or over the network, and writes digests of it.",
        examples=(
            f"{prog} make --pod conductor/postgres-0 --database conductor BASELINE",
            f"{prog} make --postgres-dsn-file DSN --database conductor BASELINE",
        ),
    )
    made.add_argument("what", choices=("make",), help="make a baseline")
    made.add_argument(
        "file", metavar="BASELINE", help="file to write; name it as postgres.baseline in the spec"
    )
    made.option("--pod", "pod of the server, as namespace/name", default="", metavar="NAMESPACE/NAME")
    made.option("--container", "container of the server in that pod", default="postgres")
    made.option("--database", "the product's database", default="")
    made.option("--product-version", "version of the product that made the database", default="")
    made.option(
        "--pattern",
        "names that the product makes and removes by itself, such as relation:app.part_* (repeatable)",
        action="append",
        default=[],
    )
    add_database_flag(made)
    add_connection_flags(made)
    return made


def run(arguments: argparse.Namespace) -> int:
    """Runs the verb and returns the exit status."""
    import msgspec

    from collector.cli.catalogue import in_pod, over_network
    from collector.cli.settings import connection_options
    from collector.cli.whereto import database
    from collector.postgres.fingerprint import make_baseline

    named = None if arguments.pod else database(arguments)
    if not arguments.database or not (named or arguments.pod):
        raise UsageError(
            "the pod (or a DSN) and the database are needed",
            hint="try: conductor-diag baseline make --pod NAMESPACE/NAME --database NAME FILE",
        )
    read = (
        over_network(named, arguments.database)
        if named
        else in_pod(
            connection_options(arguments), arguments.pod, arguments.container, database=arguments.database
        )
    )
    try:
        baseline = make_baseline(
            read.answers,
            product_version=arguments.product_version,
            database=arguments.database,
            patterns=tuple(arguments.pattern),
        )
    except ValueError as error:
        raise UsageError(
            f"no baseline could be made from {read.source}", why=read.reason or str(error), hint=read.hint
        ) from error
    Path(arguments.file).write_bytes(msgspec.json.format(msgspec.json.encode(baseline)))
    print(f"{len(baseline.objects)} objects noted in {arguments.file}", file=sys.stderr)
    return ExitStatus.OK
