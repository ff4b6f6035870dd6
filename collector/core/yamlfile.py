"""Reads YAML that a person wrote: specs, policies, rules. Strict, because it may also come from a stranger.

No aliases (a few hundred bytes of them expand to gigabytes), no duplicate keys, no tags; bounded.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import shlex
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from collector.core.errors import UsageError

_MAX_BYTES = 1024 * 1024
_MAX_DEPTH = 40
_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]*)`(?: - at `(?P<where>[^`]*)`)?")

T = TypeVar("T")


# libyaml reads ten times faster than the pure form, which is there for machines without it.
_Fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _RefusedError(yaml.YAMLError):
    """YAML that is well formed and not accepted all the same."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem)
        self.problem = problem
        self.problem_mark = mark


class _Loader(_Fast):  # type: ignore[misc] # which class it is depends on the machine
    """Safe, without duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise _RefusedError(f"key {key.value!r} stands twice", value.start_mark)
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
        made: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return made


def _load(text: str) -> Any:
    """Returns the content of one document without aliases, at most 40 levels deep. Raises yaml.YAMLError."""
    depth = 0
    for event in yaml.parse(text, _Fast):
        if isinstance(event, yaml.AliasEvent):
            raise _RefusedError("aliases are not allowed", event.start_mark)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise _RefusedError("nested too deeply", event.start_mark)
    # The loader is a SafeLoader made stricter.
    return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader, with bounds of its own


class YamlFile:
    """One file's bytes, where they came from, and their digest.

    Raises:
        error: (the class given) when the file cannot be read or is too large.
    """

    def __init__(self, path: Path, error: type[UsageError]) -> None:
        self.path = path
        self._error = error
        try:
            with path.open("rb") as stream:
                self.data = stream.read(_MAX_BYTES + 1)
        except OSError as cause:
            raise error(
                f"cannot read {path}",
                why=cause.strerror or str(cause),
                hint=f"try: ls -l {shlex.quote(str(path))}",
            ) from cause
        if len(self.data) > _MAX_BYTES:
            raise error(f"{path} is too large", why=f"the limit is {_MAX_BYTES} bytes")
        self.sha256 = hashlib.sha256(self.data).hexdigest()

    def decode(self, model: type[T]) -> T:
        """Returns the content as ``model``, a msgspec Struct.

        Raises the file's error class with the place and, for an unknown key, the nearest known name.
        """
        try:
            content = _load(self.data.decode("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as cause:
            raise self._error(f"{self.path} is not acceptable YAML", why=_where(cause)) from cause
        try:
            return msgspec.convert(content, model)
        except msgspec.ValidationError as cause:
            raise self._error(
                f"{self.path} is not valid", why=str(cause), hint=_suggestion(str(cause), model)
            ) from cause


def _where(cause: Exception) -> str:
    mark = getattr(cause, "problem_mark", None)
    problem = getattr(cause, "problem", None) or str(cause).splitlines()[0]
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)


def _suggestion(message: str, model: Any) -> str:
    found = _UNKNOWN.search(message)
    if not found:
        return ""
    known = sorted(_field_names(model, set()))
    near = difflib.get_close_matches(found["name"], known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"


def _field_names(model: Any, seen: set[Any]) -> set[str]:
    """Returns every key that can stand anywhere in ``model``."""
    names: set[str] = set()
    for kind in (model, *getattr(model, "__args__", ())):
        if kind in seen:
            continue
        seen.add(kind)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            for entry in msgspec.structs.fields(kind):
                names.add(entry.encode_name)
                names |= _field_names(entry.type, seen)
        elif kind is not model:
            names |= _field_names(kind, seen)
    return names
