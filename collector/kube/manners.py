"""Spares the API server: so many requests a second, so many at once, and none while it asks us to wait.

One object for all threads of a run. Every wait ends no later than the deadline of the one who waits.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from collector.core.clock import Clock
from collector.core.deadline import Deadline, DeadlineExceededError

_LONGEST_PAUSE = 60.0
_BURST = 6.0
# Waits are cut into pieces, so that the wish to stop is noticed soon.
_PIECE = 0.5
# Shorter waits are none: a clock need not be able to tell them from nothing.
_LEAST = 0.001


class Manners:
    """Limits shared by all views of an API.

    Args:
        clock: paces the requests.
        requests_per_second: on average; after a rest, six times as many may go at once (kubectl allows itself
            50 a second, and 300 at once).
        parallel: requests under way at the same time; streams get all of these places but one, so that
            streams that hang never hold up everything else.
    """

    def __init__(self, clock: Clock, *, requests_per_second: float = 50.0, parallel: int = 8) -> None:
        self._clock = clock
        self._interval = 1.0 / requests_per_second
        self._credit = max(_BURST * requests_per_second - 1.0, 0.0) * self._interval
        self._slots = threading.BoundedSemaphore(parallel)
        self._lasting = threading.BoundedSemaphore(max(parallel - 1, 1))
        self._lock = threading.Lock()
        # The moment at which every request so far has been paid for.
        self._paid = clock.monotonic()
        self._not_before = clock.monotonic()

    @contextlib.contextmanager
    def slot(self, deadline: Deadline, *, lasting: bool = False) -> Iterator[None]:
        """Holds one of the parallel requests; ``lasting`` for a stream.

        Raises:
            DeadlineExceededError: none gets free in time.
        """
        with contextlib.ExitStack() as held:
            for places in (self._lasting, self._slots) if lasting else (self._slots,):
                while not places.acquire(timeout=deadline.left(cap=_PIECE)):
                    deadline.check()
                held.callback(places.release)
            yield

    def admit(self, deadline: Deadline) -> float:
        """Returns when the next request may be sent, and how many seconds that took.

        Raises:
            DeadlineExceededError: it may not be sent before the deadline; nothing was waited for then.
        """
        turn = self._take_turn()
        began = self._clock.monotonic()
        while (wait := max(turn, self._not_before) - self._clock.monotonic()) > _LEAST:
            if wait >= deadline.left():
                self._give_back()
                raise DeadlineExceededError
            self._clock.sleep(min(wait, _PIECE))
        deadline.check()
        return self._clock.monotonic() - began

    def rest(self, seconds: float, deadline: Deadline) -> float:
        """Waits before another attempt, at most until the deadline; returns the seconds that took."""
        began = self._clock.monotonic()
        until = began + deadline.left(cap=seconds)
        while (wait := until - self._clock.monotonic()) > _LEAST and not deadline.expired:
            self._clock.sleep(min(wait, _PIECE))
        return self._clock.monotonic() - began

    def pause(self, seconds: float) -> None:
        """Holds back every new request: the server asked for it. At most a minute for each time it asks."""
        with self._lock:
            until = self._clock.monotonic() + min(max(seconds, 0.0), _LONGEST_PAUSE)
            self._not_before = max(self._not_before, until)

    def _take_turn(self) -> float:
        """Returns the moment of our turn: at once as long as there is credit."""
        with self._lock:
            self._paid = max(self._paid, self._clock.monotonic())
            turn = self._paid - self._credit
            self._paid += self._interval
            return turn

    def _give_back(self) -> None:
        with self._lock:
            self._paid -= self._interval
