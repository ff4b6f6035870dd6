"""Arithmetic on value spans: union, subtraction, and the way back from a cleaned view of a line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from collector.redaction.rules import Span

_NOISE = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\-_]|[\x00\x1b]")


def merge(spans: Iterable[Span]) -> list[Span]:
    """Returns the union of ``spans`` in order; overlapping ones become one, of the widest one's kind."""
    merged: list[Span] = []
    widest = 0
    for start, end, kind in sorted(spans):
        if merged and start < merged[-1][1]:
            first, last, known = merged[-1]
            if end - start > widest:
                widest, known = end - start, kind
            merged[-1] = (first, max(last, end), known)
        else:
            merged.append((start, end, kind))
            widest = end - start
    return merged


def subtract(spans: Iterable[Span], places: Iterable[tuple[int, int]]) -> list[Span]:
    """Returns what is left of ``spans`` outside of ``places``, which are in order and do not overlap."""
    left = list(spans)
    for low, high in places:
        cut: list[Span] = []
        for start, end, kind in left:
            if end <= low or start >= high:
                cut.append((start, end, kind))
                continue
            if start < low:
                cut.append((start, low, kind))
            if end > high:
                cut.append((high, end, kind))
        left = cut
    return left


def denoised(line: bytes) -> tuple[bytes, list[int]] | None:
    """Returns ``line`` without terminal escapes and NULs and where each byte stood; None if it has none."""
    if b"\x1b" not in line and b"\x00" not in line:
        return None
    kept = bytearray()
    origin: list[int] = []
    at = 0
    for found in _NOISE.finditer(line):
        kept += line[at : found.start()]
        origin.extend(range(at, found.start()))
        at = found.end()
    kept += line[at:]
    origin.extend(range(at, len(line)))
    return bytes(kept), origin


def restored(spans: Iterable[Span], origin: list[int]) -> list[Span]:
    """Returns spans of a denoised line as spans of the line it came from."""
    return [(origin[start], origin[end - 1] + 1, kind) for start, end, kind in spans if start < end]
