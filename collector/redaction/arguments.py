"""Command lines as lists: in ``["--requirepass", "x"]`` the secret is the item after the one that tells."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from collector.redaction.names import Names

_FLAG = re.compile(r"--?(?P<name>[A-Za-z][\w.\-]*)(?:=(?P<value>.*))?", re.DOTALL)
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][\w.\-]*)=(?P<value>.+)", re.DOTALL)

_SHORT_PASSWORD = re.compile(r"-p(?P<value>.+)", re.DOTALL)
_SHORT_FLAGS = frozenset({"mysql", "mysqldump", "mysqladmin", "mariadb"})

Hide = Callable[[str, str], str]
"""(placeholder kind, value) -> placeholder."""


def hidden_arguments(items: Sequence[str], names: Names, hide: Hide) -> list[str | None]:
    """Returns, for each of ``items``, its replacement, or None where the list's shape tells nothing.

    Told are ``--token x``, ``--token=x`` and ``TOKEN=x``, and ``-px`` after programs that take it so.
    """
    short = False
    replaced: list[str | None] = [None] * len(items)
    awaited: str | None = None
    for at, item in enumerate(items):
        if awaited and not (item.startswith("--") and _FLAG.fullmatch(item)) and not names.harmless(item):
            replaced[at] = hide(awaited, item)
            awaited = None
            continue
        awaited = None
        short = short or item.rpartition("/")[2] in _SHORT_FLAGS
        password = _SHORT_PASSWORD.fullmatch(item) if short else None
        if password:
            replaced[at] = "-p" + hide("password", password["value"])
            continue
        found = _FLAG.fullmatch(item) or _ASSIGNMENT.fullmatch(item)
        kind = names.kind(found["name"], True) if found else None
        if not found or kind is None:
            continue
        value = found["value"]
        if value is None:
            awaited = kind
        elif not names.harmless(value):
            replaced[at] = item[: found.start("value")] + hide(kind, value)
    return replaced
