"""What spans lines and how it ends: the state a stream carries from one line to the next."""

from __future__ import annotations

import re
from typing import Protocol

from collector.redaction.armour import Armour
from collector.redaction.causes import Cause, Counts
from collector.redaction.gate import Gate
from collector.redaction.marker import Marker
from collector.redaction.names import Names

_LONGEST_BLOCK = 200
_STAMP = re.compile(rb"(?:\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) )?")
_BODY = re.compile(rb"[A-Za-z0-9+/]+={0,2}\s*")
_PAIR = re.compile(rb"""\s*(?:"[^"]*"|'[^']*'|[\w.\-/]+)\s*:\s+(?P<value>\S.*?)\s*""")
_QUOTED = re.compile(rb"""(["'])(.*)\1(,?)""")
_SCALAR_MARK = re.compile(rb"[|>][+\-\d]*")


class Engine(Protocol):
    """What the line filter needs of the text engine."""

    marker: Marker
    gate: Gate
    armour: Armour

    @property
    def names(self) -> Names:
        """Returns the vocabulary."""
        ...

    def line(self, line: bytes, counts: Counts, level: int = 0) -> bytes:
        """Returns one line redacted."""
        ...


class Context:
    """What the states share: the engine and where to count."""

    def __init__(self, engine: Engine, counts: Counts, level: int) -> None:
        self._engine = engine
        self._counts = counts
        self._level = level

    def line(self, line: bytes) -> bytes:
        return self._engine.line(line, self._counts, self._level)

    def hide(self, line: bytes, cause: Cause, start: int, end: int) -> bytes:
        """Returns ``line`` with its bytes from ``start`` to ``end`` replaced."""
        value = line[start:end]
        if not value.strip() or self._covered(value):
            return line
        return line[:start] + self._engine.marker.mark(cause, value, self._counts) + line[end:]

    def hide_body(self, line: bytes, cause: Cause, end: int | None = None) -> bytes:
        """Returns ``line`` with all but time stamp and indentation replaced."""
        stop = len(line.rstrip()) if end is None else end
        return self.hide(line, cause, indentation(line)[1], stop)

    def hide_value(self, line: bytes, cause: Cause, start: int, end: int) -> bytes:
        """As ``hide``, keeping quotes and a comma around the value, and the mark of a block scalar."""
        value = line[start:end]
        quoted = _QUOTED.fullmatch(value)
        if quoted:
            return self.hide(line, cause, start + quoted.start(2), start + quoted.end(2))
        if _SCALAR_MARK.fullmatch(value) or value in (b"{", b"[", b"{}", b"[]", b'""'):
            return line
        return self.hide(line, cause, start, end)

    def _covered(self, value: bytes) -> bool:
        marker = self._engine.marker
        return not marker.blanked(value, marker.placeholders(value)).strip(b"*")


class State(Protocol):
    """Takes lines until it is over."""

    def take(self, line: bytes, context: Context) -> bytes | None:
        """Returns the line redacted, or None when the state is over and the line is not its own."""
        ...

    @property
    def over(self) -> bool:
        """True once the state wants no further line."""
        ...


class InArmour:
    """Inside a block: nothing is kept of a private one; of a public one what looks like its body."""

    def __init__(self, cause: Cause | None, end: re.Pattern[bytes]) -> None:
        self._cause = cause
        self._end = end
        self._left = _LONGEST_BLOCK

    @property
    def over(self) -> bool:
        return self._left <= 0

    def take(self, line: bytes, context: Context) -> bytes | None:
        self._left -= 1
        closed = self._end.search(line)
        if closed:
            self._left = 0
        if not self._cause:
            body = line[indentation(line)[1] :]
            return context.line(line) if closed or _BODY.fullmatch(body) else None
        if not closed:
            return context.hide_body(line, self._cause)
        rest = context.line(line[closed.end() :])
        return context.hide_body(line[: closed.end()], self._cause, closed.end()) + rest


class Deeper:
    """Lines indented deeper than the one that opened it: a block scalar, or a map of data.

    Also in a diff, where a line begins with the mark of what was added or removed.
    """

    def __init__(self, cause: Cause, opener: bytes, *, pairs: bool) -> None:
        self._cause = cause
        self._indent, _, self._marked = _depth(opener)
        self._pairs = pairs
        self.over = False

    def take(self, line: bytes, context: Context) -> bytes | None:
        indent, start, marked = _depth(line)
        if start >= len(line.rstrip()):
            return line
        if not self._deeper(indent, marked=marked):
            self.over = True
            return None
        pair = _PAIR.fullmatch(line, start) if self._pairs else None
        if pair:
            return context.hide_value(line, self._cause, *pair.span("value"))
        return context.hide(line, self._cause, start, len(line.rstrip()))

    def _deeper(self, indent: int, *, marked: bool) -> bool:
        if marked and not self._marked:
            # Below a line that a diff repeats, or else the next item of a list.
            return 0 < self._indent < indent - 1
        return indent > self._indent


def indentation(line: bytes) -> tuple[int, int]:
    """Returns how far a line is indented, and where its words begin (after a time stamp, if it has one)."""
    at = stamp(line)
    start = len(line) - len(line[at:].lstrip(b" \t"))
    return start - at, start


def _depth(line: bytes) -> tuple[int, int, bool]:
    """As ``indentation``, the mark of a diff counted as a blank, and whether there is one."""
    at = stamp(line)
    marked = line[at : at + 1] in (b"+", b"-")
    start = len(line) - len(line[at + marked :].lstrip(b" \t"))
    return start - at, start, marked


def stamp(line: bytes) -> int:
    """Returns where a line begins after the time stamp that container logs carry."""
    found = _STAMP.match(line)
    return found.end() if found else 0
