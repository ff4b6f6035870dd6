"""What a person sees while collectors read: live lines on a terminal, else a plain word now and then."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from collector.core.log import Logger, LogSink
from collector.core.text import human_bytes

_QUIET_SECONDS = 10.0
"""Longest silence on anything that is no terminal."""


@dataclass(frozen=True, kw_only=True)
class Active:
    """A collector at work: entries written, bytes read into them so far, seconds since its start."""

    name: str
    entries: int
    size: int
    seconds: float


class Progress:
    """Shows collectors at work; for one thread.

    Args:
        sink: shows live lines if it writes to a terminal.
        log: takes the plain words otherwise.
    """

    def __init__(self, sink: LogSink, log: Logger) -> None:
        self._sink = sink
        self._log = log
        self._spoken = time.monotonic()

    def show(self, active: Sequence[Active]) -> None:
        """Says what is being read now."""
        if self._sink.live:
            self._sink.show_live(
                [line(a.name, "reading", a.entries, a.size, a.seconds, missing=0) for a in active]
            )
        elif time.monotonic() - self._spoken >= _QUIET_SECONDS:
            self._spoken = time.monotonic()
            words = ", ".join(f"{a.name} ({a.entries} entries, {human_bytes(a.size)})" for a in active)
            self._log.info(
                "still reading", say=f"  still reading: {words}", collectors=[a.name for a in active]
            )

    def close(self) -> None:
        """Takes the live lines away."""
        self._sink.show_live([])


def line(name: str, status: str, entries: int, size: int, seconds: float, *, missing: int) -> str:
    """Returns one line about a collector, well below 80 columns."""
    left_out = f", {missing} not collected" if missing else ""
    return f"  {name:<11} {status:<9} {entries:>5} entries {human_bytes(size):>9} {seconds:>6.1f}s{left_out}"
