"""Arithmetic on WAL segment names: ranges, holes, and how far a backup can be rolled forward.

A name is three times eight hexadecimal digits: timeline, and the segment's place in two parts, of which the
second counts only as far as 4 GiB hold segments of the server's size.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from collector.postgres.model import Range

DEFAULT_SEGMENT = 16 * 1024 * 1024
_FULL = 1 << 32
_LARGEST = 1 << 30
_SMALLEST = 1 << 20
_MOST_ABOVE = 20_000  # of 4 GiB each
_STORED = re.compile(r"([0-9A-F]{24})(?:-[0-9a-f]{40})?(?:\.(?:gz|lz4|zst|bz2|br|lzma|xz|snappy))?")
_NAME = re.compile(r"[0-9A-F]{24}")
_HISTORY = re.compile(r"([0-9A-F]{8})\.history(?:\.\w+)?")


def segment(text: object) -> str:
    """Returns the first 24 hexadecimal digits, empty if ``text`` does not begin with them."""
    found = _NAME.match(text) if isinstance(text, str) else None
    return found[0] if found else ""


def stored_segment(filename: str) -> str:
    """Returns the segment that a file of an archive holds; empty for partial, backup and other files."""
    found = _STORED.fullmatch(filename)
    return found[1] if found else ""


def history_timeline(filename: str) -> int:
    """Returns the timeline whose history the file holds, 0 if it is no history file."""
    found = _HISTORY.fullmatch(filename)
    return int(found[1], 16) if found else 0


def valid_size(size: int) -> bool:
    """True for a power of two from 1 MiB to 1 GiB, which is what initdb takes."""
    return _SMALLEST <= size <= _LARGEST and size & (size - 1) == 0


def likely_size(names: Iterable[str]) -> int:
    """Returns the segment size that the names speak for, in bytes.

    Where they do not pass a border of 4 GiB any size gives the same holes, and the usual one is returned.
    """
    known = list(names)
    return _likely(
        len({name[:16] for name in known}), max((int(name[16:24], 16) for name in known), default=0)
    )


def _likely(above: int, last: int) -> int:
    if above > 1:
        size = _FULL >> last.bit_length()
        if valid_size(size):
            return size
    return DEFAULT_SEGMENT


def place(name: str, size: int) -> tuple[int, int]:
    """Returns timeline and number of a segment. ``size`` is bytes a segment."""
    return int(name[:8], 16), int(name[8:16], 16) * (_FULL // size) + int(name[16:24], 16)


def named(timeline: int, number: int, size: int) -> str:
    """Returns the name of a segment."""
    per = _FULL // size
    return f"{timeline:08X}{number // per:08X}{number % per:08X}"


def ranges(names: Iterable[str], size: int) -> tuple[Range, ...]:
    """Returns the ranges without holes, in order of timeline and place."""
    return tuple(_joined(sorted({place(name, size) for name in names}), size))


def _joined(places: Iterable[tuple[int, int]], size: int) -> Iterator[Range]:
    """Yields the ranges of places that come in their order, none of them twice."""
    open_at: tuple[int, int, int] | None = None
    for timeline, number in places:
        if open_at and (timeline, number) == (open_at[0], open_at[2] + 1):
            open_at = timeline, open_at[1], number
            continue
        if open_at:
            yield _range(open_at, size)
        open_at = timeline, number, number
    if open_at:
        yield _range(open_at, size)


def _range(found: tuple[int, int, int], size: int) -> Range:
    timeline, first, last = found
    return Range(first=named(timeline, first, size), last=named(timeline, last, size))


class Segments:
    """Names of segments, a bit each: a million of them take some megabytes."""

    def __init__(self) -> None:
        self._found: dict[str, int] = {}
        self._last = 0
        self.full = False
        """True if there were more than can be kept."""

    def add(self, name: str) -> None:
        """Adds one name; what no server would write is left out."""
        above, last = name[:16], int(name[16:24], 16)
        if last >= _FULL // _SMALLEST:
            return
        if above not in self._found and len(self._found) >= _MOST_ABOVE:
            self.full = True
            return
        self._found[above] = self._found.get(above, 0) | 1 << last
        self._last = max(self._last, last)

    def fit(self, size: int) -> bool:
        """True for a segment size, in bytes, that allows every name."""
        return valid_size(size) and self._last < _FULL // size

    def likely_size(self) -> int:
        """Returns the segment size that the names speak for, in bytes; see the function of this name."""
        return _likely(len(self._found), self._last)

    def ranges(self, size: int, *, most: int) -> tuple[str, tuple[Range, ...]]:
        """Returns the oldest segment of all, empty without any, and the newest ``most`` ranges."""
        found: deque[Range] = deque(maxlen=most)
        first = ""
        for one in _joined(self._places(size), size):
            first = first or one.first
            found.append(one)
        return first, tuple(found)

    def _places(self, size: int) -> Iterator[tuple[int, int]]:
        per = _FULL // size
        for above in sorted(self._found):
            timeline, start, bits = int(above[:8], 16), int(above[8:], 16) * per, self._found[above]
            yield from ((timeline, start + at) for at in range(bits.bit_length()) if bits >> at & 1)


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Segments that are not there. ``first`` and ``last`` are missing themselves."""

    first: str
    last: str
    count: int


def gaps(known: Iterable[Range], size: int, *, since: Mapping[int, int] | None = None) -> tuple[Gap, ...]:
    """Returns the holes inside each timeline; with ``since``, only those after that number on a timeline."""
    found: list[Gap] = []
    before: tuple[int, int] | None = None
    for one in sorted(known, key=lambda entry: entry.first):
        timeline, first = place(one.first, size)
        if before and before[0] == timeline and first > before[1] + 1:
            start = max(before[1] + 1, (since or {}).get(timeline, 0))
            if start < first:
                found.append(
                    Gap(
                        first=named(timeline, start, size),
                        last=named(timeline, first - 1, size),
                        count=first - start,
                    )
                )
        before = timeline, place(one.last, size)[1]
    return tuple(found)


def missing_between(first: str, last: str, known: Iterable[Range], size: int) -> int:
    """Returns how many segments from ``first`` to ``last`` no range holds, on either's timeline.

    A backup that a promotion cut into begins on one timeline and ends on the next; either's copy will do.
    """
    timelines = {place(first, size)[0], place(last, size)[0]}
    low, high = place(first, size)[1], place(last, size)[1]
    spans = sorted(
        (place(one.first, size)[1], place(one.last, size)[1])
        for one in known
        if place(one.first, size)[0] in timelines
    )
    missing, at = 0, low
    for start, end in spans:
        if end < at or start > high:
            continue
        missing += max(start - at, 0)
        at = max(at, end + 1)
    return missing + max(high - at + 1, 0)


def reach(last: str, known: Iterable[Range], size: int) -> str:
    """Returns the newest segment to which a backup that ended in ``last`` can be rolled forward.

    A newer timeline that continues without a hole is followed, as recovery_target_timeline = latest does.
    """
    timeline, start = place(last, size)
    number = start
    for (on, first), end in sorted((place(one.first, size), place(one.last, size)[1]) for one in known):
        follows = first <= number + 1 and end >= start
        if follows and (on > timeline or (on == timeline and end > number)):
            timeline, number = on, end
    return named(timeline, number, size)
