"""Remembers what was asked of the API server: for the cost report, the clock skew and the reviewer."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

_KEPT = 50_000


@dataclass(frozen=True, kw_only=True)
class Request:
    """One attempt. ``size`` is bytes of body received, ``seconds`` wall time to the end of the body."""

    collector: str
    started: datetime
    method: str
    path: str
    status: int
    size: int
    seconds: float
    error: str = ""


class RequestLog:
    """Thread-safe; keeps the first 50,000 attempts and counts all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._by_collector: Counter[str] = Counter()
        self._skews: list[float] = []
        self.total = 0
        self.size = 0
        self.throttled = 0

    def add(self, request: Request) -> None:
        """Notes one attempt."""
        with self._lock:
            self.total += 1
            self.size += request.size
            self.throttled += request.status == 429  # noqa: PLR2004 - Too Many Requests
            self._by_collector[request.collector] += 1
            if len(self._requests) < _KEPT:
                self._requests.append(request)

    def note_skew(self, seconds: float) -> None:
        """Notes how far the server's Date header is ahead of our clock."""
        with self._lock:
            if len(self._skews) < _KEPT:
                self._skews.append(seconds)

    @property
    def clock_skew(self) -> float | None:
        """Median seconds by which the server's clock is ahead of ours; None if no answer carried a date."""
        with self._lock:
            ordered = sorted(self._skews)
        return ordered[len(ordered) // 2] if ordered else None

    def of(self, collector: str) -> int:
        """Returns how many attempts a collector made."""
        with self._lock:
            return self._by_collector[collector]

    def __iter__(self) -> Iterator[Request]:
        with self._lock:
            snapshot = tuple(self._requests)
        return iter(snapshot)
