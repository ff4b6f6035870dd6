"""Reads a notice's params back from the page of an Errbit: a flat hash in Ruby's notation, inside HTML."""

from __future__ import annotations

import html
import re

Scalar = str | int

_SECTION = re.compile(r"id=['\"]params['\"]")
_OPEN = re.compile(r"<pre class=['\"]hash['\"]>")
_INTEGER = re.compile(r"-?\d{1,18}")
_ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_NAMED = {"n": "\n", "t": "\t", "r": "\r", "e": "\x1b", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_HIGHEST = 0x10FFFF


def params_of(page: str) -> dict[str, Scalar] | None:
    """Returns the strings and whole numbers among the params; None for a page without any."""
    section = _SECTION.search(page)
    start = _OPEN.search(page, section.end()) if section else None
    if start is None or (end := page.find("</pre>", start.end())) < 0:
        return None
    found: dict[str, Scalar] = {}
    for line in html.unescape(page[start.end() : end]).split("\n"):
        name, arrow, value = line.strip().removesuffix(",").partition(" => ")
        if arrow and _quoted(name) and (read := _scalar(value)) is not None:
            found[unescape(name[1:-1])] = read
    return found


def unescape(text: str) -> str:
    """Returns what a Ruby string literal's inside stands for."""
    return _ESCAPE.sub(_plain, text) if "\\" in text else text


def _scalar(value: str) -> Scalar | None:
    if _quoted(value):
        return unescape(value[1:-1])
    return int(value) if _INTEGER.fullmatch(value) else None


def _quoted(text: str) -> bool:
    return len(text) > 1 and text[0] == text[-1] == '"'


def _plain(found: re.Match[str]) -> str:
    digits = found[1] or found[2] or found[3]
    if digits:
        code = int(digits, 16)
        return chr(code) if code <= _HIGHEST else "\ufffd"
    return _NAMED.get(found[4], found[4])
