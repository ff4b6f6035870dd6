"""From flags to what a run would need and may do; shared by ``preflight`` and ``collect --dry-run``."""

from __future__ import annotations

import argparse
import sys

from collector.cli.settings import connection_options, make_spec
from collector.core.clock import SystemClock
from collector.core.errors import UsageError
from collector.core.ids import new_bundle_id
from collector.core.log import LogSink, make_logger
from collector.kube.config import CredentialsError, connect
from collector.pipeline.preflight import Preflight, preflight
from collector.pipeline.unreachable import login_refusal, unreachable
from collector.spec import Spec


def look(arguments: argparse.Namespace) -> tuple[Preflight, Spec]:
    """Returns what a run with these flags needs and may do, and the effective spec.

    Raises:
        UsageError: the flags name no cluster that could be asked.
        UnreachableError: the cluster cannot be read, or there are no credentials for it.
    """
    if getattr(arguments, "from_dir", ""):
        raise UsageError(
            "--from-dir reads no cluster, so there is nothing to ask one for",
            hint="try: conductor-diag collect --from-dir DIR",
        )
    spec, clock = make_spec(arguments), SystemClock()
    log = make_logger(
        LogSink(sys.stderr), clock=clock, run_id=new_bundle_id(clock.now()), json_lines=False, level="warning"
    )
    try:
        link = connect(connection_options(arguments))
    except CredentialsError as error:
        raise unreachable(error.connection, login_refusal(error)) from error
    return preflight(link, spec, clock=clock, log=log), spec
