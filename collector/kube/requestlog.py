"""Remembers what was asked of the API server: for the cost report, the clock skew and the reviewer."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from collector.core.clock import MOST_SKEW
from collector.core.packed import PackedLines

_KEPT = 50_000
_KEPT_SKEWS = 1_000
_LONGEST_PATH = 2000
_MOST_FLOWS = 200
_UID = re.compile(r"[0-9a-f-]{1,64}")


@dataclass(frozen=True, kw_only=True, slots=True)
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


_DECODER = msgspec.json.Decoder(Request)


class RequestLog:
    """Thread-safe; keeps the first 50,000 attempts and counts all of them.

    Attributes:
        total: attempts.
        size: bytes of all bodies.
        throttled: answers 429.
        waited: seconds that threads waited, added up: for the pace we keep, because the server asked, and
            before further attempts.
        flow_schemas: answers by the UID of the FlowSchema that the server put the request into; empty where
            there is no priority and fairness.
        priority_levels: the same by the UID of the PriorityLevelConfiguration.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = PackedLines()
        self._by_collector: Counter[str] = Counter()
        self._skews: list[float] = []
        self.total = 0
        self.size = 0
        self.throttled = 0
        self.waited = 0.0
        self.flow_schemas: Counter[str] = Counter()
        self.priority_levels: Counter[str] = Counter()

    def add(self, request: Request) -> None:
        """Notes one attempt."""
        with self._lock:
            self.total += 1
            self.size += request.size
            self.throttled += request.status == 429  # noqa: PLR2004 - Too Many Requests
            self._by_collector[request.collector] += 1
            if len(self._requests) < _KEPT:
                long = len(request.path) > _LONGEST_PATH
                kept = replace(request, path=request.path[:_LONGEST_PATH]) if long else request
                self._requests.append(msgspec.json.encode(kept))

    def note_wait(self, seconds: float) -> None:
        """Notes time in which a thread did nothing but wait."""
        with self._lock:
            self.waited += seconds

    def note_fairness(self, *, schema: str, level: str) -> None:
        """Notes where the server's priority and fairness put a request; anything but UIDs is ignored."""
        with self._lock:
            for uid, counts in ((schema, self.flow_schemas), (level, self.priority_levels)):
                if _UID.fullmatch(uid) and (uid in counts or len(counts) < _MOST_FLOWS):
                    counts[uid] += 1

    def note_skew(self, seconds: float) -> None:
        """Notes how far the server's Date header is ahead of our clock; what no clock shows is ignored."""
        with self._lock:
            if abs(seconds) <= MOST_SKEW and len(self._skews) < _KEPT_SKEWS:
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
            lines = iter(self._requests)
        return map(_DECODER.decode, lines)
