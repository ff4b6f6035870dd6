"""The one clock. Everything that asks for the time takes a ``Clock``, so tests and the demo can set it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for durations and deadlines."""

    def now(self) -> datetime:
        """Returns the current time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Returns seconds from an arbitrary start; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Waits. Only retry loops call it, and only for what their deadline leaves."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class OffsetClock(SystemClock):
    """A clock that runs normally but started at ``start``: the demo lives at the time of its recording."""

    def __init__(self, start: datetime) -> None:
        self._shift: timedelta = start - datetime.now(UTC)

    def now(self) -> datetime:
        return super().now() + self._shift


_WORTH_CORRECTING = 30.0
"""Seconds between two clocks below which the time an answer takes may be all of the difference."""
MOST_SKEW = 100 * 365.25 * 86400
"""Seconds beyond which a difference says nothing of a clock: even one without a battery shows 1970."""


def differs(skew: float | None) -> bool:
    """True for a difference of two clocks, in seconds, that is worth a word and a correction."""
    return skew is not None and _WORTH_CORRECTING <= abs(skew) <= MOST_SKEW


def as_shown(moment: datetime, skew: float | None) -> datetime:
    """Returns one of our moments as a clock shows it that is ``skew`` seconds ahead; None: as ours does."""
    try:
        return moment + timedelta(seconds=skew or 0.0) if differs(skew) else moment
    except OverflowError:
        return moment


def rfc3339(moment: datetime) -> str:
    """Returns ``2026-11-20T22:00:41Z``: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_rfc3339(text: object) -> datetime | None:
    """Returns the time a Kubernetes object states, in UTC, or None when it states none that can be read."""
    if not isinstance(text, str) or not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
