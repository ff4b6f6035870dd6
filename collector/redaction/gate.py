"""The cheap look before the dear one: which lines can hold a match at all, and of which rules.

Sound because every match of a rule contains one of its literals; a property test holds the rules to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collector.redaction.rules import TextRule

_ALWAYS_LOOK = (b"--begin", b"-- begin", b"data:", b"\\u00", b"\x00", b"\x1b")
"""Openers of blocks, and bytes that can hide a literal: JSON escapes, NUL (UTF-16), terminal escapes."""


class Gate:
    """Literals of all rules, each with the rules it may lead to. Immutable."""

    def __init__(self, rules: Sequence[TextRule]) -> None:
        self._rules = tuple(rules)
        self._always = sum(1 << at for at, rule in enumerate(self._rules) if not rule.literals)
        masks: dict[bytes, int] = {}
        for at, rule in enumerate(self._rules):
            for literal in rule.literals:
                key = literal.encode("ascii")
                masks[key] = masks.get(key, 0) | 1 << at
        self._masks = tuple(masks.items())
        wanted = {*masks, *_ALWAYS_LOOK}
        self._needles = tuple(
            needle for needle in wanted if not any(o != needle and o in needle for o in wanted)
        )

    def rules(self, line: bytes) -> list[TextRule]:
        """Returns the rules that may match ``line``."""
        lower = line.lower()
        hits = self._always
        for literal, mask in self._masks:
            if literal in lower:
                hits |= mask
        return [rule for at, rule in enumerate(self._rules) if hits >> at & 1] if hits else []

    def candidates(self, block: bytes) -> dict[int, int]:
        """Returns start and end of the lines of ``block`` that need a closer look, in no order."""
        if self._always:
            return dict(_all_lines(block))
        lower = block.lower()
        found: dict[int, int] = {}
        for needle in self._needles:
            at = lower.find(needle)
            while at >= 0:
                start, end = line_around(lower, at)
                found[start] = end
                at = lower.find(needle, end)
        return found


def line_around(block: bytes, at: int) -> tuple[int, int]:
    """Returns start and end, without the newline, of the line that ``at`` lies in."""
    end = block.find(b"\n", at)
    return block.rfind(b"\n", 0, at) + 1, len(block) if end < 0 else end


def _all_lines(block: bytes) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(block):
        end = block.find(b"\n", start)
        end = len(block) if end < 0 else end
        yield start, end
        start = end + 1
