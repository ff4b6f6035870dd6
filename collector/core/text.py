"""The single place where text that came from a cluster, a bundle or a server is made safe to show."""

from __future__ import annotations

import re

# C0 (but tab and newline), DEL, C1, bidirectional controls, zero-width marks, line and paragraph separators.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def display(text: object, limit: int = 2000) -> str:
    """Returns one line fit for a terminal: escapes shown as ``?``, newlines as spaces, cut at ``limit``."""
    return block(text, limit).replace("\n", " ").replace("\t", " ")


def block(text: object, limit: int = 20000) -> str:
    """Returns text of several lines fit for a terminal or a page; control characters become ``?``."""
    whole = str(text)
    # Cut first: a megabyte that nobody will see need not be cleaned.
    safe = _UNSAFE.sub("?", whole[: 2 * limit + 2].replace("\r\n", "\n"))
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


_KIBI = 1024


def human_bytes(count: int) -> str:
    """Returns ``6.2 MiB``."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < _KIBI:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= _KIBI
    return f"{size:.1f} GiB"


def counted(number: int, noun: str) -> str:
    """Returns ``1 pod``, ``2 pods``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def human_age(seconds: float) -> str:
    """Returns the two largest units: ``3d4h``, ``14m5s``."""
    left = int(max(seconds, 0))
    units = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count}{name}")
    return "".join(part for part in parts[:2] if not part.startswith("0")) or "0s"
