"""Carries notices from the spool to the endpoint, so that a process may die at any moment and lose none.

A notice is on disk before it is sent, in the ledger before it leaves the disk. Killed between the endpoint's
yes and the ledger's line, it is sent once more with the same ``notice_uid``; no other case makes two of one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.core.log import Logger
from collector.delivery.errbit import ErrbitClient
from collector.delivery.ledger import Ledger
from collector.delivery.notice import Notice
from collector.delivery.outcome import Delivery, Fate, fate_of, summarise
from collector.delivery.settings import ErrbitSettings
from collector.delivery.spool import Spool
from collector.delivery.verdict import Cause, Receipt, Verdict
from collector.web.http import HttpClient
from collector.web.target import host_of

_NO_TIME = Receipt(
    verdict=Verdict.UNAVAILABLE, cause=Cause.UNAVAILABLE, reason="the time for delivery is over"
)
_BUSY = Receipt(
    verdict=Verdict.UNAVAILABLE,
    cause=Cause.UNAVAILABLE,
    reason="another process is delivering from the same folder",
)


class Courier:
    """One connection, one spool, one ledger; what ends the sending of old notices ends that of new ones."""

    def __init__(self, settings: ErrbitSettings, http: HttpClient, clock: Clock, log: Logger) -> None:
        self.client = ErrbitClient(settings, http, clock)
        self._host = host_of(settings.base)
        self._resend = settings.resend
        self._log = log
        self._spool = Spool(settings.spool_dir, clock=clock) if settings.spool_dir else None
        self._ledger = self._open_ledger(settings, clock)

    def news(self) -> Callable[[str, int], bool]:
        """Returns what tells if a finding is news: neither told within a day nor waiting, or now worse."""
        waiting = self.pending()

        def due(finding: str, rank: int) -> bool:
            if self._ledger and self._ledger.told(finding, rank):
                return False
            return not any(notice.finding == finding and notice.rank <= rank for notice in waiting)

        return due

    def arrived(self, uid: str) -> bool:
        """True when the endpoint is known to have this very notice."""
        return self._ledger is not None and self._ledger.arrived(uid)

    def deliver(self, batch: Sequence[Notice], deadline: Deadline) -> Delivery:
        """Sends each notice; what the endpoint could not take stays in the spool."""
        kept = self.keep(batch)
        outcomes = []
        for notice, is_kept in zip(batch, kept, strict=True):
            outcomes.append(self._carry(notice, deadline, kept=is_kept))
        return self._told(summarise(outcomes, self._host, self._resend))

    def keep(self, batch: Sequence[Notice]) -> list[bool]:
        """Puts each notice on disk, in place of one with its uid; says for each whether it is there."""
        return [self._keep(notice) for notice in batch]

    def postpone(self, batch: Sequence[Notice]) -> Delivery:
        """Keeps each notice, because another process is sending."""
        outcomes = [(Fate.SPOOLED if self._keep(notice) else Fate.LOST, _BUSY) for notice in batch]
        return self._told(summarise(outcomes, self._host, self._resend))

    def resend(self, deadline: Deadline) -> Delivery:
        """Sends what is pending; what was accepted, or turned away for its own sake, leaves the spool."""
        outcomes = []
        for notice in self.pending():
            if self._overtaken(notice):
                self._forget(notice)
            elif deadline.expired:
                outcomes.append((Fate.SPOOLED, _NO_TIME))
            else:
                outcomes.append(self._carry(notice, deadline, kept=True))
        return self._told(summarise(outcomes, self._host, self._resend))

    def _overtaken(self, notice: Notice) -> bool:
        """True for what arrived before a process could forget it, or was told since by a newer run."""
        if self._ledger is None:
            return False
        told = bool(notice.finding) and self._ledger.told(notice.finding, notice.rank)
        return told or self.arrived(notice.uid)

    def _carry(self, notice: Notice, deadline: Deadline, *, kept: bool) -> tuple[Fate, Receipt]:
        receipt = self.client.send(notice, deadline)
        fate = fate_of(receipt, ended=kept and self.client.ended)
        if fate is Fate.SPOOLED and not kept:
            fate = Fate.LOST
        if fate is Fate.SENT:
            self._note(notice)
        if fate in (Fate.SENT, Fate.REJECTED) and kept:
            self._forget(notice)
        return fate, receipt

    def _open_ledger(self, settings: ErrbitSettings, clock: Clock) -> Ledger | None:
        if settings.spool_dir is None:
            return None
        try:
            return Ledger(settings.spool_dir, endpoint=settings.identity, clock=clock)
        except OSError as error:
            self._warn("the ledger cannot be read; findings may be told again", reason=error.strerror)
            return None

    def pending(self) -> list[Notice]:
        """Returns what waits in the spool, oldest first."""
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

    def _note(self, notice: Notice) -> None:
        try:
            if self._ledger:
                self._ledger.note(notice)
        except OSError as error:
            self._warn("the ledger cannot be written; a finding may be told again", reason=error.strerror)

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
