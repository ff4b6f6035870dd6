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
from collector.redaction.causes import Cause, Counts, structural
from collector.redaction.errors import RedactionError
from collector.redaction.gate import Gate
from collector.redaction.marker import Marker
from collector.redaction.rules import Rules
from collector.redaction.survey import (
    CARRIERS,
    DATA,
    MAX_DEPTH,
    SCALARS,
    VALUES,
    Memory,
    Survey,
    is_long_number,
)

_HELM_RECORD = "release"
_RELEASE = structural("compressed", "helm-release")
_MANAGED_FIELDS = structural("managed-fields")
_LAST_APPLIED = structural("last-applied")

Strings = Callable[[str, Counts, int], str]
"""(text, counts, level of JSON in strings) -> redacted text."""


class Structure:
    """The structural rules. Holds no state between calls; thread-safe.

    Args:
        strings: the text rules, for every string that is kept.
        configmap_values: ``namespace/name`` patterns of ConfigMaps whose values are kept.
    """

    def __init__(
        self, rules: Rules, marker: Marker, gate: Gate, strings: Strings, configmap_values: tuple[str, ...]
    ) -> None:
        self._gate = gate
        self.names = rules.names
        self.marker = marker
        self.strings = strings
        self.allowed = configmap_values
        self.dropped = rules.dropped_annotations

    def hidden(self, value: Json, cause: Cause, counts: Counts) -> Json:
        """Returns the shape of ``value``: keys and emptiness stay, every scalar is replaced."""
        return _Walk(self, counts, {}, {}, numbers=True).hidden(value, cause, 0)

    def value(
        self,
        value: Json,
        counts: Counts,
        level: int = 0,
        *,
        numbers: bool = False,
        memory: Memory | None = None,
    ) -> Json:
        """Returns a redacted copy of ``value``, or ``value`` itself where there is nothing to redact.

        Args:
            value: any JSON; not changed.
            counts: takes the number of replacements by kind.
            level: how many strings of JSON this value was unpacked from.
            numbers: replace numbers of four digits or more under a telling key as well: YAML makes
                a number of ``password: 123456``. Off for documents of our own, which count things by kind.
            memory: of earlier calls for like values, to be quicker; it changes nothing else.

        Raises:
            RedactionError: it is nested too deeply, too large or not plain JSON.
        """
        known = Memory() if memory is None else memory
        survey = Survey(self.names, self.dropped, self._gate, known, numbers=numbers)
        survey.look(value)
        outcomes: dict[str, tuple[str, Counts]] = {}
        for text in survey.suspects:
            found: Counts = Counter()
            clean = self.strings(text, found, level)
            if clean != text:
                outcomes[text] = (clean, found)
        known.learn(survey.suspects - outcomes.keys())
        if survey.places or outcomes:
            return _Walk(self, counts, outcomes, known.keys, numbers=numbers).any(value, 0)
        return value


