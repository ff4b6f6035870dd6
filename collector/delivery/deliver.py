"""The delivery of one run: what an earlier run left, then its own notices; what fails is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.core.log import Logger
from collector.delivery.errbit import ErrbitClient
from collector.delivery.http import HttpClient
from collector.delivery.notice import Notice, Site
from collector.delivery.notices import BundleFile, notices
from collector.delivery.outcome import Delivery, DeliveryState, Fate, fate_of, summarise
from collector.delivery.settings import ErrbitSettings
from collector.delivery.spool import Spool
from collector.delivery.target import host_of
from collector.delivery.verdict import Receipt, Verdict
from collector.findings import Report

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
    """Sends what is pending in the spool, then the report's notices. Never raises for network or disk."""
    site = Site(environment=settings.environment, hostname=settings.hostname)
    batch = notices(report, bundle, site)
    with HttpClient(ca_file=settings.ca_file, allow_http=settings.allow_http) as http:
        courier = _Courier(settings, http, clock, log)
        # What is old may not take the time of what is new.
        earlier = courier.resend(deadline.child(reserve=deadline.left() / 2))
        return replace(courier.deliver(batch, deadline), resent=earlier.sent)


def resend_spool(
    settings: ErrbitSettings, *, clock: Clock, deadline: Deadline, log: Logger = None
) -> Delivery:
    """Sends what earlier runs left in the spool, oldest first. Never raises for network or disk."""
    with HttpClient(ca_file=settings.ca_file, allow_http=settings.allow_http) as http:
        return _Courier(settings, http, clock, log).resend(deadline)


_NO_TIME = Receipt(verdict=Verdict.UNAVAILABLE, reason="the time for delivery is over")


class _Courier:
    """One connection and one spool; what ends the sending of old notices also ends that of new ones."""

    def __init__(self, settings: ErrbitSettings, http: HttpClient, clock: Clock, log: Logger) -> None:
        self._host = host_of(settings.base)
        self._client = ErrbitClient(settings, http, clock)
        self._spool = Spool(settings.spool_dir, clock=clock) if settings.spool_dir else None
        self._log = log

    def deliver(self, batch: Sequence[Notice], deadline: Deadline) -> Delivery:
        """Sends each notice; what the endpoint could not take now goes to the spool."""
        outcomes = []
        for notice in batch:
            receipt = self._client.send(notice, deadline)
            fate = fate_of(receipt)
            if fate is Fate.SPOOLED and not self._keep(notice):
                fate = Fate.LOST
            outcomes.append((fate, receipt))
        return self._told(summarise(outcomes, self._host))

    def resend(self, deadline: Deadline) -> Delivery:
        """Sends what is pending; what was accepted, or turned away for its own sake, leaves the spool."""
        outcomes = []
        for notice in self._pending():
            if deadline.expired:
                outcomes.append((Fate.SPOOLED, _NO_TIME))
                continue
            receipt = self._client.send(notice, deadline)
            fate = fate_of(receipt)
            if fate is Fate.SENT or (fate is Fate.REJECTED and not self._client.ended):
                self._forget(notice)
            outcomes.append((fate, receipt))
        return self._told(summarise(outcomes, self._host))

    def _pending(self) -> list[Notice]:
        try:
            return self._spool.pending() if self._spool else []
        except OSError as error:
            self._warn("the spool cannot be read", reason=error.strerror)
            return []

    def _keep(self, notice: Notice) -> bool:
        try:
            if self._spool:
                self._spool.put(notice)
        except OSError as error:
            self._warn("a notice could not be kept for later", reason=error.strerror)
            return False
        return self._spool is not None

    def _forget(self, notice: Notice) -> None:
        try:
            if self._spool:
                self._spool.remove(notice.uid)
        except OSError as error:
            self._warn("a notice that was sent could not be removed from the spool", reason=error.strerror)

    def _told(self, delivery: Delivery) -> Delivery:
        if not delivery.complete:
            self._warn("notices not delivered", state=str(delivery.state), reason=delivery.reason)
        elif delivery.sent and self._log is not None:
            self._log.info("notices delivered", count=delivery.sent)
        return delivery

    def _warn(self, words: str, **details: object) -> None:
        if self._log is not None:
            self._log.warning(words, **details)
