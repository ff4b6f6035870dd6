"""Rewrites a rule's pattern for an engine without look-around: it then matches wherever the original does.

What cannot be said is left out or widened, so the result may match more, never less. Whoever uses it still
asks the original before anything is replaced.
"""

from __future__ import annotations

import functools
import re
import re._constants as op  # type: ignore[import-not-found] # the parse tree has no public door
import re._parser as parser  # type: ignore[import-not-found] # nor has its parser
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from collector.redaction.rules import FormalRule, NamedRule, TextRule

_WIDEST_REPEAT = 64
_MOST_NEEDED = 24
_CACHED = 256
_CATEGORIES = {
    op.CATEGORY_DIGIT: r"\d",
    op.CATEGORY_NOT_DIGIT: r"\D",
    op.CATEGORY_SPACE: r"\s\x0b",
    op.CATEGORY_NOT_SPACE: r"\S",
    op.CATEGORY_WORD: r"\w",
    op.CATEGORY_NOT_WORD: r"\W",
}
_PLACES = {
    op.AT_BEGINNING: "(?m:^)",
    op.AT_BEGINNING_STRING: "(?m:^)",
    op.AT_END: "(?m:$)",
    op.AT_END_STRING: "(?m:$)",
    op.AT_BOUNDARY: r"\b",
}
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)
_ANYTHING = "[^\\n]*"
_ANY_NAME = r"[\w:.\-/]+"


def approximation(rule: TextRule, telling: str) -> str | None:
    """Returns a pattern in RE2's syntax, for text of many lines, that matches wherever ``rule`` does.

    Args:
        rule: one of the rules file.
        telling: stands for the name that a rule asks the vocabulary about.

    None where the rule has no pattern to read.
    """
    if isinstance(rule, FormalRule):
        return approximated(rule.pattern)
    if isinstance(rule, NamedRule):
        name = approximated(rule.pattern, name=_ANY_NAME if rule.setting else telling)
        return name + approximated(rule.value)
    return None


def approximated(pattern: re.Pattern[bytes], *, name: str = "") -> str:
    """Returns ``pattern`` in RE2's syntax; ``name`` stands for the group of that name, if it has one.

    Raises:
        ValueError: it has something that this module does not know.
    """
    replaced = {pattern.groupindex["name"]: name} if name else {}
    return _Writer(replaced).opening(parsed(pattern))


@functools.lru_cache(_CACHED)
def parsed(pattern: re.Pattern[bytes]) -> tuple[tuple[Any, Any], ...]:
    """Returns the parse tree of a pattern, which several readers want and which takes a while to make."""
    return tuple(parser.parse(pattern.pattern, pattern.flags))


def written(nodes: Iterable[Any]) -> str:
    """Returns a part of a parse tree in RE2's syntax, without limits to repeats, as they cost time.

    Raises:
        ValueError: as ``approximated``.
    """
    return _Writer({}, widest=1).sequence(nodes)


class _Writer:
    """``replaced``: group number to what stands for that group; ``widest``: largest limit that is kept."""

    def __init__(self, replaced: dict[int, str], widest: int = _WIDEST_REPEAT) -> None:
        self._replaced = replaced
        self._widest = widest
        self._writers: dict[Any, Callable[[Any], str]] = {
            op.LITERAL: _either_case,
            op.NOT_LITERAL: lambda code: f"[^{_byte(code)}]",
            op.ANY: lambda _: "[^\\n]",
            op.IN: self._class,
            op.BRANCH: lambda argument: self._branch(argument[1]),
            op.SUBPATTERN: self._group,
            op.ATOMIC_GROUP: lambda nodes: f"(?:{self.sequence(nodes)})",
            op.GROUPREF: lambda _: _ANYTHING,
            op.GROUPREF_EXISTS: lambda argument: self._branch([argument[1], argument[2] or []]),
            op.AT: lambda place: _PLACES.get(place, ""),
            op.ASSERT: lambda _: "",
            op.ASSERT_NOT: lambda _: "",
        }

    def opening(self, nodes: Sequence[Any]) -> str:
        """Returns a whole pattern: only here can a look behind be kept, as the character it looks at."""
        if nodes and nodes[0][0] is op.ASSERT_NOT:
            direction, inner = nodes[0][1]
            if direction < 0 and len(inner) == 1 and inner[0][0] is op.IN:
                return f"(?:(?m:^)|{self._class(inner[0][1], negate=True)})" + self.sequence(nodes[1:])
        return self.sequence(nodes)

    def sequence(self, nodes: Iterable[Any]) -> str:
        """Returns pieces of a pattern one after the other."""
        return "".join(self._node(kind, argument) for kind, argument in nodes)

    def _node(self, kind: Any, argument: Any) -> str:
        if kind in _REPEATS:
            return self._repeat(*argument)
        write = self._writers.get(kind)
        if write is None:
            raise ValueError(f"unknown piece of a pattern: {kind}")
        written: str = write(argument)
        return written

    def _group(self, argument: Any) -> str:
        return self._replaced.get(argument[0]) or f"(?:{self.sequence(argument[3])})"

    def _branch(self, alternatives: Iterable[Any]) -> str:
        return f"(?:{'|'.join(self.sequence(nodes) for nodes in alternatives)})"

    def _repeat(self, low: int, high: int, nodes: Any) -> str:
        least = min(int(low), _MOST_NEEDED)
        most = str(int(high)) if int(high) <= self._widest else ""
        return f"(?:{self.sequence(nodes)}){{{least},{most}}}"

    def _class(self, members: Iterable[Any], *, negate: bool = False) -> str:
        written: list[str] = []
        for kind, argument in members:
            if kind is op.NEGATE:
                negate = not negate
            elif kind is op.LITERAL:
                written.append(_byte(argument))
            elif kind is op.RANGE:
                written.append(f"{_byte(argument[0])}-{_byte(argument[1])}")
            elif kind is op.CATEGORY:
                written.append(_CATEGORIES[argument])
            else:
                raise ValueError(f"unknown piece of a class: {kind}")
        # A negated class keeps to its letters: without their other case it excludes less.
        return f"[^{''.join(written)}]" if negate else f"(?i:[{''.join(written)}])"


def _either_case(code: int) -> str:
    letter = chr(code)
    return f"[{letter.lower()}{letter.upper()}]" if letter.isascii() and letter.isalpha() else _byte(code)


def _byte(code: int) -> str:
    return f"\\x{{{code:02x}}}"
