"""Blocks between BEGIN and END lines: private keys and licences go, certificates stay."""

from __future__ import annotations

import re
from collections.abc import Sequence

from collector.redaction.causes import Cause, Span, structural

_RULE = "armoured-block"


class Armour:
    """Blocks between BEGIN and END lines, as PEM has them, by label."""

    def __init__(self, blocks: Sequence[tuple[str, str]]) -> None:
        self._blocks = tuple(
            (
                structural(kind, _RULE) if kind else None,
                re.compile(rf"-{{4,5}} ?BEGIN {label} ?-{{4,5}}".encode()),
                re.compile(rf"-{{4,5}} ?END {label} ?-{{4,5}}".encode()),
            )
            for label, kind in blocks
        )

    def inline(self, line: bytes) -> list[Span]:
        """Returns the spans of private blocks in ``line``: to their end, or else to the end of the line."""
        found: list[Span] = []
        if b"BEGIN " not in line:
            return found
        for cause, begin, end in self._blocks:
            at = begin.search(line) if cause else None
            while cause and at is not None:
                closed = end.search(line, at.end())
                stop = closed.end() if closed else len(line)
                found.append((at.start(), stop, cause))
                at = begin.search(line, stop)
        return found

    def opened(self, line: bytes) -> tuple[Cause | None, re.Pattern[bytes]] | None:
        r"""Returns cause (None: public) and end of the block that ``line`` leaves open, if any.

        One that goes on after its label with an escaped newline (``\n``) stands in this line altogether.
        """
        if b"BEGIN " not in line:
            return None
        for cause, begin, end in self._blocks:
            last = max(begin.finditer(line), key=re.Match.start, default=None)
            if last and not end.search(line, last.end()) and b"\\n" not in line[last.end() :]:
                return cause, end
        return None
