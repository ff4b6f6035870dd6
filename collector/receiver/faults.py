"""Trouble on demand: makes the next answers fail the way proxies, sick servers and networks do."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Literal

from collector.receiver.model import HTML, Answer

_PAGES = {413: "Request Entity Too Large", 429: "Too Many Requests", 500: "Internal Server Error"}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with one answer.

    Attributes:
        kind: ``status`` answers with ``status`` (and ``Location`` or ``Retry-After``, if given) and stores
            nothing; ``reset`` breaks the connection and stores nothing; ``slow`` answers rightly after
            ``seconds``; ``half`` stores the notice and sends half of the answer's body.
    """

    kind: Literal["status", "reset", "slow", "half"] = "status"
    status: int = 500
    retry_after: str = ""
    location: str = ""
    body: str = ""
    content_type: str = HTML
    seconds: float = 0.0

    def answer(self) -> Answer:
        """Returns the answer of a ``status`` fault."""
        named = {"Retry-After": self.retry_after, "Location": self.location}
        headers = {name: value for name, value in named.items() if value}
        body = self.body or f"<h1>{self.status} {_PAGES.get(self.status, 'error')}</h1>"
        return Answer(status=self.status, content_type=self.content_type, body=body.encode(), headers=headers)


class Faults:
    """A queue of faults; each answer takes one until none are left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[Fault] = deque()

    def add(self, fault: Fault, times: int = 1) -> None:
        """Plans ``fault`` for the next ``times`` answers, after those planned before."""
        with self._lock:
            self._queue.extend([fault] * times)

    def clear(self) -> None:
        """Forgets what was planned."""
        with self._lock:
            self._queue.clear()

    def take(self) -> Fault | None:
        """Returns the fault for this answer, or None."""
        with self._lock:
            return self._queue.popleft() if self._queue else None
