"""Looks for what must not be there in bytes that claim to be clean, sharing no pattern with the engine.

It is the second opinion: it knows the very values (canaries, the agent's own credentials) in every encoding,
and a few formats of tokens that are unmistakable, and nothing of names, places or rules.
"""

from __future__ import annotations

import base64
import html
import importlib
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SHORTEST = 6
_SHORTEST_ENCODED = 8
_PIECE = 1024 * 1024
_OVERLAP = 8 * 1024
_GROUP = 40
_WRAPPED = ("plain", "base64")
_FORMATS: tuple[tuple[str, bytes, bytes], ...] = (
    ("AWS key", b"AKIA", rb"AKIA[A-Z2-7]{16}(?![A-Za-z0-9])"),
    ("GitHub token", b"ghp_", rb"ghp_[A-Za-z0-9]{36}"),
    ("GitHub token", b"github_pat_", rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{20}"),
    ("GitLab token", b"glpat-", rb"glpat-[\w-]{20}"),
    ("Slack token", b"xox", rb"xox[abpr]-\d{9,}-[A-Za-z0-9-]{10,}"),
    ("Google key", b"AIza", rb"AIza[\w-]{35}"),
    ("Stripe key", b"_live_", rb"[rs]k_live_[A-Za-z0-9]{16,}"),
    ("npm token", b"npm_", rb"npm_[A-Za-z0-9]{36}"),
    ("Vault token", b"hvs.", rb"hvs\.[\w-]{24,}"),
    (
        "private key",
        b"PRIVATE KEY-----",
        rb"BEGIN [A-Z ]{0,20}PRIVATE KEY-----\\*[nr\s]{0,4}[A-Za-z0-9+/]{40}",
    ),
    ("signed token", b"eyJ", rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
)


@dataclass(frozen=True, kw_only=True, order=True)
class Hit:
    """Something that must not be there; says where and what, never the value.

    Attributes:
        entry: the name the caller gave.
        what: the needle's label, or the format.
        form: how it was written: plain, base64, URL-encoded ...
        offset: about where, in bytes from the start of the entry.
    """

    entry: str
    what: str
    form: str
    offset: int


class Scanner:
    """Looks for values and formats. Immutable, thread-safe.

    Args:
        needles: label to value; values shorter than 6 characters are left out, as they stand anywhere.
    """

    def __init__(self, needles: Mapping[str, str]) -> None:
        wanted: dict[bytes, tuple[str, str]] = {}
        for label, value in needles.items():
            if len(value) >= _SHORTEST:
                for form, spelling in _spellings(value):
                    wanted.setdefault(spelling, (label, form))
        self._wanted = tuple(wanted.items())
        self._quick = _finders([*wanted, *(mark for _, mark, _ in _FORMATS)])
        self._quick_wrapped = _finders([s for s, (_, form) in wanted.items() if form in _WRAPPED])
        self._formats = tuple((what, mark, re.compile(pattern)) for what, mark, pattern in _FORMATS)

    def scan(self, entry: str, chunks: Iterable[bytes]) -> tuple[Hit, ...]:
        """Returns what is found in one entry, each thing once. Memory does not grow with the entry."""
        found: dict[tuple[str, str], Hit] = {}
        for offset, window in _windows(chunks):
            for what, form, at in self._in(window):
                found.setdefault((what, form), Hit(entry=entry, what=what, form=form, offset=offset + at))
        return tuple(sorted(found.values()))

    def _in(self, window: bytes) -> Iterator[tuple[str, str, int]]:
        joined = window.replace(b"\r", b"").replace(b"\n", b"")  # six times faster than translate
        if not (_any(self._quick, window) or _any(self._quick_wrapped, joined)):
            return
        for spelling, (label, form) in self._wanted:
            at = window.find(spelling)
            if at >= 0:
                yield label, form, at
            elif form in _WRAPPED and joined.find(spelling) >= 0:
                yield label, f"{form}, over lines", 0
        for what, mark, pattern in self._formats:
            hit = pattern.search(window) if mark in window else None
            if hit:
                yield what, "format", hit.start()


def _finders(words: Sequence[bytes]) -> list[Any] | None:
    """Returns quick searches for ``words``, None where the module for it is not installed."""
    try:
        module: Any = importlib.import_module("ahocorasick_rs")
    except ImportError:
        return None
    first = module.MatchKind.LeftmostFirst
    groups = (list(words[at : at + _GROUP]) for at in range(0, len(words), _GROUP))
    return [module.BytesAhoCorasick(group, matchkind=first) for group in groups]


def _any(finders: list[Any] | None, text: bytes) -> bool:
    """True if one of the words may stand in ``text``: a first look, which the caller follows up."""
    return finders is None or any(finder.find_matches_as_indexes(text) for finder in finders)


def _windows(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yields offset and bytes of pieces that overlap, so that nothing hides on a border."""
    held: list[bytes] = []
    size = offset = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= _PIECE:
            window = b"".join(held)
            yield offset, window
            keep = window[-_OVERLAP:]
            offset += len(window) - len(keep)
            held, size = [keep], len(keep)
    if size:
        yield offset, b"".join(held)


def _spellings(value: str) -> Iterator[tuple[str, bytes]]:
    """Yields how a value can be written, and the bytes of it."""
    raw = value.encode()
    yield "plain", raw
    yield "reversed", raw[::-1]
    yield "JSON", json.dumps(value)[1:-1].encode()
    yield "JSON in JSON", json.dumps(json.dumps(value)[1:-1])[1:-1].encode()
    yield "URL-encoded", urllib.parse.quote(value, safe="").encode()
    yield "URL-encoded", urllib.parse.quote_plus(value).encode()
    yield "HTML", html.escape(value).encode()
    yield "hexadecimal", raw.hex().encode()
    yield "hexadecimal", raw.hex().upper().encode()
    yield "UTF-16", value.encode("utf-16-le")[:-1]
    for before in range(3):
        run = base64.b64encode(b"\0" * before + raw)
        certain = run[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        if len(certain) >= _SHORTEST_ENCODED:
            yield "base64", certain
            yield "base64", certain.translate(bytes.maketrans(b"+/", b"-_"))
