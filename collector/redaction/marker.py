"""Placeholders: what stands where a value stood, equal for equal values of one run and for no one else."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

from collector.redaction.causes import Cause, Counts

STRUCTURAL_KINDS = (
    "compressed",
    "configmap-value",
    "data-value",
    "encoded",
    "key-material",
    "line",
    "name",
    "overlong-line",
    "secret-data",
)
"""Kinds the structural rules use beside those of the text rules."""

_KEY_BYTES = 32
_FILLER = b"*"


class Marker:
    """Makes placeholders and recognises its own.

    Args:
        kinds: all kinds in use; only these are recognised, so that an invented placeholder hides nothing.
        key: HMAC key; random when None. It never leaves this object.
    """

    def __init__(self, kinds: Iterable[str], key: bytes | None = None) -> None:
        self._key = secrets.token_bytes(_KEY_BYTES) if key is None else key
        known = "|".join(re.escape(kind) for kind in sorted({*kinds, *STRUCTURAL_KINDS}))
        self._pattern = re.compile(rf"\[REDACTED:(?:{known}):[0-9a-f]{{8}}\]".encode())

    def digest(self) -> hmac.HMAC:
        """Returns a running HMAC-SHA256, for values too long to hold."""
        return hmac.new(self._key, digestmod=hashlib.sha256)

    def mark(self, cause: Cause, value: bytes, counts: Counts) -> bytes:
        """Returns the placeholder for ``value`` and counts it."""
        counts[cause] += 1
        return _placeholder(cause.kind, hmac.digest(self._key, value, "sha256").hex())

    def replaced(self, line: bytes, found: Iterable[tuple[int, int, Cause]], counts: Counts) -> bytes:
        """Returns ``line`` with what ``found`` says, in order and without overlap, replaced and counted."""
        parts: list[bytes] = []
        at = 0
        for start, end, cause in found:
            parts += (line[at:start], self.mark(cause, line[start:end], counts))
            at = end
        return b"".join((*parts, line[at:])) if parts else line

    def mark_text(self, cause: Cause, value: str, counts: Counts) -> str:
        """Returns the placeholder for a string; a string of placeholders only is left alone."""
        raw = value.encode("utf-8", "surrogatepass")
        if not value or not self._pattern.sub(b"", raw).strip():
            return value
        return self.mark(cause, raw, counts).decode("ascii")

    def close(self, cause: Cause, digest: hmac.HMAC, counts: Counts) -> bytes:
        """Returns the placeholder for what ``digest`` was fed, and counts it."""
        counts[cause] += 1
        return _placeholder(cause.kind, digest.hexdigest())

    def in_path(self, segment: str) -> str:
        """Returns ``segment`` with its placeholders written as every file system takes them."""
        return self._pattern.sub(_for_path, segment.encode()).decode()

    def placeholders(self, line: bytes) -> list[tuple[int, int]]:
        """Returns where placeholders stand in ``line``."""
        if b"[REDACTED:" not in line:
            return []
        return [found.span() for found in self._pattern.finditer(line)]

    def blanked(self, line: bytes, places: list[tuple[int, int]]) -> bytes:
        """Returns ``line``, of the same length, with the words inside placeholders made meaningless."""
        if not places:
            return line
        blank = bytearray(line)
        for start, end in places:
            blank[start:end] = _FILLER * (end - start)
        return bytes(blank)


def _for_path(found: re.Match[bytes]) -> bytes:
    # No Kubernetes name holds a tilde, and so no rule for names and values sees an assignment in it.
    return found[0][1:-1].lower().replace(b":", b"~")


def _placeholder(kind: str, digest: str) -> bytes:
    return f"[REDACTED:{kind}:{digest[:8]}]".encode()
