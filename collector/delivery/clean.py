"""Makes any value fit for a notice: what breaks Errbit, its database or its pages is replaced here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from collector.core.text import block
from collector.records.model import Json

MAX_VALUE_BYTES = 4096
_MAX_DEPTH = 20
_MAX_ITEMS = 200
_MAX_KEY = 64
_SAFE_INTEGERS = range(-(2**53), 2**53 + 1)
_KEY = re.compile(r"[^A-Za-z0-9_-]")
_CUT = " [cut]"


def text(value: object, limit: int = MAX_VALUE_BYTES) -> str:
    """Returns printable Unicode of at most ``limit`` bytes of UTF-8; a cut is marked."""
    # Cut in characters first: cleaning a huge text only to throw it away would be waste.
    start = str(value)[: limit + 1]
    encoded = block(start, limit + 1).encode()
    if len(encoded) <= limit:
        return encoded.decode()
    return encoded[: max(limit - len(_CUT), 0)].decode("utf-8", "ignore") + _CUT


def key(name: object, taken: Mapping[str, Json] | None = None) -> str:
    """Returns a key of ``[A-Za-z0-9_-]``, never empty and not among those ``taken``."""
    plain = _KEY.sub("_", str(name)[:_MAX_KEY]) or "_"
    unique, number = plain, 2
    while taken and unique in taken:
        unique, number = f"{plain}_{number}", number + 1
    return unique


def value(raw: Json, depth: int = _MAX_DEPTH) -> Json:
    """Returns ``raw`` as plain JSON: every container an object at most ``depth`` deep and 200 wide.

    Integers beyond 2^53 and floats that are not finite become strings, lists objects keyed by position.
    """
    if raw is None or isinstance(raw, bool):
        return raw
    if isinstance(raw, int):
        return int(raw) if raw in _SAFE_INTEGERS else _digits(raw)
    if isinstance(raw, float):
        return float(raw) if math.isfinite(raw) else str(raw)
    if isinstance(raw, Mapping):
        return _container(raw, depth)
    if isinstance(raw, list | tuple):
        return _container(dict(enumerate(raw)), depth)
    return text(raw)


def _container(raw: Mapping[object, Json], depth: int) -> Json:
    if depth <= 0:
        return "[nested too deeply]"
    made: dict[str, Json] = {}
    for position, (name, child) in enumerate(raw.items()):
        if position >= _MAX_ITEMS:
            made[key("more", made)] = f"{len(raw) - _MAX_ITEMS} not shown"
            break
        made[key(name, made)] = value(child, depth - 1)
    return made


def _digits(number: int) -> str:
    # Python refuses to print integers of thousands of digits.
    return (
        str(number) if number.bit_length() <= MAX_VALUE_BYTES else f"[integer of {number.bit_length()} bits]"
    )
