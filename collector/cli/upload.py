"""``upload``: sends a bundle that was made earlier, or what earlier runs had to leave in their spool."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from collector.cli.bundleflags import add_bundle_flags
from collector.cli.collect import add_errbit_flags
from collector.cli.parser import Parser
from collector.core.clock import SystemClock
from collector.core.errors import BundleError, ExitStatus, RefusedDeliveryError, UndeliveredError, UsageError

if TYPE_CHECKING:
    from collector.delivery import ErrbitSettings, StoreSettings
    from collector.delivery.deliver import Delivery

_SECONDS = 1800.0


def parser(prog: str) -> Parser:
    """Returns the parser of this verb."""
    made = Parser(
        prog=prog,
        description=(
            "Delivers a bundle and its findings to an endpoint, or the bundle to a store.\n"
            "Without a bundle: what waits in the spool of earlier runs, notices and unfinished uploads."
        ),
        examples=(
            f"{prog} BUNDLE.tar.zst --errbit-url URL --errbit-key-file KEY",
            f"{prog} BUNDLE.tar.zst --store-url-file FILE",
            f"{prog} --dest-dir DIR --errbit-url URL --errbit-key-file KEY",
        ),
    )
    made.add_argument("bundle", type=Path, nargs="?", help="bundle file; left out: what waits in the spool")
    made.option(
        "--dest-dir",
        "folder the earlier run wrote to, its spool inside (default: the bundle's, or here)",
        default="",
        metavar="DIR",
    )
    made.option("--spool", "the spool itself, where it is not inside that folder", default="", metavar="DIR")
    made.option("--label", "name of the site", default="conductor")
    add_errbit_flags(made)
    add_bundle_flags(made, upload="yes")
    return made


def run(arguments: argparse.Namespace) -> int:
    """Runs the verb and returns the exit status."""
    from collector.cli.settings import errbit_settings, spool_of
    from collector.cli.whereto import store_settings

    # What the run that made a bundle has told stands in the spool beside it.
    arguments.dest_dir = arguments.dest_dir or (str(arguments.bundle.parent) if arguments.bundle else ".")
    spool = Path(arguments.spool) if arguments.spool else spool_of(arguments)
    settings = errbit_settings(arguments)
    if settings is not None:
        settings = replace(settings, spool_dir=spool)
    store = store_settings(arguments, spool)
    delivery = _bundle(arguments.bundle, settings, store) if arguments.bundle else _spool(settings)
    if not delivery.complete:
        kind = RefusedDeliveryError if delivery.cause.persists else UndeliveredError
        raise kind(f"delivery: {delivery.state}", why=delivery.reason, hint=delivery.hint)
    print(delivery.reason, file=sys.stderr)
    return ExitStatus.OK


def _spool(settings: ErrbitSettings | None) -> Delivery:
    """Sends what waits."""
    from collector.core.deadline import Deadline
    from collector.delivery.deliver import resend_spool

    if settings is None:
        raise UsageError("no endpoint was given", hint="try: --errbit-url https://errbit.example.com")
    clock = SystemClock()
    return resend_spool(settings, clock=clock, deadline=Deadline(clock, _SECONDS))


@dataclass(frozen=True, kw_only=True)
class _File:
    path: Path
    sha256: str
    size: int


def _bundle(path: Path, settings: ErrbitSettings | None, store: StoreSettings | None) -> Delivery:
    """Sends one bundle as the run that made it would have."""
    from collector.core.deadline import Deadline
    from collector.delivery.deliver import deliver, store_bundle
    from collector.pipeline.reopen import reopen

    file = _whole(path)
    clock = SystemClock()
    deadline = Deadline(clock, _SECONDS)
    if settings is not None:
        return deliver(reopen(path), file, settings, clock=clock, deadline=deadline, store=store)
    if store is not None:
        return store_bundle(file, store, clock=clock, deadline=deadline)
    raise UsageError(
        "no endpoint and no store was given",
        hint="try: --errbit-url https://errbit.example.com, or --store-url-file FILE",
    )


def _whole(path: Path) -> _File:
    """Returns a bundle as its file. Raises BundleError for one that does not agree with its manifest."""
    from collector.bundle.reader import BundleReader

    with BundleReader(path) as reader:
        found = reader.verify()
    if found.problems:
        raise BundleError(
            f"{path} is damaged and was not uploaded",
            why=found.problems[0],
            hint=f"see all of it: conductor-diag bundle verify {path}",
        )
    return _File(path=path, sha256=found.sha256, size=found.size)
