"""The two compiled search engines, either of which may be missing: that changes the speed, not the result."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_SET_MEMORY = 64 * 1024 * 1024

Positions = Callable[[bytes], list[int]]
"""(text) -> where one of the literals begins, in order; hits inside other hits may be left out."""

Sieve = Callable[[bytes], Sequence[int]]
"""(text) -> the numbers of the patterns that match in it."""


@dataclass(frozen=True, kw_only=True)
class Engines:
    """What is installed.

    Attributes:
        literals: the module ``ahocorasick_rs`` or None.
        patterns: the module ``re2`` or None.
    """

    literals: Any = None
    patterns: Any = None

    def finder(self, words: Sequence[bytes]) -> Positions | None:
        """Returns a search for ``words``, at most 64 so that it stays vectorised; None without the engine."""
        if self.literals is None:
            return None
        automaton = self.literals.BytesAhoCorasick(
            list(words), matchkind=self.literals.MatchKind.LeftmostFirst
        )
        find = automaton.find_matches_as_indexes
        return lambda text: [hit[1] for hit in find(text)]

    def identifier(self, words: Sequence[bytes]) -> Callable[[bytes], set[int]]:
        """Returns a search that tells which of ``words`` a text contains, by their numbers."""
        if self.literals is None:
            return lambda text: {at for at, word in enumerate(words) if word in text}
        automaton = self.literals.BytesAhoCorasick(list(words))
        find = automaton.find_matches_as_indexes
        return lambda text: {hit[0] for hit in find(text, overlapping=True)}

    def sieve(self, patterns: Sequence[str]) -> Sieve | None:
        """Returns a search for ``patterns``, each in RE2's syntax, all at once; None without RE2.

        Raises:
            ValueError: RE2 refuses one of them.
        """
        if self.patterns is None:
            return None
        union = self.patterns.Set.SearchSet(self._options())
        try:
            for pattern in patterns:
                union.Add(pattern)
            union.Compile()
        except self.patterns.error as error:
            raise ValueError(str(error)) from error
        match = union.Match
        return lambda text: match(text) or ()

    def compiled(self, pattern: str, *, ignore_case: bool = False, one_line: bool = False) -> Any:
        """Returns ``pattern`` compiled by RE2, over bytes; None without RE2.

        Args:
            pattern: in RE2's syntax.
            ignore_case: small and capital letters are alike.
            one_line: no match goes over the end of a line.

        Raises:
            ValueError: RE2 refuses it.
        """
        if self.patterns is None:
            return None
        options = self._options()
        options.case_sensitive = not ignore_case
        options.never_nl = one_line
        try:
            return self.patterns.compile(pattern.encode(), options)
        except self.patterns.error as error:
            raise ValueError(str(error)) from error

    def _options(self) -> Any:
        options = self.patterns.Options()
        options.max_mem = _SET_MEMORY
        options.encoding = options.Encoding.LATIN1
        options.log_errors = False
        return options


def installed() -> Engines:
    """Returns what this Python can import."""
    return Engines(literals=_module("ahocorasick_rs"), patterns=_module("re2"))


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
