"""The last station: notices to the Errbit-compatible endpoint, if there is one. Never costs the bundle."""

from __future__ import annotations

from collector.bundle.writer import Sealed
from collector.core.deadline import Deadline
from collector.core.log import Logger
from collector.delivery import Delivery, deliver
from collector.findings import Report
from collector.pipeline.plan import Plan

_LEAST_SECONDS = 60.0


def send(plan: Plan, report: Report, sealed: Sealed, log: Logger) -> Delivery | None:
    """Returns what became of the delivery, None if none was wanted.

    It gets what the run has left, but never less than a minute: the bundle is already safe. A run that is
    asked to stop sends nothing more; its notices wait in the spool.
    """
    settings = plan.options.errbit
    if settings is None:
        return None
    seconds = max(plan.deadline.left(), _LEAST_SECONDS)
    deadline = Deadline(plan.clock, seconds, stop=plan.stop)
    return deliver(report, sealed, settings, clock=plan.clock, deadline=deadline, log=log)
