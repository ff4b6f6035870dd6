"""Puts hostile text into Markdown that portals of every kind render, or show as plain text.

Backslash escapes would spoil the plain reading, so what could act is defused instead: no mention reaches a
person, no link or image is fetched, no markup is opened.
"""

from __future__ import annotations

import re

from collector.core.text import block, display
from collector.report.plain import cut, wrap

WIDTH = 100
_HTTP = re.compile(r"\bhttp(s?)://", re.IGNORECASE)
_SCHEME = re.compile(r"\b(javascript|data|vbscript|mailto|file|tel):", re.IGNORECASE)
_WWW = re.compile(r"\bwww\.", re.IGNORECASE)
_ANGLE = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"
_TAG = re.compile(r"<(?=[A-Za-z/!?@#])")
_RUN = re.compile(r"[`~]+")
# What begins a block; a dash or a number that begins a word, such as a flag or a version, does not.
_BLOCK_START = re.compile(r"[#>|~`]|(?:[+*-]|\d+[.)])(?=\s|$)|[-=*_]{2,}\s*$|=+\s*$")


def inline(text: object, limit: int = 300) -> str:
    """Returns one line that is inert in Markdown, wiki markup and plain text alike."""
    safe = _defang(display(text, limit))
    safe = _TAG.sub(_ANGLE, safe).replace("`", "'").replace("[~", "[ ~")
    return safe.replace("](", "] (").replace("][", "] [").replace("]:", "] :").replace("![", "! [")


def bullet(text: str, *, mark: str = "- ", most: int = 0) -> list[str]:
    """Returns a list item of at most WIDTH columns; ``text`` must have passed ``inline`` where hostile."""
    indent = " " * len(mark)
    first, *others = wrap(text, WIDTH - len(mark) - 1, most=most)
    return [mark + first, *(indent + _as_prose(line) for line in others)]


def paragraph(text: str) -> list[str]:
    """Returns lines of at most WIDTH columns."""
    first, *others = wrap(text, WIDTH - 1)
    return [first, *(_as_prose(line) for line in others)]


def fenced(text: object, *, lines: int, indent: str = "") -> list[str]:
    """Returns a code block of at most ``lines`` lines, with a fence that its content cannot close."""
    content = [_defang(line) for line in block(text, 4000).replace("\t", " ").split("\n")]
    kept = content[:lines]
    if len(content) > lines:
        kept.append("…")
    longest = max((len(run) for line in kept for run in _RUN.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    room = WIDTH - len(indent)
    return [indent + line for line in (fence, *(cut(line, room) for line in kept), fence)]


def _defang(text: str) -> str:
    safe = _HTTP.sub(r"hxxp\1://", text)
    safe = _SCHEME.sub(r"\1[:]", safe)
    return _WWW.sub("www[.]", safe).replace("@", "(at)")


def _as_prose(line: str) -> str:
    """Keeps a wrapped line from starting a heading, list, quote or table of its own."""
    return f"\\{line}" if _BLOCK_START.match(line) else line