class _Walk:
    """One pass over one value."""

    def __init__(
        self,
        rules: Structure,
        counts: Counts,
        outcomes: Mapping[str, tuple[str, Counts]],
        plain: Mapping[str, str | None],
        *,
        numbers: bool,
    ) -> None:
        """``outcomes``: what the text rules make of strings; ``plain``: clean keys and what they tell."""
        self._rules = rules
        self._names = rules.names
        self._counts = counts
        self._outcomes = outcomes
        self._plain = plain
        self._numbers = numbers

    def any(self, value: Json, depth: int) -> Json:
        kind = type(value)
        if kind is str:
            return self._string(value)
        if kind in SCALARS:
            return value
        if depth >= MAX_DEPTH:
            raise RedactionError(f"nested deeper than {MAX_DEPTH} levels")
        if kind is dict or isinstance(value, Mapping):
            return self._object(value, depth + 1)
        if kind is list or isinstance(value, list | tuple):
            return self._list(value, depth + 1)
        if isinstance(value, int | float):
            return value
        if isinstance(value, str):
            return self._string(str.__str__(value))
        raise RedactionError(f"not plain JSON: {kind.__name__}")

    def _string(self, text: str) -> str:
        outcome = self._outcomes.get(text)
        if outcome is None:
            return text
        clean, found = outcome
        self._counts.update(found)
        return clean

    def _object(self, value: Mapping[str, Json], depth: int) -> dict[str, Json]:
        place = _data_kind(value)
        if place == "configmap-value" and self._is_allowed(value):
            place = ""
        named = self._names.of_pair(value) if any(name in value for name in VALUES) else None
        result: dict[str, Json] = {}
        plain, outcomes = self._plain, self._outcomes
        for key, member in value.items():
            if plain.get(key, key) is None:
                # By far the most members: a key known to be clean and to tell nothing.
                if type(member) in SCALARS or (type(member) is str and member not in outcomes):
                    result[key] = member
                else:
                    result[key] = self.any(member, depth)
                continue
            if not isinstance(key, str):
                raise RedactionError("an object has a key that is no string")
            if key == "managedFields" or key in self._rules.dropped:
                self._counts[_MANAGED_FIELDS if key == "managedFields" else _LAST_APPLIED] += 1
                continue
            if key in DATA:
                result[self._string(key)] = self._data(member, place, depth)
                continue
            kind = named if key in VALUES else self._names.kind(key)
            cause = structural(kind, "named-pair" if key in VALUES else "telling-key") if kind else None
            result[self._string(key)] = self._member(key, member, cause, depth)
        return result

    def _data(self, member: Json, place: str, depth: int) -> Json:
        """What an object carries as its data; ``place`` is the kind it is hidden by, or empty."""
        if place:
            return self.hidden(member, structural(place), depth)
        return self._without_helm_record(member, depth)

    def _member(self, key: str, member: Json, cause: Cause | None, depth: int) -> Json:
        if cause is None:
            return self.any(member, depth)
        if isinstance(member, str):
            return self._told(member, cause)
        if isinstance(member, Mapping):
            return self._carrier(member, cause, depth)
        if isinstance(member, list | tuple) and key not in VALUES:
            return [
                self._told(entry, cause) if isinstance(entry, str) else self._other(entry, cause, depth)
                for entry in member
            ]
        return self._other(member, cause, depth)

    def _other(self, member: Json, cause: Cause, depth: int) -> Json:
        """What is no string, under a key that tells."""
        if self._numbers and is_long_number(member):
            return self._mark(cause, str(member))
        return self.any(member, depth)

    def _told(self, text: str, cause: Cause) -> str:
        """A string whose key says it is a secret."""
        if self._names.harmless(text):
            return self._string(text)
        return self._mark(cause, text)

    def _carrier(self, member: Mapping[str, Json], cause: Cause, depth: int) -> dict[str, Json]:
        """``password: {value: x}``: the key tells for what the object below it carries."""
        result = self._object(member, depth + 1)
        for key in CARRIERS & result.keys():
            carried = result[key]
            if isinstance(carried, str) and not self._names.harmless(carried):
                result[key] = self._mark(cause, carried)
        return result

    def _list(self, items: list[Json] | tuple[Json, ...], depth: int) -> list[Json]:
        texts = [item for item in items if isinstance(item, str)]
        if len(texts) != len(items):
            return [self.any(item, depth) for item in items]
        told = hidden_arguments(texts, self._names, self._argument)
        return [self._string(text) if new is None else new for text, new in zip(texts, told, strict=True)]

    def hidden(self, value: Json, cause: Cause, depth: int) -> Json:
        """Returns the shape of ``value``: keys and emptiness stay, every scalar is replaced."""
        if depth >= MAX_DEPTH:
            raise RedactionError(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, Mapping):
            return {
                self._string(str(key)): self.hidden(entry, cause, depth + 1) for key, entry in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.hidden(entry, cause, depth + 1) for entry in value]
        if value is None or value == "":
            return value
        return self._mark(cause, value if isinstance(value, str) else str(value))

    def _without_helm_record(self, data: Json, depth: int) -> Json:
        """A release record packs whole manifests; it goes even where values may stay."""
        if not isinstance(data, Mapping) or not isinstance(data.get(_HELM_RECORD), str):
            return self.any(data, depth)
        rest = {key: value for key, value in data.items() if key != _HELM_RECORD}
        return {**self.any(rest, depth), _HELM_RECORD: self._mark(_RELEASE, data[_HELM_RECORD])}

    def _is_allowed(self, value: Mapping[str, Json]) -> bool:
        metadata: Any = value.get("metadata")
        if not isinstance(metadata, Mapping):
            return False
        place = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
        return any(fnmatchcase(place, pattern) for pattern in self._rules.allowed)

    def _argument(self, kind: str, value: str) -> str:
        return self._mark(structural(kind, "argument"), value)

    def _mark(self, cause: Cause, value: str) -> str:
        return self._rules.marker.mark_text(cause, value, self._counts)


def _data_kind(value: Mapping[str, Json]) -> str:
    """Returns the placeholder kind for what ``data`` holds in this object, or "" where it may stay."""
    if DATA.isdisjoint(value):
        return ""
    kind = value.get("kind")
    if kind == "ConfigMap":
        return "configmap-value"
    typed = not isinstance(kind, str) and "metadata" in value
    if (isinstance(kind, str) and kind.endswith("Secret")) or "stringData" in value or typed:
        return "secret-data"
    return ""
