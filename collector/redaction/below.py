"""Values on lines of their own: below a telling key, or after an item that tells, as in ``args:``."""

from __future__ import annotations

import re

from collector.redaction.causes import Cause, structural
from collector.redaction.names import Names
from collector.redaction.states import Context, State, stamp

_MARK = re.compile(rb"\+|-(?=\S|  )(?!-)")
_KEY = re.compile(rb"""(?P<dash>- )?["']?(?P<name>[\w.\-/]+)["']?:\s*\[?\s*""")
_ITEM = re.compile(rb"(?:- +)*(?P<value>\S.*?)\s*")
_NO_SCALAR = re.compile(rb"""[{\[\]}>|&*#!].*|(?:"[^"]*"|'[^']*'|[\w.\-/]+)\s*:(?:\s.*)?""")
_FLAG = re.compile(rb"""(?:- ["']?|["'])--?(?P<name>[A-Za-z][\w.\-]*)["']?,?\s*""")
_SHORT_FLAGS = re.compile(rb"""(?:- ["']?|["'])(?:\S*/)?(?:mysql|mysqldump|mysqladmin|mariadb)["']?,?\s*""")
_ARGUMENT = re.compile(rb"""(?:- )?(?P<value>["']?[^\s"'\-].*?|["']?-[^\-].*?)\s*""")
_SHORT_PASSWORD = re.compile(rb"""(?:- )?["']?-p(?P<value>[^"'\s]+)["']?,?\s*""")
_PASSWORD = structural("password", "argument")


def opened(line: bytes, names: Names) -> State | None:
    """Returns the state for the lines below ``line`` if it is a telling key or item and no more."""
    marked, at, start = _place(line)
    key = _KEY.fullmatch(line, start)
    kind = names.kind(key["name"].decode("latin-1")) if key else None
    if key and kind:
        return _Below(structural(kind, "below-key"), key.start("name") - at, names, marked=marked)
    flag = _FLAG.fullmatch(line, start)
    kind = names.kind(flag["name"].decode("latin-1"), True) if flag else None
    if kind:
        return _NextItem(structural(kind, "argument"), start - at, names)
    return _ShortFlags(start - at) if _SHORT_FLAGS.fullmatch(line, start) else None


class _Below:
    """Scalars deeper than their key, and items of its list, which may stand as deep as the key."""

    def __init__(self, cause: Cause, indent: int, names: Names, *, marked: bool) -> None:
        self._cause = cause
        self._indent = indent
        self._names = names
        self._marked = marked
        self.over = False

    def take(self, line: bytes, context: Context) -> bytes | None:
        at = stamp(line)
        if self._marked and line[at : at + 1] in (b"+", b"-", b" "):
            at += 1
        start = _words(line, at)
        if start >= len(line.rstrip()):
            return line
        found = _ITEM.fullmatch(line, start)
        deep = start - at > self._indent or (start - at == self._indent and line[start : start + 2] == b"- ")
        if not deep or not found or _NO_SCALAR.fullmatch(found["value"]):
            self.over = True
            return None
        if self._names.harmless_in_prose(found["value"].strip(b"\"',").decode("latin-1")):
            return None
        return context.hide_value(line, self._cause, *found.span("value"))


class _NextItem:
    """The one item after a flag that tells."""

    def __init__(self, cause: Cause, indent: int, names: Names) -> None:
        self._cause = cause
        self._indent = indent
        self._names = names
        self.over = False

    def take(self, line: bytes, context: Context) -> bytes | None:
        self.over = True
        _, at, start = _place(line)
        found = _ARGUMENT.fullmatch(line, start)
        if not found or start - at != self._indent or line[start : start + 1] not in (b"-", b'"', b"'"):
            return None
        if self._names.harmless(found["value"].strip(b"\"',").decode("latin-1")):
            return None
        return context.hide_value(line, self._cause, *found.span("value"))


class _ShortFlags:
    """The items after the name of a program that takes its password as ``-psecret``."""

    def __init__(self, indent: int) -> None:
        self._indent = indent
        self.over = False

    def take(self, line: bytes, context: Context) -> bytes | None:
        _, at, start = _place(line)
        if start - at != self._indent or line[start : start + 1] not in (b"-", b'"', b"'"):
            self.over = True
            return None
        found = _SHORT_PASSWORD.fullmatch(line, start)
        return context.hide(line, _PASSWORD, *found.span("value")) if found else None


def _place(line: bytes) -> tuple[bool, int, int]:
    """Returns whether a line of a diff was added or removed, where the line begins and where its words do."""
    at = stamp(line)
    mark = _MARK.match(line, at)
    at = mark.end() if mark else at
    return mark is not None, at, _words(line, at)


def _words(line: bytes, at: int) -> int:
    return len(line) - len(line[at:].lstrip(b" \t"))
