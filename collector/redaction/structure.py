"""What is secret by its place in an object: Secrets, ConfigMaps, environment, arguments, telling keys.

Runs before the text rules, which then see every string that is left, so that nothing relies on place alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from collector.records import Json
from collector.redaction.arguments import hidden_arguments
from collector.redaction.errors import RedactionError
from collector.redaction.marker import Marker
from collector.redaction.rules import Rules

MAX_DEPTH = 200
"""Deepest nesting of an object that is read."""

MAX_ITEM = 32 * 1024 * 1024
"""Most characters of one object that are read."""

_SMALLEST_NUMBER = 1000
_DATA = ("data", "stringData", "binaryData")
_CARRIERS = frozenset({"value", "plain", "plaintext", "plainText", "literal", "inline"})
_HELM_RECORD = "release"
_SHORT = 128
_REMEMBERED = 50_000

Strings = Callable[[str, Counter[str], int], str]
"""(text, counts, level of JSON in strings) -> redacted text."""


class Structure:
    """The structural rules. Holds no state between calls; thread-safe.

    Args:
        strings: the text rules, for every string that is kept.
        configmap_values: ``namespace/name`` patterns of ConfigMaps whose values are kept.
    """

    def __init__(
        self, rules: Rules, marker: Marker, strings: Strings, configmap_values: tuple[str, ...]
    ) -> None:
        self.names = rules.names
        self.marker = marker
        self.strings = strings
        self.allowed = configmap_values
        self.dropped = rules.dropped_annotations

    def value(self, value: Json, counts: Counter[str], level: int = 0, *, numbers: bool = False) -> Json:
        """Returns a redacted copy of ``value``.

        Args:
            value: any JSON; not changed.
            counts: takes the number of replacements by kind.
            level: how many strings of JSON this value was unpacked from.
            numbers: replace whole numbers of four digits or more under a telling key as well: YAML makes
                a number of ``password: 123456``. Off for documents of our own, which count things by kind.

        Raises:
            RedactionError: it is nested too deeply, too large or not plain JSON.
        """
        return _Walk(self, counts, level, numbers=numbers).any(value, 0)


class _Walk:
    """One pass over one value."""

    def __init__(self, rules: Structure, counts: Counter[str], level: int, *, numbers: bool) -> None:
        self._rules = rules
        self._names = rules.names
        self._counts = counts
        self._level = level
        self._numbers = numbers
        self._size = 0
        self._clean: set[str] = set()

    def any(self, value: Json, depth: int) -> Json:
        if isinstance(value, str):
            return self._string(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth >= MAX_DEPTH:
            raise RedactionError(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, Mapping):
            return self._object(value, depth + 1)
        if isinstance(value, list | tuple):
            return self._list(value, depth + 1)
        raise RedactionError(f"not plain JSON: {type(value).__name__}")

    def _string(self, text: str) -> str:
        if text in self._clean:
            return text
        self._size += len(text)
        if self._size > MAX_ITEM:
            raise RedactionError(f"larger than {MAX_ITEM} characters")
        kept = self._rules.strings(text, self._counts, self._level)
        if kept == text and len(text) <= _SHORT and len(self._clean) < _REMEMBERED:
            self._clean.add(text)
        return kept

    def _object(self, value: Mapping[str, Json], depth: int) -> dict[str, Json]:
        place = _data_kind(value)
        if place == "configmap-value" and self._is_allowed(value):
            place = ""
        named = self._named_kind(value)
        result: dict[str, Json] = {}
        for key, member in value.items():
            if not isinstance(key, str):
                raise RedactionError("an object has a key that is no string")
            if key == "managedFields" or key in self._rules.dropped:
                self._counts["managed-fields" if key == "managedFields" else "last-applied"] += 1
                continue
            kind = place if key in _DATA else (named if key == "value" else self._names.kind(key))
            result[self._string(key)] = self._member(key, member, kind, depth, wholly=key in _DATA)
        return result

    def _member(self, key: str, member: Json, kind: str | None, depth: int, *, wholly: bool) -> Json:
        if wholly:
            if kind:
                return self._hidden(member, kind, depth)
            return self._without_helm_record(member, depth)
        if kind is None:
            return self.any(member, depth)
        if isinstance(member, str):
            return self._told(member, kind)
        if isinstance(member, Mapping):
            return self._carrier(member, kind, depth)
        if isinstance(member, list | tuple) and key != "value":
            return [
                self._told(entry, kind) if isinstance(entry, str) else self.any(entry, depth)
                for entry in member
            ]
        if self._numbers and type(member) is int and abs(member) >= _SMALLEST_NUMBER:
            return self._mark(kind, str(member))
        return self.any(member, depth)

    def _told(self, text: str, kind: str) -> str:
        """A string whose key says it is a secret."""
        if self._names.harmless(text):
            return self._string(text)
        return self._mark(kind, text)

    def _carrier(self, member: Mapping[str, Json], kind: str, depth: int) -> dict[str, Json]:
        """``password: {value: x}``: the key tells for what the object below it carries."""
        result = self._object(member, depth + 1)
        for key in _CARRIERS & result.keys():
            carried = result[key]
            if isinstance(carried, str) and not self._names.harmless(carried):
                result[key] = self._mark(kind, carried)
        return result

    def _list(self, items: list[Json] | tuple[Json, ...], depth: int) -> list[Json]:
        texts = [item for item in items if isinstance(item, str)]
        if len(texts) != len(items):
            return [self.any(item, depth) for item in items]
        told = hidden_arguments(texts, self._names, self._mark)
        return [self._string(text) if new is None else new for text, new in zip(texts, told, strict=True)]

    def _hidden(self, value: Json, kind: str, depth: int) -> Json:
        """Returns the shape of ``value``: keys and emptiness stay, every scalar is replaced."""
        if depth >= MAX_DEPTH:
            raise RedactionError(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, Mapping):
            return {
                self._string(str(key)): self._hidden(entry, kind, depth + 1) for key, entry in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._hidden(entry, kind, depth + 1) for entry in value]
        if value is None or value == "":
            return value
        return self._mark(kind, value if isinstance(value, str) else str(value))

    def _without_helm_record(self, data: Json, depth: int) -> Json:
        """A release record packs whole manifests; it goes even where values may stay."""
        if not isinstance(data, Mapping) or not isinstance(data.get(_HELM_RECORD), str):
            return self.any(data, depth)
        rest = {key: value for key, value in data.items() if key != _HELM_RECORD}
        return {**self.any(rest, depth), _HELM_RECORD: self._mark("compressed", data[_HELM_RECORD])}

    def _named_kind(self, value: Mapping[str, Json]) -> str | None:
        """``{name: DB_PASSWORD, value: x}``, or the same with key: the name tells for the value."""
        for key in ("name", "key"):
            name = value.get(key)
            if isinstance(name, str) and "value" in value:
                kind = self._names.kind(name, True)
                if kind:
                    return kind
        return None

    def _is_allowed(self, value: Mapping[str, Json]) -> bool:
        metadata: Any = value.get("metadata")
        if not isinstance(metadata, Mapping):
            return False
        place = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
        return any(fnmatchcase(place, pattern) for pattern in self._rules.allowed)

    def _mark(self, kind: str, value: str) -> str:
        return self._rules.marker.mark_text(kind, value, self._counts)


def _data_kind(value: Mapping[str, Json]) -> str:
    """Returns the placeholder kind for what ``data`` holds in this object, or "" where it may stay."""
    if not any(key in value for key in _DATA):
        return ""
    kind = value.get("kind")
    if kind == "ConfigMap":
        return "configmap-value"
    typed = not isinstance(kind, str) and "metadata" in value
    if (isinstance(kind, str) and kind.endswith("Secret")) or "stringData" in value or typed:
        return "secret-data"
    return ""
