"""Writes values the way Errbit's pages show them: in Ruby's notation, sorted by key."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from collector.records.model import Json

_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\e", '"': '\\"', "\\": "\\\\"}
_SPECIAL = re.compile(r'["\\]|#(?=[{$@])|[\x00-\x1f\x7f-\x9f\ud800-\udfff]')
_DEEPEST = 40


def pretty(value: Json, depth: int = 0) -> str:
    """Returns ``value`` over several lines: objects with two more spaces a level, the rest inspected."""
    if isinstance(value, Mapping) and depth < _DEEPEST:
        indent = "  " * (depth + 1)
        lines = (f"{indent}{inspect(key)} => {pretty(value[key], depth + 1)}" for key in sorted(value))
        return "{\n" + ",\n".join(lines) + "\n" + "  " * depth + "}" if value else "{}"
    return inspect(value)


def inspect(value: Json) -> str:
    """Returns ``value`` on one line."""
    if value is None:
        return "nil"
    if isinstance(value, str):
        return f'"{_SPECIAL.sub(_escape, value)}"'
    return json.dumps(value)


def _escape(found: re.Match[str]) -> str:
    mark = found[0]
    return _NAMED.get(mark) or (f"\\{mark}" if mark == "#" else f"\\u{ord(mark):04X}")
