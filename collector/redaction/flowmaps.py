"""Data of Secrets and ConfigMaps written in braces, where no reader of JSON gets at it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.redaction.causes import Span, structural

_DATA = rb"(?:data|stringData|binaryData)"
_CAUSE = structural("data-value", "data-map")
_OPENS = re.compile(rb"(?<![\w.\-/])" + _DATA + rb"""\\*["']?\s*:\s*\{""")
_STAMP = rb"(?:\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) )?"
_FIRST = re.compile(_STAMP + rb"""[+-]?\s*(?:- )?\\*["']?(?:""" + _DATA + rb"""\\*["']?\s*:\s*)?""")
_OWNER = re.compile(rb"""(?<![\w.\-/])kind\\*["']?\s*:\s*\\*["']?(?:\w*Secret|ConfigMap)(?![\w.\-])""")
_BRACE = re.compile(rb"""\\+["']|"(?:[^"\\]|\\.)*+"|'[^']*+'|[{}]""")
_PAIR = re.compile(
    rb"""[{,]\s*\\*(?P<quote>["']?)[^\s"'{},:\\][^"'{},:\\]*\\*(?P=quote)\s*:\s*"""
    rb"""(?:"(?P<value>(?:[^"\\]|\\.)*+)"|'(?P<value2>[^']*+)'|(?P<mark>\\+["'])(?P<value3>(?:(?!(?P=mark)).)*+)"""
    rb"""|\[(?P<value4>[^\[\]]*+)\]|(?P<value5>[^\s"'{}\[\],\\][^{}\[\],\\]*+))"""
)
_VALUES = ("value", "value2", "value3", "value4", "value5")


def spans(line: bytes) -> Iterator[Span]:
    """Yields what ``data: {…}`` holds, first in a line or beside the kind of a Secret or ConfigMap."""
    found = _OPENS.search(line)
    owned = found is not None and _OWNER.search(line) is not None
    while found is not None:
        end = found.end()
        if owned or _FIRST.fullmatch(line, 0, found.start()):
            end = _closed(line, found.end() - 1)
            yield from _values(line, found.end() - 1, end)
        found = _OPENS.search(line, end)


def announced(before: bytes) -> bool:
    """True when ``before``, all that stands in a line before a brace, says that data follow."""
    return before.rstrip().endswith(b":") and _FIRST.fullmatch(before) is not None


def _closed(line: bytes, at: int) -> int:
    """Returns where the brace at ``at`` is closed, or the end of the line."""
    depth = 0
    for found in _BRACE.finditer(line, at):
        depth += {b"{": 1, b"}": -1}.get(found[0], 0)
        if not depth:
            return found.end()
    return len(line)


def _values(line: bytes, start: int, end: int) -> Iterator[Span]:
    for found in _PAIR.finditer(line, start, end):
        for group in _VALUES:
            first, last = found.span(group)
            last = first + len(line[first:last].rstrip())
            if first < last:
                yield first, last, _CAUSE
