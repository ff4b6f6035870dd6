"""Finds JSON in text, and writes it back the way it was written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from collector.records import Json

_CLOSERS = (b"}", b"]", b'"')


@dataclass(frozen=True, kw_only=True)
class JsonText:
    """A JSON value at the end of a line.

    Attributes:
        start: where it begins.
        ambiguous: an object in it has a key twice; in ``value`` it holds a list of what stands there.
        raw: as it was written.
    """

    start: int
    value: Json
    ambiguous: bool
    raw: bytes

    def dump(self, value: Json) -> bytes:
        """Returns ``value`` written as ``raw`` was: spaced or compact, escaped or in UTF-8."""
        separators = (", ", ": ") if b'": ' in self.raw else (",", ":")
        written = json.dumps(value, ensure_ascii=self.raw.isascii(), separators=separators)
        trailing = len(self.raw) - len(self.raw.rstrip())
        return written.encode("utf-8", "replace") + self.raw[len(self.raw) - trailing :]


def find(line: bytes) -> JsonText | None:
    """Returns the JSON object, array or string that ends ``line``; None if none does."""
    whole = line.rstrip()
    if not whole.endswith(_CLOSERS):
        return None
    start = len(line) - len(line.lstrip())
    if whole[start : start + 1] not in (b"{", b"[", b'"'):
        start = whole.find(b"{")
    if start < 0:
        return None
    repeated: list[str] = []

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(members)
        if len(value) == len(members):
            return value
        repeated.append("")
        every: dict[str, list[Any]] = {}
        for key, member in members:
            every.setdefault(key, []).append(member)
        return {key: found if len(found) > 1 else found[0] for key, found in every.items()}

    try:
        value = json.loads(whole[start:], object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return None
    return JsonText(start=start, value=value, ambiguous=bool(repeated), raw=line[start:])
