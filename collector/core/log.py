"""The program's own log: structlog, to a stream of the caller's choice, without global state.

In a pod it is one JSON object a line (``ts``, ``level``, ``msg``, ``run_id``, ...); for a person it is plain
words. Every event passes the processors given by the caller first, redaction among them, and a bounded
number of lines is kept for the bundle.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from collector.core.clock import Clock, rfc3339
from collector.core.text import block, display

_KEPT_LINES = 10_000
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_HIDDEN_IN_TEXT = frozenset({"ts", "level", "msg", "run_id"})
SAY = "say"
"""Key of an event's words for a person: they replace the key=value form in text; JSON leaves them out."""

Logger = Any
"""structlog's bound logger: ``log.info("words", key=value)``."""


class LogSink:
    """Writes rendered lines to a stream and remembers the last 10,000 for the bundle.

    Args:
        stream: where lines are shown; None shows nothing.
        live: the stream is a terminal on which lines at the bottom may come and go.
    """

    def __init__(self, stream: TextIO | None, *, live: bool = False) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._kept: deque[str] = deque(maxlen=_KEPT_LINES)
        self._shown: list[str] = []
        self.live = live and stream is not None

    def write(self, line: str, *, shown: bool) -> None:
        """Takes one finished line."""
        with self._lock:
            self._kept.append(line)
            if shown and self._stream is not None:
                self._put(f"{self._erasing()}{line}\n{self._block()}")

    def show_live(self, lines: Sequence[str]) -> None:
        """Shows lines below all others until the next call; they are not remembered."""
        with self._lock:
            if self.live and self._stream is not None and lines != self._shown:
                erasing = self._erasing()
                self._shown = list(lines)
                self._put(erasing + self._block())

    def _put(self, text: str) -> None:
        """A terminal that went away costs the words, never the run."""
        try:
            if self._stream is not None:
                self._stream.write(text)
                self._stream.flush()
        except (OSError, ValueError):
            self._stream = None

    def _erasing(self) -> str:
        return f"\x1b[{len(self._shown)}A\x1b[J" if self._shown else ""

    def _block(self) -> str:
        return "".join(f"{line}\n" for line in self._shown)

    def lines(self) -> tuple[str, ...]:
        """Returns what is remembered."""
        with self._lock:
            return tuple(self._kept)


class _Output:
    """The end of the chain as structlog wants it: an object with a method for each level."""

    def __init__(self, sink: LogSink, threshold: int) -> None:
        self._sink = sink
        self._threshold = threshold

    def msg(self, line: str, level: str) -> None:
        self._sink.write(line, shown=_LEVELS.get(level, 20) >= self._threshold)

    def __getattr__(self, level: str) -> Any:
        return lambda line: self.msg(line, level)


def make_logger(
    sink: LogSink,
    *,
    clock: Clock,
    run_id: str,
    json_lines: bool,
    level: str = "info",
    processors: Sequence[Processor] = (),
) -> Logger:
    """Returns a logger that renders to ``sink``. ``level`` decides what is shown; all of it is remembered."""

    def stamp(_: WrappedLogger, name: str, event: EventDict) -> EventDict:
        return {
            "ts": rfc3339(clock.now()),
            "level": name,
            "msg": event.pop("event", ""),
            "run_id": run_id,
            **event,
        }

    chain: Iterable[Processor] = (stamp, *processors, _as_json if json_lines else _as_text)
    return structlog.wrap_logger(
        _Output(sink, _LEVELS[level]),
        processors=list(chain),
        wrapper_class=structlog.make_filtering_bound_logger(10),
        cache_logger_on_first_use=False,
    )


def _as_json(logger: WrappedLogger, name: str, event: EventDict) -> str:
    event.pop(SAY, None)
    rendered = structlog.processors.JSONRenderer(default=str)(logger, name, event)
    return rendered if isinstance(rendered, str) else rendered.decode()


def _as_text(_: WrappedLogger, level: str, event: EventDict) -> str:
    if SAY in event:
        return block(event[SAY]).rstrip()
    details = " ".join(
        f"{key}={display(value, 200)}" for key, value in event.items() if key not in _HIDDEN_IN_TEXT
    )
    mark = "" if level == "info" else f"{level}: "
    return f"{mark}{display(event['msg'])}{'  ' if details else ''}{details}"
