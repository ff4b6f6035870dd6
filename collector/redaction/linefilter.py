"""Redacts text of many lines: armoured keys, YAML values under a telling key, ``data:`` maps of manifests.

Everything else is judged line by line, and only lines that the gate lets through are looked at.
"""

from __future__ import annotations

import re
from collections import Counter

from collector.redaction.encoded import suspicious
from collector.redaction.gate import line_around
from collector.redaction.states import Context, Deeper, Engine, InArmour, Pending, State, indentation, stamp

MAX_LINE = 1024 * 1024
"""Longest line, in bytes, that the rules are run on."""

_SCALAR = re.compile(rb"""\s*(?:- )?["']?([\w.\-/]+)["']?:\s*[|>][+\-\d]*\s*""")
_MAP = re.compile(rb"""\s*["']?(?:data|stringData|binaryData)["']?:\s*\{?\s*""")
_NAMED = re.compile(rb"""\s*(?:- )?(?:\{\s*)?["']?name["']?\s*:\s*["']?([\w.\-]+)["']?,?\s*""")


class LineFilter:
    """Redacts text that arrives in blocks of whole lines. Made for one stream, used by one thread."""

    def __init__(self, engine: Engine, counts: Counter[str], level: int = 0) -> None:
        self._engine = engine
        self._counts = counts
        self._context = Context(engine, counts, level)
        self._state: State | None = None

    def feed(self, block: bytes) -> bytes:
        """Returns ``block`` redacted, line for line."""
        candidates = self._engine.gate.candidates(block)
        for at in suspicious(block):
            start, end = line_around(block, at)
            candidates[start] = end
        if not candidates and self._state is None:
            return block
        parts: list[bytes] = []
        at = 0
        for start in sorted(candidates):
            at = self._carry(block, at, start, parts)
            parts += (block[at:start], self._line(block[start : candidates[start]]))
            at = candidates[start]
        at = self._carry(block, at, len(block), parts)
        parts.append(block[at:])
        return b"".join(parts)

    def _carry(self, block: bytes, at: int, until: int, parts: list[bytes]) -> int:
        """Feeds lines to the open state until it is over; returns where the plain text goes on."""
        while self._state is not None and at < len(block) and at < until:
            if block[at : at + 1] == b"\n":
                parts.append(b"\n")
                at += 1
                continue
            _, end = line_around(block, at)
            parts.append(self._line(block[at:end]))
            at = end
        return at

    def _line(self, line: bytes) -> bytes:
        if len(line) > MAX_LINE:
            return self._engine.marker.mark("overlong-line", line, self._counts)
        if self._state is not None:
            state = self._state
            taken = state.take(line, self._context)
            if state.over:
                self._state = None
            if taken is not None:
                return taken
        opened = self._opened(line)
        if opened is not None:
            self._state = opened
        return self._context.line(line)

    def _opened(self, line: bytes) -> State | None:
        """Returns the state that ``line`` opens for the lines after it."""
        block = self._engine.armour.opened(line)
        if block:
            return InArmour(*block)
        at = stamp(line)
        scalar = _SCALAR.fullmatch(line, at)
        kind = self._kind(scalar) if scalar else None
        if kind:
            return Deeper(kind, indentation(line)[0], pairs=False)
        if _MAP.fullmatch(line, at):
            return Deeper("data-value", indentation(line)[0], pairs=True)
        named = _NAMED.fullmatch(line, at)
        kind = self._kind(named, setting=True) if named else None
        return Pending(kind) if kind else None

    def _kind(self, found: re.Match[bytes], *, setting: bool = False) -> str | None:
        return self._engine.names.kind(found[1].decode("latin-1"), setting)
