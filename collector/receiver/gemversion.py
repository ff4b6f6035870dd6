"""Compares versions the way RubyGems does, because Errbit turns notices of old application versions away."""

from __future__ import annotations

import re
from itertools import zip_longest

_FORM = re.compile(r"\s*([0-9]+(\.[0-9a-zA-Z]+)*(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?)?\s*")
_SEGMENT = re.compile(r"[0-9]+|[a-zA-Z]+")

Segment = tuple[int, int, str]
_ZERO: Segment = (1, 0, "")


def segments(version: str) -> list[Segment]:
    """Returns comparable segments. Raises ValueError for what is no version to RubyGems."""
    if not _FORM.fullmatch(version):
        raise ValueError(f"malformed version {version[:40]!r}")
    found = _SEGMENT.findall((version.strip() or "0").replace("-", ".pre."))
    # A word is older than any number: 2.0.rc1 comes before 2.0 (which is 2.0.0).
    return [(1, int(part[:18]), "") if part.isdigit() else (0, 0, part) for part in found]


def older(version: str, than: str) -> bool:
    """True when ``version`` is older. Raises ValueError when either is malformed."""
    pairs = zip_longest(segments(version), segments(than), fillvalue=_ZERO)
    return next((mine < theirs for mine, theirs in pairs if mine != theirs), False)
