"""Base64 inside text: what a run of it says once decoded, and bare lines of key material.

Entered, three levels deep and in any order: base64, URL escapes, JSON in strings. A run of base64 below that
is taken for a secret if it decodes to text with a telling word. Compressed content (gzip, zstd, xz, bzip2,
zip) in base64 is never entered: the rule ``compressed`` takes all of it, up to base64 of base64 of base64 of
gzip. Not entered, and so only as safe as what stands around it: base64 of what is no text, of text without
any of ``encodedWords`` (``encodedTwice`` where it is encoded twice over), of three times encoded text with
nothing telling beside it; hexadecimal, base32, quoted-printable; anything encrypted.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Callable, Iterable, Iterator

# 16 characters hold 12 bytes, about the shortest telling text ("password=abc").
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_PIECE = re.compile(rb"[A-Za-z0-9+_-]{16,}={0,2}")
_MATERIAL = re.compile(
    rb"^(?:[^\s]{20,40}Z )?[ \t]*([A-Za-z0-9+/]{64}|[A-Za-z0-9+/]{70}|[A-Za-z0-9+/]{76})\r?$", re.MULTILINE
)
_MIXED = re.compile(rb"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_SHORTEST_FORM = 4
_CONTROLS = bytes(set(range(32)) - {9, 10, 13}) + b"\x7f"
_HEAD = 24


def decoded_runs(text: bytes, hides: Callable[[bytes], object]) -> Iterator[tuple[int, int, bytes]]:
    """Yields start, end and decoded content of every base64 run in ``text`` that holds readable text.

    Args:
        text: one line.
        hides: returns something for every run worth decoding.
    """
    for found in _RUN.finditer(text):
        if hides(found[0]):
            yield from _readable(text, *found.span())


def _readable(text: bytes, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """The run as a whole, or else what of it stands between slashes: in a path they are no base64."""
    whole = _plain(text, start, end)
    if whole is not None:
        yield start, end, whole
        return
    for piece in _PIECE.finditer(text, start, end) if text.find(b"/", start, end) >= 0 else ():
        first, last = piece.span()
        for stop in (end, last):
            plain = _plain(text, first, stop)
            if plain is not None:
                yield first, stop, plain
                break


def _plain(text: bytes, start: int, end: int) -> bytes | None:
    return None if _decode(text[start : start + _HEAD]) is None else _decode(text[start:end])


def key_material(block: bytes) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Yields the lines of ``block`` that are nothing but a full line of armoured key, BEGIN out of sight.

    Start and end of the line, and where in the line the key is.
    """
    for found in _MATERIAL.finditer(block):
        if _MIXED.match(found[1]):
            start, end = found.span()
            yield start, end, (found.start(1) - start, found.end(1) - start)


def forms(word: str) -> frozenset[bytes]:
    """Returns what a base64 run that encodes ``word`` contains, in lower case.

    A word of small letters stands for three spellings, any other for itself.
    """
    return _told(run for spelling in _spellings(word) for run in _runs(spelling))


def forms_twice(word: str) -> frozenset[bytes]:
    """Returns what a base64 run contains that encodes a base64 run that encodes ``word``, in lower case."""
    once = (run for spelling in _spellings(word) for run in _runs(spelling))
    return _told(again for run in once for again in _runs(run))


def _spellings(word: str) -> set[bytes]:
    plain = word.isalpha() and word.islower()
    return {each.encode() for each in ({word, word.upper(), word.capitalize()} if plain else {word})}


def _runs(text: bytes) -> Iterator[bytes]:
    """Yields, for each place in a group of three that ``text`` can start at, what depends on it alone."""
    for before in range(3):
        run = base64.b64encode(b"\0" * before + text)[-(-before * 8 // 6) : (before + len(text)) * 8 // 6]
        yield run
        if run.translate(_TO_URL_SAFE) != run:
            yield run.translate(_TO_URL_SAFE)


def _told(runs: Iterable[bytes]) -> frozenset[bytes]:
    return frozenset(run.lower() for run in runs if len(run) >= _SHORTEST_FORM)


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
