"""The delivery of one run: what an earlier run left, then its own notices; what fails is kept."""

from __future__ import annotations

from dataclasses import replace

from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.core.log import Logger
from collector.core.text import counted
from collector.delivery.courier import Courier
from collector.delivery.notice import Site
from collector.delivery.notices import BundleFile, notices, rank, sendable
from collector.delivery.outcome import Delivery, DeliveryState
from collector.delivery.private import alone
from collector.delivery.settings import ErrbitSettings
from collector.findings import Report
from collector.web.http import HttpClient

__all__ = ["BundleFile", "Delivery", "DeliveryState", "deliver", "resend_spool"]


def deliver(
    report: Report,
    bundle: BundleFile,
    settings: ErrbitSettings,
    *,
    clock: Clock,
    deadline: Deadline,
    log: Logger = None,
) -> Delivery:
    """Sends what is pending in the spool, then the report's notices. Never raises for network or disk.

    A finding that this endpoint was told of within a day is not told again unless it got worse.
    """
    site = Site(environment=settings.environment, hostname=settings.hostname)
    with (
        HttpClient(ca_file=settings.ca_file, allow_http=settings.allow_http) as http,
        alone(settings.spool_dir, clock, deadline) as undisturbed,
    ):
        courier = Courier(settings, http, clock, log)
        earlier = Delivery(state=DeliveryState.DELIVERED)
        if undisturbed:
            # What is old may not take the time of what is new.
            earlier = courier.resend(deadline.child(reserve=deadline.left() / 2))
        due = courier.news()
        held = sum(not due(j.finding.fingerprint, rank(j)) for j in sendable(report.findings))
        batch = notices(report, bundle, site, due=due)
        done = courier.deliver(batch, deadline) if undisturbed else courier.postpone(batch)
        return _with_earlier(done, resent=earlier.sent, held=held)


def _with_earlier(delivery: Delivery, *, resent: int, held: int) -> Delivery:
    told = f", {counted(held, 'finding')} not repeated (told within a day, or waiting)" if held else ""
    return replace(delivery, resent=resent, held=held, reason=delivery.reason + told)


def resend_spool(
    settings: ErrbitSettings, *, clock: Clock, deadline: Deadline, log: Logger = None
) -> Delivery:
    """Sends what earlier runs left in the spool, oldest first. Never raises for network or disk."""
    with (
        HttpClient(ca_file=settings.ca_file, allow_http=settings.allow_http) as http,
        alone(settings.spool_dir, clock, deadline) as undisturbed,
    ):
        courier = Courier(settings, http, clock, log)
        if not undisturbed:
            return courier.postpone(courier.pending())
        return courier.resend(deadline)
