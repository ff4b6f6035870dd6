"""Parses what people write: ``48h``, ``25MiB``, ``2026-11-20T03:00:00Z``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE = re.compile(r"(\d+)\s*([KMG]i?)?B?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "ki": 1024, "mi": 1024**2, "gi": 1024**3}
_QUANTITY = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_SCALE: Mapping[str, Decimal] = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(10) ** (3 * power) for power, unit in enumerate("kMGT", 1)},
    **{f"{unit}i": Decimal(2) ** (10 * power) for power, unit in enumerate("KMGT", 1)},
}


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


def amount(text: str) -> Decimal | None:
    """Returns what a quantity of Kubernetes' such as ``500m`` or ``2Gi`` amounts to, None if it is none."""
    found = _QUANTITY.fullmatch(text)
    try:
        return Decimal(found[1]) * _SCALE[found[2] or ""] if found else None
    except InvalidOperation:
        return None
