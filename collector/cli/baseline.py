"""``baseline make``: writes the digests of a database's catalogue, which later runs are compared with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from collector.cli.collect import add_connection_flags
from collector.cli.parser import Parser
from collector.core.clock import SystemClock
from collector.core.errors import ExitStatus, UsageError

_SECONDS = 120.0


def parser(prog: str) -> Parser:
    """Returns the parser of this verb."""
    made = Parser(
        prog=prog,
        description="Reads a database's catalogue in its pod (pods/exec), and writes digests of it.",
        examples=(f"{prog} make --pod conductor/postgres-0 --database conductor BASELINE",),
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
    add_connection_flags(made)
    return made


def run(arguments: argparse.Namespace) -> int:
    """Runs the verb and returns the exit status."""
    import msgspec

    from collector.cli.settings import connection_options
    from collector.core.deadline import Deadline
    from collector.kube.commands import Commands
    from collector.kube.config import connect
    from collector.kube.exec import PodRunner, Target
    from collector.kube.guard import RefusedRequestError
    from collector.kube.requestlog import RequestLog
    from collector.postgres.fingerprint import make_baseline
    from collector.postgres.psql import read_batch
    from collector.postgres.queries import batch, load_queries

    namespace, slash, pod = arguments.pod.partition("/")
    if not (slash and pod and arguments.database):
        raise UsageError(
            "the pod and the database are needed",
            hint="try: conductor-diag baseline make --pod NAMESPACE/NAME --database NAME FILE",
        )
    clock = SystemClock()
    runner = PodRunner(
        connect(connection_options(arguments)),
        clock=clock,
        deadline=Deadline(clock, _SECONDS),
        log=RequestLog(),
    )
    try:
        command = Commands().get("psql", database=arguments.database)
    except RefusedRequestError as error:
        raise UsageError(str(error), hint="try: --database NAME, of letters, digits and _ . -") from error
    target = Target(namespace=namespace, pod=pod, container=arguments.container)
    ran = runner.run(target, command, batch(load_queries("fingerprint.yaml")))
    try:
        baseline = make_baseline(
            read_batch(ran.output, ran.errors),
            product_version=arguments.product_version,
            database=arguments.database,
            patterns=tuple(arguments.pattern),
        )
    except ValueError as error:
        raise UsageError(
            f"no baseline could be made from {arguments.pod}",
            why=f"{error}; {ran.reason or ran.status}",
            hint="try: kubectl auth can-i create pods/exec -n NAMESPACE, and check --container "
            "and --database",
        ) from error
    Path(arguments.file).write_bytes(msgspec.json.format(msgspec.json.encode(baseline)))
    print(f"{len(baseline.objects)} objects noted in {arguments.file}", file=sys.stderr)
    return ExitStatus.OK
