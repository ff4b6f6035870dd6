"""What an archive_command does, told from its text, which may hold credentials and is not kept."""

from __future__ import annotations

import re

NOOP = "noop"
EMPTY = "empty"
SWALLOWS = "swallows_errors"

_NOOP = re.compile(r"\s*(?:(?:/usr)?/bin/)?(?:true|:|exit\s+0|echo\b[^|;&]*|cd\s+\.)\s*;?\s*")
_FAILS = re.compile(r"\s*(?:(?:/usr)?/bin/)?(?:false|exit\s+[1-9]\d*)\s*;?\s*")
_SWALLOWS = re.compile(
    r"(?:\|\|\s*(?:(?:/usr)?/bin/)?(?:true|:|exit\s+0)|;\s*(?:(?:/usr)?/bin/)?(?:true|exit\s+0))\s*$"
)
_TOOLS = (
    ("pgbackrest", re.compile(r"\bpgbackrest\b.*\barchive-(?:push|get)\b")),
    ("wal-g", re.compile(r"\bwal-g\b.*\bwal-(?:push|fetch)\b")),
    ("wal-e", re.compile(r"\bwal-e\b.*\bwal-(?:push|fetch)\b")),
    ("barman-cloud", re.compile(r"\bbarman-cloud-wal-(?:archive|restore)\b")),
    ("barman", re.compile(r"\bbarman-wal-(?:archive|restore)\b|\bbarman\b")),
    ("cnpg", re.compile(r"/controller/manager\b.*\bwal-(?:archive|restore)\b")),
    ("copy", re.compile(r"(?:^|[\s/&])(?:cp|rsync|scp|install|gzip)\s")),
)


def command_class(command: str) -> str:
    """Returns empty, noop, always_fails, swallows_errors, a tool's name, copy or unknown."""
    if not command.strip() or command.strip() == "(disabled)":
        return EMPTY
    if _NOOP.fullmatch(command):
        return NOOP
    if _FAILS.fullmatch(command):
        return "always_fails"
    if _SWALLOWS.search(command):
        return SWALLOWS
    return next((tool for tool, pattern in _TOOLS if pattern.search(command)), "unknown")
