"""The type that only redaction makes and that alone the bundle writer accepts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Redacted:
    """Bytes that have passed redaction.

    Constructed in ``collector.redaction`` only; a test walks the sources to hold that line.
    """

    data: bytes
