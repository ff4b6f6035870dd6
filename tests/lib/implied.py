"""Proves from a pattern's parse tree that each of its matches contains one of given literals."""

from __future__ import annotations

import itertools
import re
import re._constants as op  # type: ignore[import-not-found] # the parse tree has no public door
import re._parser as parser  # type: ignore[import-not-found] # nor has its parser
from collections.abc import Iterable, Sequence
from typing import Any

_MOST = 4096
_WIDEST_CLASS = 16
Exact = frozenset[str] | None
"""All strings, in lower case, that a piece of a pattern can match; None when they are too many."""

EMPTY = frozenset([""])


def proven(pattern: re.Pattern[bytes], literals: Sequence[str]) -> bool:
    """True when every match of ``pattern`` contains one of ``literals``, letter case aside."""
    return _Proof(literals).sequence(parser.parse(pattern.pattern, pattern.flags))[1]


class _Proof:
    """Returns, for each piece of a pattern, what it can match exactly and whether a literal is in it."""

    def __init__(self, literals: Sequence[str]) -> None:
        self._literals = literals

    def sequence(self, nodes: Iterable[Any], before: frozenset[str] = EMPTY) -> tuple[Exact, bool]:
        """``before``: what stands right before the piece, where that is known exactly."""
        run = EMPTY
        whole, found = True, False
        for node in nodes:
            exact, holds = self._node(*node, before=_joined(before, run) or EMPTY)
            found = found or holds
            grown = None if exact is None else _joined(run, exact)
            if grown is None:
                whole, run, before = False, EMPTY, EMPTY
            else:
                run = grown
            found = found or self._all_hold(_joined(before, run) or EMPTY)
        return (run if whole else None), found

    def _all_hold(self, texts: Iterable[str]) -> bool:
        return all(any(literal in text for literal in self._literals) for text in texts)

    def _node(self, kind: Any, argument: Any, *, before: frozenset[str]) -> tuple[Exact, bool]:
        if kind is op.LITERAL:
            return frozenset([chr(argument).lower()]), False
        if kind is op.IN:
            return _members(argument), False
        if kind is op.SUBPATTERN:
            return self.sequence(argument[3], before)
        if kind is op.ATOMIC_GROUP:
            return self.sequence(argument, before)
        if kind is op.BRANCH:
            return self._branch(argument[1], before)
        if kind is op.GROUPREF_EXISTS:
            return self._branch([argument[1], argument[2] or []], before)
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            return self._repeat(*argument)
        if kind is op.ASSERT:
            return EMPTY, self.sequence(argument[1])[1]
        if kind in (op.ASSERT_NOT, op.AT):
            return EMPTY, False
        return None, False

    def _branch(self, alternatives: Sequence[Any], before: frozenset[str]) -> tuple[Exact, bool]:
        judged = [self.sequence(nodes, before) for nodes in alternatives]
        exact = [texts for texts, _ in judged if texts is not None]
        union = frozenset(itertools.chain.from_iterable(exact)) if len(exact) == len(judged) else None
        return union, all(holds for _, holds in judged)

    def _repeat(self, low: int, high: int, nodes: Any) -> tuple[Exact, bool]:
        texts, holds = self.sequence(nodes)
        if texts is None or high > 1:
            return None, holds and low > 0
        return (texts if low else texts | {""}), holds and low > 0


def _joined(first: frozenset[str], second: frozenset[str]) -> Exact:
    if len(first) * len(second) > _MOST:
        return None
    return frozenset(a + b for a, b in itertools.product(first, second))


def _members(choices: Sequence[tuple[Any, Any]]) -> Exact:
    found: set[str] = set()
    for kind, argument in choices:
        if kind is op.LITERAL:
            found.add(chr(argument).lower())
        elif kind is op.RANGE and argument[1] - argument[0] < _WIDEST_CLASS:
            found |= {chr(code).lower() for code in range(argument[0], argument[1] + 1)}
        else:
            return None
    return frozenset(found) if len(found) <= _WIDEST_CLASS else None
