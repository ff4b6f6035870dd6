"""What a backup job's command line gives away: failures that nobody would see, data that is left out.

The text is looked at in memory; only these flags are kept, as it may hold passwords.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TOOL = re.compile(r"\b(?:pg_dumpall|pg_dump|pgbackrest|wal-g|wal-e|barman(?:-cloud)?[\w-]*)\b")
_DUMP = re.compile(r"\bpg_dump(?:all)?\b")
_PIPE = re.compile(r"\bpg_dump(?:all)?\b[^\n;&|]*\|(?!\|)")
_PIPEFAIL = re.compile(r"pipefail|PIPESTATUS")
_SWALLOWED = re.compile(
    r"\b(?:pg_dump\w*|pgbackrest|wal-g)\b[^\n;]*\|\|\s*(?:(?:/usr)?/bin/)?(?:true|:|exit\s+0|echo)"
)
_FINALLY_GOOD = re.compile(r"(?:^|[\n;])\s*(?:exit\s+0|true|:)\s*$")
_ERREXIT = re.compile(r"\bset\s+-\w*e|\bset\s+-o\s+errexit")
_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_STATEMENT = re.compile(r"[\n;]+")
_SCHEMA_ONLY = re.compile(r"(?:\s|^)(?:--schema-only|-s)(?=\s|$)")
_EXCLUDES = re.compile(r"(?:\s|^)(?:--exclude-(?:table|schema|table-data)|-T\s|-N\s|--no-blobs)")


@dataclass(frozen=True, kw_only=True)
class Script:
    """What is wrong with a command. ``visible``: the tool is called here, not by a script elsewhere."""

    visible: bool
    problems: tuple[str, ...] = ()
    schema_only: bool = False
    leaves_out: bool = False
    globals: bool = False


def read_script(command: Sequence[str]) -> Script:
    """Returns what the words of a container's command and args, in that order, give away."""
    text = "\n".join(command)
    if not _TOOL.search(text):
        return Script(visible=False)
    body = _shell_body(command)
    problems = tuple(_problems(body)) if body else ()
    dumps = bool(_DUMP.search(text))
    return Script(
        visible=True,
        problems=problems,
        schema_only=dumps and bool(_SCHEMA_ONLY.search(" ".join(command))),
        leaves_out=dumps and bool(_EXCLUDES.search(" ".join(command))),
        globals="pg_dumpall" in text or not dumps,
    )


def _shell_body(command: Sequence[str]) -> str:
    """Returns the script given to a shell with -c, its options in front as ``set``; empty without one."""
    for at, word in enumerate(command[:-1]):
        if re.fullmatch(r"-\w*c", word) and command[0].rpartition("/")[2] in _SHELLS:
            options = " ".join(command[1 : at + 1])
            return f"set {options}\n{command[at + 1]}"
    return ""


def _problems(body: str) -> list[str]:
    found = []
    if _PIPE.search(body) and not _PIPEFAIL.search(body):
        found.append("a pipe hides whether the dump failed (no pipefail)")
    if _SWALLOWED.search(body):
        found.append("a failure of the backup is turned into success")
    elif _FINALLY_GOOD.search(body) and not _ERREXIT.search(body):
        found.append("the script ends with success whatever happened")
    elif not _ERREXIT.search(body) and not _PIPE.search(body) and _another_last(body):
        found.append("the exit status is that of the last command, which is not the backup")
    return found


def _another_last(body: str) -> bool:
    statements = [part for part in (one.strip() for one in _STATEMENT.split(body)) if part]
    return bool(statements) and not _TOOL.search(statements[-1])
