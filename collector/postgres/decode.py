"""Decodes what tools print: bounded, tolerant of bad UTF-8 and stray control bytes, strict about shape."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from collector.core.clock import parse_rfc3339
from collector.records import Json

MAX_OUTPUT = 16 * 1024 * 1024
_LATEST = 253402300799  # the end of year 9999
_MAX_NAME = 200


class OutputError(Exception):
    """The output is not what the tool promises."""


def decode(data: bytes) -> Json:
    """Returns the JSON value in a tool's output.

    pgBackRest repeats bytes of an undecipherable file inside a JSON string (invalid UTF-8 and control
    characters), so both are let through. Raises OutputError.
    """
    if len(data) > MAX_OUTPUT:
        raise OutputError("longer than is read")
    try:
        return json.loads(data.decode("utf-8", "replace"), strict=False, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise OutputError("no JSON") from error


def moment(value: object) -> datetime | None:
    """Returns a time given as seconds of the epoch (number or digits) or in RFC 3339."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(_LATEST)):
        value = int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC) if 0 < value <= _LATEST else None
    return parse_rfc3339(value)


def number(value: object) -> int | None:
    """Returns a whole number that is not negative, None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63 else None


def name(value: object) -> str:
    """Returns a short printable string, empty for anything else."""
    if not isinstance(value, str):
        return ""
    return "".join(mark for mark in value[:_MAX_NAME] if mark.isprintable())
