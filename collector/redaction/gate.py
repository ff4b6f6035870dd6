"""The cheap look before the dear one: which lines can hold anything to redact, and of which rules.

Three looks, each at less text: at whole blocks for signs of the rules (without RE2: for their literals), then
at the lines that show one for patterns without look-around, then the rules themselves. The first two only
ever let too much through, so an engine that is not installed costs time and changes no byte. Property tests
hold the rules to their literals.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from collector.redaction import spans
from collector.redaction.approximate import approximation
from collector.redaction.engines import Engines, Positions, Sieve
from collector.redaction.lures import Lures
from collector.redaction.rules import Scan, TextRule
from collector.redaction.signs import either, needed, signs

_SHORT = 4
_GROUP_OF_SHORT = 12
_GROUP = 40
_FEW = 8

Lines = list[tuple[int, int]]
"""Start and end, without the newline, of lines in a block, in order."""

Look = Callable[[bytes], dict[int, int]]
"""(block) -> start and end of lines in it."""


class Gate:
    """Literals and patterns of all rules. Immutable, thread-safe."""

    def __init__(self, rules: Sequence[TextRule], lures: Lures, engines: Engines) -> None:
        patterns = [approximation(rule, lures.name) for rule in rules]
        sifted = [at for at, pattern in enumerate(patterns) if pattern]
        direct = [rule for rule, pattern in zip(rules, patterns, strict=True) if not pattern]
        # What a line must pass before the rules themselves look at it; the sifted rules' patterns come first.
        self._sieve = engines.sieve(
            [
                *(pattern for pattern in patterns if pattern),
                *lures.patterns,
                either(lures.encoded),
                *(either(_words((rule,))) for rule in direct if rule.literals),
            ]
        )
        self._choice = _Choice(rules, engines, sifted if self._sieve else (), self._sieve)
        words = _words(rules) | lures.literals
        if self._sieve:
            self._look = _signed(engines.compiled(signs(rules, patterns, lures, words), one_line=True))
            self._scanned = _scanned(direct, engines)
        else:
            self._look = _lettered(words | lures.encoded, engines)
            self._scanned = _scanned(rules, engines)
        self._every_line = any(not rule.literals and not rule.scan for rule in rules)

    def rules(self, line: bytes) -> list[TextRule]:
        """Returns the rules that may match ``line``."""
        return self._choice.rules(line)

    def candidates(self, block: bytes) -> Lines:
        """Returns the lines of ``block`` that need a closer look."""
        if self._every_line:
            return list(all_lines(block))
        if spans.noisy(block):
            return self._behind_noise(block)
        return self._candidates(block)

    def _candidates(self, block: bytes) -> Lines:
        lines = self._sieved(block, sorted(self._look(block).items()))
        scanned = self._scanned(block)
        return sorted({*lines, *scanned.items()}) if scanned else lines

    def _sieved(self, block: bytes, lines: Lines) -> Lines:
        """Returns those of ``lines`` that a pattern matches; none, most often, which takes one test."""
        test = self._sieve
        if test is None or not lines:
            return lines
        if not test(b"\n".join([block[start:end] for start, end in lines])):
            return []
        if len(lines) <= _FEW:
            return [(start, end) for start, end in lines if test(block[start:end])]
        half = len(lines) // 2
        return self._sieved(block, lines[:half]) + self._sieved(block, lines[half:])

    def _behind_noise(self, block: bytes) -> Lines:
        """As ``candidates``, and also of lines whose words only show without terminal escapes and NULs."""
        quiet = spans.quieted(block)
        wanted = {start for start, _ in self._candidates(block)}
        shown = {start for start, _ in self._candidates(quiet)}
        pairs = zip(all_lines(block), all_lines(quiet), strict=False)
        return [line for line, bare in pairs if line[0] in wanted or bare[0] in shown]


class _Choice:
    """Which rules to run on one line.

    Args:
        sifted: positions in ``rules`` of those whose patterns are the first of ``sieve``.
    """

    def __init__(
        self, rules: Sequence[TextRule], engines: Engines, sifted: Sequence[int], sieve: Sieve | None
    ) -> None:
        self._rules = tuple(rules)
        self._sieve = sieve
        self._bits = tuple(1 << at for at in sifted)
        others = [(1 << at, rule) for at, rule in enumerate(rules) if at not in set(sifted)]
        known = sorted({literal.encode() for _, rule in others for literal in rule.literals})
        self._identify = engines.identifier(known) if known else None
        self._owners = tuple(
            sum(bit for bit, rule in others if word.decode() in rule.literals) for word in known
        )
        self._scanned = tuple((_pattern(rule.scan), bit) for bit, rule in others if rule.scan)
        self._always = sum(bit for bit, rule in others if not rule.literals and not rule.scan)

    def rules(self, line: bytes) -> list[TextRule]:
        wanted = self._always
        if self._sieve:
            wanted |= sum(self._bits[at] for at in self._sieve(line) if at < len(self._bits))
        for word in self._identify(line.lower()) if self._identify else ():
            wanted |= self._owners[word]
        for pattern, bit in self._scanned:
            if not wanted & bit and pattern.search(line):
                wanted |= bit
        return [rule for at, rule in enumerate(self._rules) if wanted >> at & 1] if wanted else []


def _signed(pattern: Any) -> Look:
    """Returns a look that goes from sign to sign, a line at a time."""

    def look(block: bytes) -> dict[int, int]:
        found: dict[int, int] = {}
        hit = pattern.search(block)
        while hit is not None:
            start, end = line_around(block, hit.start())
            found[start] = end
            hit = pattern.search(block, end + 1) if end < len(block) else None
        return found

    return look


def _lettered(words: Iterable[bytes], engines: Engines) -> Look:
    """Returns a look for literals in lower case."""
    finders = _finders(words, engines)

    def look(block: bytes) -> dict[int, int]:
        found: dict[int, int] = {}
        lower = block.lower()
        for find in finders:
            _add_lines(lower, find(lower), found)
        return found

    return look


def _scanned(rules: Iterable[TextRule], engines: Engines) -> Look:
    """Returns a look for what rules want to be scanned for."""
    scans = {rule.scan.pattern: rule.scan for rule in rules if rule.scan}
    patterns = [scan.compiled or engines.compiled(scan.pattern) or _pattern(scan) for scan in scans.values()]

    def look(block: bytes) -> dict[int, int]:
        found: dict[int, int] = {}
        for pattern in patterns:
            _add_lines(block, (hit.start() for hit in pattern.finditer(block)), found)
        return found

    return look


def _pattern(scan: Scan) -> Any:
    return scan.compiled or re.compile(scan.pattern.encode())


def line_around(block: bytes, at: int) -> tuple[int, int]:
    """Returns start and end, without the newline, of the line that ``at`` lies in."""
    end = block.find(b"\n", at)
    return block.rfind(b"\n", 0, at) + 1, len(block) if end < 0 else end


def all_lines(block: bytes) -> Iterator[tuple[int, int]]:
    """Yields start and end, without the newline, of every line."""
    start = 0
    while start <= len(block):
        end = block.find(b"\n", start)
        end = len(block) if end < 0 else end
        yield start, end
        start = end + 1


def _add_lines(block: bytes, hits: Iterable[int], found: dict[int, int]) -> None:
    """Adds the lines of ``hits``, which are in order, to ``found``."""
    over = -1
    for at in hits:
        if at > over:
            start, over = line_around(block, at)
            found[start] = over


def _finders(words: Iterable[bytes], engines: Engines) -> list[Positions]:
    """Returns searches for ``words`` in small groups, short words apart: a large group is far slower."""
    every = needed(words)
    short = [word for word in every if len(word) < _SHORT]
    long = [word for word in every if len(word) >= _SHORT]
    return [
        engines.finder(group[at : at + size]) or _plain_finder(group[at : at + size])
        for group, size in ((short, _GROUP_OF_SHORT), (long, _GROUP))
        for at in range(0, len(group), size)
    ]


def _plain_finder(words: Sequence[bytes]) -> Positions:
    def positions(text: bytes) -> list[int]:
        found: list[int] = []
        for word in words:
            at = text.find(word)
            while at >= 0:
                found.append(at)
                over = text.find(b"\n", at)
                at = text.find(word, over) if over >= 0 else -1
        return sorted(found)

    return positions


def _words(rules: Iterable[TextRule]) -> set[bytes]:
    return {literal.encode() for rule in rules for literal in rule.literals}
