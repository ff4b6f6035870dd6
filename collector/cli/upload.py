"""``upload``: sends the notices and bundles that an earlier run had to leave in its spool."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from collector.cli.collect import add_errbit_flags
from collector.cli.parser import Parser
from collector.core.clock import SystemClock
from collector.core.errors import ExitStatus, RefusedDeliveryError, UndeliveredError, UsageError

_SECONDS = 1800.0


def parser(prog: str) -> Parser:
    """Returns the parser of this verb."""
    made = Parser(
        prog=prog,
        description="Sends the notices in the spool of an earlier run, oldest first, and unfinished uploads.",
        examples=(f"{prog} --dest-dir DIR --errbit-url https://errbit.example.com --errbit-key-file KEY",),
    )
    made.option("--dest-dir", "folder the earlier run wrote to (its spool is inside)", default=".")
    made.option("--spool", "the spool itself, where it is not inside that folder", default="", metavar="DIR")
    made.option(
        "--upload-key-file", "file with the API key of an application for bundles", default="", metavar="FILE"
    )
    made.option("--label", "name of the site", default="conductor")
    add_errbit_flags(made)
    return made


def run(arguments: argparse.Namespace) -> int:
    """Runs the verb and returns the exit status."""
    from collector.cli.settings import errbit_settings
    from collector.cli.whereto import secret_from
    from collector.core.deadline import Deadline
    from collector.delivery import Secret, UploadSettings
    from collector.delivery.deliver import resend_spool

    settings = errbit_settings(arguments)
    if settings is None:
        raise UsageError("no endpoint was given", hint="try: --errbit-url https://errbit.example.com")
    if arguments.spool:
        settings = replace(settings, spool_dir=Path(arguments.spool))
    if arguments.upload_key_file:
        key = Secret(secret_from(arguments.upload_key_file, "the API key for bundles"))
        settings = replace(settings, upload=UploadSettings(key=key))
    clock = SystemClock()
    delivery = resend_spool(settings, clock=clock, deadline=Deadline(clock, _SECONDS))
    if not delivery.complete:
        kind = RefusedDeliveryError if delivery.cause.persists else UndeliveredError
        raise kind(f"delivery: {delivery.state}", why=delivery.reason, hint=delivery.hint)
    print(delivery.reason, file=sys.stderr)
    return ExitStatus.OK
