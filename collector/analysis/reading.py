"""Reads entries piece by piece: lists of objects one at a time, logs from their end."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import msgspec

from collector.records import Json

_LONGEST_OBJECT = 32 * 1024 * 1024
_TAIL_BYTES = 512 * 1024

Open = Callable[[], Iterator[bytes]]


def read_objects(open_entry: Open) -> Iterator[Json]:
    """Yields the objects of a JSON list, written by us with one object a line or by others in any form."""
    lines = _lines(open_entry())
    opening, first = next(lines, b"").rstrip(), next(lines, b"")
    ours = opening == b"[" or (opening.startswith(b'{"kind":') and opening.endswith(b'"items":['))
    if ours and first.startswith((b"{", b"]")):
        for line in itertools.chain([first], lines):
            body = line.rstrip().removesuffix(b",")
            if body.startswith(b"{"):
                yield _decoded(body)
        return
    yield from _whole(open_entry())


def tail(pieces: Iterator[bytes], wanted: int) -> tuple[int, list[str]]:
    """Returns the number of the first line returned, counted from 1, and at most ``wanted`` last lines."""
    newlines, kept = 0, b""
    for piece in pieces:
        newlines += piece.count(b"\n")
        kept = (kept + piece)[-_TAIL_BYTES:]
    lines = kept.split(b"\n")
    total = newlines + 1
    if lines and not lines[-1]:
        lines.pop()
        total -= 1
    lines = lines[-wanted:]
    return total - len(lines) + 1, [line.decode("utf-8", "replace") for line in lines]


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yields lines; one that is longer than any object ends the reading."""
    rest: list[bytes] = []
    held = 0
    for piece in pieces:
        *whole, last = piece.split(b"\n")
        if whole:
            yield b"".join((*rest, whole[0]))
            yield from whole[1:]
            rest, held = [], 0
        rest.append(last)
        held += len(last)
        if held > _LONGEST_OBJECT:
            return
    if held:
        yield b"".join(rest)


def _decoded(body: bytes) -> Json:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None


def _whole(pieces: Iterator[bytes]) -> Iterator[Json]:
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size > _LONGEST_OBJECT:
            return
    content = _decoded(b"".join(parts))
    items = content.get("items") if isinstance(content, dict) else content
    yield from items if isinstance(items, list) else ()
