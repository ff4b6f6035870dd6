"""The last station: notices to the Errbit-compatible endpoint, if there is one. Never costs the bundle."""

from __future__ import annotations

from collector.bundle.writer import Sealed
from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.core.log import Logger
from collector.delivery.deliver import Delivery, deliver, store_bundle
from collector.delivery.uploadlog import awaited
from collector.findings import Report
from collector.pipeline.options import RunOptions
from collector.pipeline.plan import Plan
from collector.pipeline.retention import prune

_LEAST_SECONDS = 60.0
_LEAST_SECONDS_WHOLE = 600.0


def send(plan: Plan, report: Report, sealed: Sealed, log: Logger) -> Delivery | None:
    """Returns what became of the delivery, None if none was wanted.

    It gets what the run has left, but never less than a minute, or ten where the bundle itself is to be
    sent: it is already safe on this machine. A run that is
    asked to stop sends nothing more; its notices wait in the spool.
    """
    settings, store = plan.options.errbit, plan.options.store
    whole = store is not None or (settings is not None and settings.upload is not None)
    seconds = max(plan.deadline.left(), _LEAST_SECONDS_WHOLE if whole else _LEAST_SECONDS)
    deadline = Deadline(plan.clock, seconds, stop=plan.stop)
    if settings is not None:
        return deliver(report, sealed, settings, clock=plan.clock, deadline=deadline, log=log, store=store)
    if store is not None:
        return store_bundle(sealed, store, clock=plan.clock, deadline=deadline)
    return None


def prune_bundles(options: RunOptions, clock: Clock) -> None:
    """Removes old bundles as the operator wishes, but none that an upload still needs."""
    spool = options.errbit.spool_dir if options.errbit else None
    try:
        needed = awaited(spool, clock.now()) if spool else frozenset()
    except OSError:
        return  # what is still needed is not known
    prune(options.dest_dir, options.label, options.keep_last, awaited=needed)
