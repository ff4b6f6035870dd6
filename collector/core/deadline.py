"""The one deadline of a run, from which every timeout is taken.

Children end no later than their parent, so inner limits can never add up to more than the outer one.
"""

from __future__ import annotations

from collector.core.clock import Clock


class DeadlineExceededError(Exception):
    """The time for a piece of work is over."""


class Deadline:
    """A moment on the monotonic clock before which work has to end."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock.monotonic() + max(seconds, 0.0)

    def left(self, cap: float | None = None) -> float:
        """Returns the seconds left, never negative and at most ``cap``."""
        remaining = max(self._end - self._clock.monotonic(), 0.0)
        return remaining if cap is None else min(remaining, cap)

    @property
    def expired(self) -> bool:
        """True once no time is left."""
        return self.left() <= 0.0

    def check(self) -> None:
        """Raises DeadlineExceededError once no time is left."""
        if self.expired:
            raise DeadlineExceededError

    def child(self, seconds: float | None = None, *, reserve: float = 0.0) -> Deadline:
        """Returns a deadline ``reserve`` seconds before this one, and at most ``seconds`` away."""
        available = max(self.left() - reserve, 0.0)
        return Deadline(self._clock, available if seconds is None else min(available, seconds))
