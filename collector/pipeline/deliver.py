"""The last station: notices to the Errbit-compatible endpoint, if there is one. Never costs the bundle."""

from __future__ import annotations

from collector.bundle.writer import Sealed
from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.core.log import Logger
from collector.delivery import Delivery, ErrbitSettings, deliver
from collector.findings import Report


def send(
    report: Report,
    sealed: Sealed,
    settings: ErrbitSettings | None,
    *,
    clock: Clock,
    deadline: Deadline,
    log: Logger,
) -> Delivery | None:
    """Returns what became of the delivery, None if none was wanted."""
    if settings is None:
        return None
    return deliver(report, sealed, settings, clock=clock, deadline=deadline, log=log)
