"""The cheap look before the dear one: which lines can hold anything to redact, and of which rules.

Three looks, each at less text: literals in whole blocks, then patterns without look-around on the lines
that have one, then the rules themselves. The first two only ever let too much through, so an engine that is
not installed costs time and changes no byte. Property tests hold the rules to their literals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from collector.redaction import spans
from collector.redaction.approximate import approximation
from collector.redaction.engines import Engines, Positions
from collector.redaction.lures import Lures
from collector.redaction.rules import TextRule

_SHORT = 4
_GROUP_OF_SHORT = 12
_GROUP = 40
_FEW = 8

Lines = list[tuple[int, int]]
"""Start and end, without the newline, of lines in a block, in order."""


class Gate:
    """Literals and patterns of all rules. Immutable, thread-safe."""

    def __init__(self, rules: Sequence[TextRule], lures: Lures, engines: Engines) -> None:
        self._rules = tuple(rules)
        known = sorted({literal.encode() for rule in rules for literal in rule.literals})
        self._identify = engines.identifier(known)
        self._owners = tuple(
            sum(1 << at for at, rule in enumerate(rules) if word.decode() in rule.literals) for word in known
        )
        self._scanned = tuple(
            (rule.scan.compiled or re.compile(rule.scan.pattern.encode()), 1 << at)
            for at, rule in enumerate(rules)
            if rule.scan
        )
        self._unconditional = sum(
            1 << at for at, rule in enumerate(rules) if not rule.literals and not rule.scan
        )
        patterns = [approximation(rule, lures.name) for rule in rules]
        sifted = [rule for rule, pattern in zip(rules, patterns, strict=True) if pattern]
        direct = [rule for rule, pattern in zip(rules, patterns, strict=True) if not pattern]
        self._sifted = _Search(_words(sifted) | lures.literals, sifted, engines)
        self._direct = _Search(_words(direct) | lures.encoded, direct, engines)
        # What a line with a literal must pass before the rules themselves look at it.
        self._test = engines.test([*lures.patterns, *(pattern for pattern in patterns if pattern)])

    def literally(self, line: bytes) -> list[TextRule]:
        """Returns the rules of which ``line`` holds a literal."""
        return self._chosen(self._by_literal(line))

    def rules(self, line: bytes) -> list[TextRule]:
        """Returns the rules that may match ``line``."""
        wanted = self._unconditional | self._by_literal(line)
        for scan, owner in self._scanned:
            if not wanted & owner and scan.search(line):
                wanted |= owner
        return self._chosen(wanted)

    def _by_literal(self, line: bytes) -> int:
        wanted = 0
        for word in self._identify(line.lower()):
            wanted |= self._owners[word]
        return wanted

    def _chosen(self, wanted: int) -> list[TextRule]:
        return [rule for at, rule in enumerate(self._rules) if wanted >> at & 1] if wanted else []

    def candidates(self, block: bytes) -> Lines:
        """Returns the lines of ``block`` that need a closer look."""
        if self._unconditional:
            return list(all_lines(block))
        if spans.noisy(block):
            return self._behind_noise(block)
        return self._candidates(block)

    def _candidates(self, block: bytes) -> Lines:
        lower = block.lower()
        lines = self._sieved(block, sorted(self._sifted.lines(block, lower).items()))
        direct = self._direct.lines(block, lower)
        return sorted({*lines, *direct.items()}) if direct else lines

    def _sieved(self, block: bytes, lines: Lines) -> Lines:
        """Returns those of ``lines`` that a pattern matches; none, most often, which takes one test."""
        test = self._test
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


class _Search:
    """Looks for words and for the scans of rules in whole blocks."""

    def __init__(self, words: Iterable[bytes], rules: Sequence[TextRule], engines: Engines) -> None:
        self._finders = _finders(words, engines)
        scans = {rule.scan.pattern: rule.scan for rule in rules if rule.scan}
        self._scans = [
            scan.compiled or engines.compiled(scan.pattern) or re.compile(scan.pattern.encode())
            for scan in scans.values()
        ]

    def lines(self, block: bytes, lower: bytes) -> dict[int, int]:
        """Returns start and end of the lines with a hit; ``lower`` is ``block`` in lower case."""
        found: dict[int, int] = {}
        for find in self._finders:
            _add_lines(lower, find(lower), found)
        for scan in self._scans:
            _add_lines(block, (hit.start() for hit in scan.finditer(block)), found)
        return found


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
    every = set(words)
    needed = sorted(word for word in every if not any(o != word and o in word for o in every))
    short = [word for word in needed if len(word) < _SHORT]
    long = [word for word in needed if len(word) >= _SHORT]
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
