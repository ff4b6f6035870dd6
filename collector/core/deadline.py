"""The one deadline of a run, from which every timeout is taken.

Children end no later than their parent, so inner limits can never add up to more than the outer one. A
deadline can also be cut short: the wish to stop counts as if the time were over.
"""

from __future__ import annotations

from collector.core.clock import Clock
from collector.core.stop import Stop


class DeadlineExceededError(Exception):
    """The time for a piece of work is over."""


class Deadline:
    """A moment on the monotonic clock before which work has to end.

    Args:
        clock: the clock it is held against.
        seconds: from now; less than nothing counts as nothing.
        stop: once asked for, no time is left, whatever the clock says. Children share it.
    """

    def __init__(self, clock: Clock, seconds: float, *, stop: Stop | None = None) -> None:
        self._clock = clock
        self._end = clock.monotonic() + max(seconds, 0.0)
        self._stop = stop or Stop()

    def left(self, cap: float | None = None) -> float:
        """Returns the seconds left, never negative and at most ``cap``."""
        if self._stop.asked:
            return 0.0
        remaining = max(self._end - self._clock.monotonic(), 0.0)
        return remaining if cap is None else min(remaining, cap)

    @property
    def expired(self) -> bool:
        """True once no time is left."""
        return self.left() <= 0.0

    @property
    def stopped(self) -> str:
        """Returns why the work was asked to end early, empty if it was not."""
        return self._stop.reason

    def check(self) -> None:
        """Raises DeadlineExceededError once no time is left."""
        if self.expired:
            raise DeadlineExceededError

    def child(
        self, seconds: float | None = None, *, reserve: float = 0.0, stop: Stop | None = None
    ) -> Deadline:
        """Returns a deadline ``reserve`` seconds before this one, and at most ``seconds`` away.

        ``stop`` replaces the parent's wish to stop, so that a part of the work can be ended alone.
        """
        available = max(self.left() - reserve, 0.0)
        length = available if seconds is None else min(available, seconds)
        return Deadline(self._clock, length, stop=stop or self._stop)
