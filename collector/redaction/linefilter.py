"""Redacts text of many lines: armoured keys, YAML values under a telling key, ``data:`` maps of manifests.

Everything else is judged line by line, and only lines that the gate lets through are looked at.
"""

from __future__ import annotations

import re

from collector.redaction import below
from collector.redaction.causes import Cause, Counts, structural
from collector.redaction.encoded import key_material
from collector.redaction.gate import line_around
from collector.redaction.states import Context, Deeper, Engine, InArmour, State, stamp

MAX_LINE = 1024 * 1024
"""Longest line, in bytes, that the rules are run on."""

_HEAD = 32 * 1024
"""Bytes at the start of a stream in which a key may stand whose BEGIN line was cut off."""

OVERLONG = structural("overlong-line")
_SHORTEST_MATERIAL = 64
_MATERIAL = structural("key-material")
_DATA_MAP = structural("data-value", "data-map")
_NAMED_BEFORE = 2
_LONGEST_NAME = 1000
_SCALAR = re.compile(rb"""[+-]?\s*(?:- )?["']?([\w.\-/]+)["']?:\s*[|>][+\-\d]*\s*""")
_MAP = re.compile(rb"""[+-]?\s*(?:- )?["']?(?:data|stringData|binaryData)["']?:\s*\{?\s*""")
_NAMED = re.compile(rb"""[+-]?\s*(?:- )?(?:\{\s*)?["']?name["']?\s*:\s*["']?([\w.\-]+)["']?,?\s*""")
_NAMED_AFTER = re.compile(rb"""(?:\+|-(?=  ))?\s*["']?name["']?\s*:\s*["']?([\w.\-]+)["']?,?\s*""")
_VALUE = re.compile(rb"""(?:\+|-(?=  ))?\s*(?P<item>- )?["']?value["']?\s*:\s*(?P<value>\S.*?)\s*""")
_OPENS_BLOCK = re.compile(rb"[|>][+\-\d]*")


class LineFilter:
    """Redacts text that arrives in blocks of whole lines. Made for one stream, used by one thread."""

    def __init__(self, engine: Engine, counts: Counts, level: int = 0) -> None:
        self._engine = engine
        self._counts = counts
        self._context = Context(engine, counts, level)
        self._state: State | None = None
        self._done = 0
        self._before = b""

    def feed(self, block: bytes) -> bytes:
        """Returns ``block`` redacted, line for line."""
        clean = self._redacted(block)
        self._done += len(block)
        self._before = _last_lines(block if _has_enough(block) else self._before + block)
        return clean

    def _redacted(self, block: bytes) -> bytes:
        candidates = dict(self._engine.gate.candidates(block))
        material = self._material(block)
        if not candidates and not material and self._state is None:
            return block
        parts: list[bytes] = []
        at = 0
        for start in sorted({*candidates, *material}):
            at = self._carry(block, at, start, parts)
            if at > start:
                continue
            end = candidates[start] if start in candidates else line_around(block, start)[1]
            parts += (block[at:start], self._line(block, start, end, material.get(start)))
            at = end
        at = self._carry(block, at, len(block), parts)
        parts.append(block[at:])
        return b"".join(parts)

    def _material(self, block: bytes) -> dict[int, tuple[int, int]]:
        """Returns, by the start of their lines, where keys stand whose BEGIN is out of sight."""
        left = _HEAD - self._done
        if left <= 0 or len(block) < _SHORTEST_MATERIAL:
            return {}
        return {start: place for start, _, place in key_material(block) if start < left}

    def _carry(self, block: bytes, at: int, until: int, parts: list[bytes]) -> int:
        """Feeds lines to the open state until it is over; returns where the plain text goes on."""
        while self._state is not None and at < len(block) and at < until:
            if block[at : at + 1] == b"\n":
                parts.append(b"\n")
                at += 1
                continue
            _, end = line_around(block, at)
            parts.append(self._line(block, at, end, None))
            at = end
        return at

    def _line(self, block: bytes, start: int, end: int, material: tuple[int, int] | None) -> bytes:
        line = block[start:end]
        if len(line) > MAX_LINE:
            return self._engine.marker.mark(OVERLONG, line, self._counts)
        if self._state is not None:
            state = self._state
            taken = state.take(line, self._context)
            if state.over:
                self._state = None
            if taken is not None:
                return taken
        if material is not None:
            return self._context.hide(line, _MATERIAL, *material)
        value = _VALUE.fullmatch(line, stamp(line))
        cause = self._told(block, start, end, item=bool(value["item"])) if value else None
        if value and cause:
            if _OPENS_BLOCK.fullmatch(value["value"]):
                self._state = Deeper(cause, line, pairs=False)
            return self._context.hide_value(line, cause, *value.span("value"))
        self._state = self._opened(line) or self._state
        return self._context.line(line)

    def _opened(self, line: bytes) -> State | None:
        """Returns the state that ``line`` opens for the lines after it."""
        block = self._engine.armour.opened(line)
        if block:
            return InArmour(*block)
        at = stamp(line)
        scalar = _SCALAR.fullmatch(line, at)
        kind = self._engine.names.kind(scalar[1].decode("latin-1")) if scalar else None
        if kind:
            return Deeper(structural(kind, "block-scalar"), line, pairs=False)
        if _MAP.fullmatch(line, at):
            return Deeper(_DATA_MAP, line, pairs=True)
        return below.opened(line, self._engine.names)

    def _told(self, block: bytes, start: int, end: int, *, item: bool) -> Cause | None:
        """Returns what the lines around a ``value:`` tell of it; what precedes an item is another one."""
        return (None if item else self._told_before(block, start)) or self._told_after(block, end)

    def _told_after(self, block: bytes, end: int) -> Cause | None:
        """Returns what ``name: DB_PASSWORD`` on the line after tells; blocks do not end between the two."""
        start, stop = line_around(block, end + 1) if end + 1 < len(block) else (0, 0)
        named = _NAMED_AFTER.fullmatch(block[start : min(stop, start + _LONGEST_NAME)]) if stop else None
        kind = self._engine.names.kind(named[1].decode("latin-1"), True) if named else None
        return structural(kind, "pair-over-lines") if kind else None

    def _told_before(self, block: bytes, start: int) -> Cause | None:
        """Returns what ``name: DB_PASSWORD`` on one of the two lines before tells of a ``value:``."""
        near = _last_lines(block[max(0, start - 2 * MAX_LINE) : start])
        if not _has_enough(near):
            near = _last_lines(self._before + near)
        for line in reversed(near.split(b"\n")[:-1]):
            named = _NAMED.fullmatch(line, stamp(line))
            if named:
                kind = self._engine.names.kind(named[1].decode("latin-1"), True)
                return structural(kind, "pair-over-lines") if kind else None
        return None


def _has_enough(text: bytes) -> bool:
    return text.find(b"\n", text.find(b"\n") + 1) > 0


def _last_lines(text: bytes) -> bytes:
    """Returns the last two whole lines of ``text``, which ends with a newline or is empty."""
    at = len(text) - 1
    for _ in range(_NAMED_BEFORE):
        at = text.rfind(b"\n", 0, at) if at > 0 else -1
    return text[at + 1 :]
