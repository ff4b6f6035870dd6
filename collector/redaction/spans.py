"""Arithmetic on value spans: union, subtraction, and the way back from a cleaned view of a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from collector.redaction.causes import Span

_NOISE = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\-_]|[\x00\x1b]")

# Blanks (no-break, of some width), what has no width, and ASCII in full width; in UTF-8.
_BLANK = re.compile(rb"\xc2\xa0|\xe2\x80[\x80-\x8a\xaf]|\xe2\x81\x9f|\xe3\x80\x80")
_ODD = re.compile(
    _BLANK.pattern
    + rb"|\xc2\xad|\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xa4]|\xef\xbb\xbf"
    + rb"|\xef\xbc[\x81-\xbf]|\xef\xbd[\x80-\x9e]"
)
_NOISY = re.compile(_NOISE.pattern + rb"|" + _ODD.pattern)
_FULL_WIDTH = 0xFF01 - ord("!")

_PERCENT = re.compile(rb"%([0-7][0-9A-Fa-f])")
_ESCAPED = re.compile(rb"""[^\s%"'<>]*+%[0-7][0-9A-Fa-f][^\s"'<>]*""")
_NO_BREAKS = bytes.maketrans(b"\r\n", b"  ")


def merge(spans: Iterable[Span]) -> list[Span]:
    """Returns the union of ``spans`` in order; overlapping ones become one, for the widest one's cause."""
    merged: list[Span] = []
    widest = 0
    for start, end, cause in sorted(spans):
        if merged and start < merged[-1][1]:
            first, last, known = merged[-1]
            if end - start > widest:
                widest, known = end - start, cause
            merged[-1] = (first, max(last, end), known)
        else:
            merged.append((start, end, cause))
            widest = end - start
    return merged


def subtract(spans: Iterable[Span], places: Sequence[tuple[int, int]]) -> list[Span]:
    """Returns what is left of ``spans`` outside of ``places``; both are in order and do not overlap."""
    left: list[Span] = []
    at = 0
    for start, end, cause in spans:
        while at < len(places) and places[at][1] <= start:
            at += 1
        over, free = at, start
        while over < len(places) and places[over][0] < end:
            low, high = places[over]
            if free < low:
                left.append((free, low, cause))
            free = high
            over += 1
        if free < end:
            left.append((free, end, cause))
    return left


def noisy(text: bytes) -> bool:
    """True when ``text`` holds terminal escapes, NULs, or letters and blanks that only look like ASCII."""
    return b"\x1b" in text or b"\x00" in text or (not text.isascii() and _ODD.search(text) is not None)


def quieted(block: bytes) -> bytes:
    """Returns ``block`` without terminal escapes and NULs, and as ASCII what looks like it."""
    return _ODD.sub(_plain, _NOISE.sub(b"", block))


def denoised(line: bytes) -> tuple[bytes, list[tuple[int, int]]] | None:
    """Returns ``line`` as ``quieted``, and where each byte began and ended; None if that changes nothing."""
    if not noisy(line):
        return None
    kept = bytearray()
    origin: list[tuple[int, int]] = []
    at = 0
    for found in _NOISY.finditer(line):
        kept += line[at : found.start()]
        origin.extend((byte, byte + 1) for byte in range(at, found.start()))
        plain = _plain(found)
        kept += plain
        origin.extend(found.span() for _ in plain)
        at = found.end()
    kept += line[at:]
    origin.extend((byte, byte + 1) for byte in range(at, len(line)))
    return bytes(kept), origin


def restored(spans: Iterable[Span], origin: list[tuple[int, int]]) -> list[Span]:
    """Returns spans of a denoised line as spans of the line it came from."""
    return [(origin[start][0], origin[end - 1][1], cause) for start, end, cause in spans if start < end]


def _plain(found: re.Match[bytes]) -> bytes:
    """Returns the ASCII character that ``found`` looks like, a blank, or nothing."""
    text = found[0]
    if text[:1] == b"\xef" and text != b"\xef\xbb\xbf":
        return bytes([ord(text.decode()) - _FULL_WIDTH])
    return b" " if _BLANK.fullmatch(text) else b""


def percent_decoded(line: bytes, places: Sequence[int] | None = None) -> tuple[bytes, list[int]] | None:
    """Returns ``line`` with its URL escapes decoded and where each byte stood, and the end; None without any.

    Line breaks become spaces. ``places``: where the bytes of ``line`` itself stood, if it was decoded before.
    """
    if b"%" not in line or not _PERCENT.search(line):
        return None
    plain = bytearray()
    origin: list[int] = []
    at = 0
    for found in _PERCENT.finditer(line):
        plain += line[at : found.start()]
        origin.extend(range(at, found.start() + 1))
        plain.append(int(found[1], 16))
        at = found.end()
    plain += line[at:]
    origin.extend(range(at, len(line) + 1))
    if places is not None:
        origin = [places[at] for at in origin]
    return bytes(plain).translate(_NO_BREAKS), origin


def escaped_runs(line: bytes) -> Iterator[re.Match[bytes]]:
    """Yields the words of ``line`` that have URL escapes in them."""
    return _ESCAPED.finditer(line)


def encoded_again(spans: Iterable[Span], origin: list[int]) -> list[Span]:
    """Returns spans of a decoded line as spans of the line it came from."""
    return [(origin[start], origin[end], cause) for start, end, cause in spans]
