"""Parses what people write: ``48h``, ``25MiB``, ``2026-11-20T03:00:00Z``."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE = re.compile(r"(\d+)\s*([KMG]i?)?B?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3}


def seconds(text: str) -> float:
    """Returns the length of ``90s``, ``48h``, ``1h30m`` in seconds. Raises ValueError with an example."""
    if not _DURATION.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is not a duration; write it like 90s, 48h or 1h30m")
    return sum(float(count) * _SECONDS[unit] for count, unit in _PART.findall(text))


def size(text: str) -> int:
    """Returns the bytes of ``512KiB``, ``25Mi``, ``10MB``. Raises ValueError with an example."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a size; write it like 512KiB or 25Mi")
    return int(found[1]) * _UNITS[(found[2] or "").lower()]
