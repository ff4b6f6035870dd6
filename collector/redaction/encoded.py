"""Base64 inside text: what a run of it says once decoded, and bare lines of key material."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Iterator

# 16 characters hold 12 bytes, about the shortest telling text ("password=abc").
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_MATERIAL = re.compile(rb"(?:\S+Z )?[ \t]*([A-Za-z0-9+/]{64}|[A-Za-z0-9+/]{70}|[A-Za-z0-9+/]{76})\r?")
_MIXED = re.compile(rb"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_CONTROLS = bytes(set(range(32)) - {9, 10, 13}) + b"\x7f"
_HEAD = 24
_ARMOUR_WIDTHS = (64, 70, 76)


def decoded_runs(text: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yields start, end and decoded content of every base64 run in ``text`` that holds readable text."""
    for found in _RUN.finditer(text):
        start, end = found.span()
        if _decode(text[start : start + _HEAD]) is not None:
            plain = _decode(text[start:end])
            if plain is not None:
                yield start, end, plain


def key_material(line: bytes) -> tuple[int, int] | None:
    """Returns where ``line`` is nothing but a full line of armoured key, its BEGIN out of sight."""
    found = _MATERIAL.fullmatch(line)
    return found.span(1) if found and _MIXED.match(found[1]) else None


def suspicious(block: bytes) -> Iterator[int]:
    """Yields positions in ``block`` whose lines need the closer look of the functions above."""
    for found in _RUN.finditer(block):
        start, end = found.span()
        if end - start in _ARMOUR_WIDTHS or _decode(block[start : start + _HEAD]) is not None:
            yield start


def _decode(run: bytes) -> bytes | None:
    """Returns the readable text ``run`` encodes, or None; an incomplete last group is left out."""
    whole = run.rstrip(b"=")
    try:
        plain = base64.b64decode(_padded(whole).translate(_URL_SAFE), validate=True)
        codecs.utf_8_decode(plain, "strict", False)  # the run may end inside a character
    except (binascii.Error, ValueError):
        return None
    return None if plain.translate(None, _CONTROLS) != plain else plain


def _padded(run: bytes) -> bytes:
    over = len(run) % 4
    return run[:-1] if over == 1 else run + b"=" * (-over % 4)
