"""Short forms for people: times, counts, pointers, and text that fits a number of terminal cells."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from collector.core.text import display
from collector.findings import Classification, Evidence, Scope

NOT_STATED = "not stated"
_HOUR = 3600
_DAY = 86400
_RANGE = 3
_FIRST_YEAR = 1970
_NOT_FILEABLE = frozenset({Scope.UNSUPPORTED, Scope.OUT_OF_SCOPE})


def count_of(number: int, one: str, many: str = "") -> str:
    """Returns ``1 value`` or ``3 values``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def utc(when: datetime | None) -> datetime | None:
    """Returns the moment in UTC; None before 1970, which is how objects write that there is none."""
    try:
        moved = when.astimezone(UTC) if when else None
    except OverflowError:
        return None
    return moved if moved and moved.year >= _FIRST_YEAR else None


def moment(when: datetime | None, *, seconds: bool = False) -> str:
    """Returns ``2026-11-20 22:00Z``, or ``not known``."""
    known = utc(when)
    if known is None:
        return "not known"
    return known.strftime("%Y-%m-%d %H:%M:%SZ" if seconds else "%Y-%m-%d %H:%MZ")


def window(seconds: int) -> str:
    """Returns a span the way ``--since`` takes it: ``48h``, ``90m``, ``14d``."""
    for size, unit, least in ((_DAY, "d", 3), (_HOUR, "h", 1), (60, "m", 1)):
        if seconds >= least * size and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


def where(evidence: Evidence) -> str:
    """Returns ``path:line``, ``path#pointer`` or the path alone, on one line."""
    tail = f":{evidence.line}" if evidence.line else f"#{evidence.pointer}" if evidence.pointer else ""
    return display(f"{evidence.path}{tail}", 400)


def severities(classification: Classification) -> str:
    """Returns the ticket severities a clause allows: ``1-4``, ``3, 4``, ``none`` or ``not stated``.

    Of a bug, those for finding its cause and those for the fix: ``1-4, fix 3, 4``.
    """
    if not classification.severities:
        silent = not classification.severities_stated and classification.scope not in _NOT_FILEABLE
        return NOT_STATED if silent else "none"
    fix = classification.fix_severities
    return _set(classification.severities) + (f", fix {_set(fix)}" if fix else "")


def _set(severities: Iterable[int]) -> str:
    allowed = sorted(set(severities))
    if len(allowed) >= _RANGE and allowed[-1] - allowed[0] == len(allowed) - 1:
        return f"{allowed[0]}-{allowed[-1]}"
    return ", ".join(map(str, allowed))


def cells(text: str) -> int:
    """Returns how many terminal cells a line takes: wide characters two, combining ones none."""
    return sum(map(_cells_of, text))


def _cells_of(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, width: int) -> str:
    """Returns the text, ended with ``…`` where it would be wider than ``width`` cells."""
    if cells(text) <= width:
        return text
    return _head(text, width - 1) + "…" if width > 0 else ""


def _head(text: str, width: int) -> str:
    used = 0
    for place, char in enumerate(text):
        used += _cells_of(char)
        if used > width:
            return text[:place]
    return text


def wrap(text: str, width: int, *, most: int = 0) -> list[str]:
    """Returns lines of at most ``width`` cells, broken at blanks where possible; at least one line.

    Args:
        text: one line of text.
        width: cells for each line, at least 2.
        most: keep this many lines and end the last with ``…``; 0 keeps all.
    """
    lines = list(_lines(text, max(width, 2)))
    if most and len(lines) > most:
        # The last line is filled to its end: with a long word next, breaking at a blank would waste it.
        rest = " ".join(text.split())
        for line in lines[: most - 1]:
            rest = rest[len(line) :].lstrip(" ")
        return [*lines[: most - 1], cut(rest, width)]
    return lines


def _lines(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        rest = word
        if line and cells(line) + 1 + cells(rest) <= width:
            line = f"{line} {rest}"
            continue
        if line:
            yield line
        while cells(rest) > width:
            head = _head(rest, width)
            yield head
            rest = rest[len(head) :]
        line = rest
    yield line
