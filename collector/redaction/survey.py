"""Looks at a whole object before it is rewritten: most hold nothing to redact, and need no copy then.

The strings of an object are looked at together, in one pass of the gate, which costs a tenth of a pass each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from collector.records import Json
from collector.redaction.arguments import hidden_arguments
from collector.redaction.encoded import key_material
from collector.redaction.errors import RedactionError
from collector.redaction.gate import Gate
from collector.redaction.names import Names

MAX_DEPTH = 200
"""Deepest nesting of an object that is read."""

MAX_ITEM = 32 * 1024 * 1024
"""Most characters of one object that are read."""

DATA = frozenset({"data", "stringData", "binaryData"})
VALUES = frozenset({"value", "Value", "VALUE"})
CARRIERS = frozenset({"value", "plain", "plaintext", "plainText", "literal", "inline"})
SMALLEST_NUMBER = 1000

SCALARS = frozenset({type(None), bool, int, float})

_REMEMBERED = 50_000
_LONGEST_REMEMBERED = 128
_SHORTEST_MATERIAL = 64


@dataclass
class Memory:
    """Strings and keys found clean before; bounded. For one caller, not for several threads."""

    clean: set[str] = field(default_factory=set)
    keys: dict[str, str | None] = field(default_factory=dict)

    def learn(self, texts: Iterable[str]) -> None:
        """Remembers texts that no rule touches; forgets all of them when there are too many."""
        if len(self.clean) > _REMEMBERED:
            self.clean.clear()
            self.keys.clear()
        self.clean.update(text for text in texts if len(text) <= _LONGEST_REMEMBERED)


class Survey:
    """One look at one value.

    Attributes:
        places: some structural rule applies, so the value has to be walked.
        suspects: the strings, keys included, that the text rules have to see; all others are clean.
    """

    def __init__(
        self, names: Names, dropped: frozenset[str], gate: Gate, memory: Memory, *, numbers: bool
    ) -> None:
        self._names = names
        self._dropped = dropped
        self._gate = gate
        self._memory = memory
        self._numbers = numbers
        self._fresh: set[str] = set()
        self._keys: dict[str, str | None] = {}
        self.places = False
        self.suspects: set[str] = set()

    def look(self, value: Json) -> None:
        """Fills the attributes. Raises RedactionError: nested too deeply, or too large."""
        level: list[Json] = [value]
        for _ in range(MAX_DEPTH + 1):
            below: list[Json] = []
            for node in level:
                self._node(node, below)
            if not below:
                break
            level = below
        else:
            raise RedactionError(f"nested deeper than {MAX_DEPTH} levels")
        self._judge()

    def _node(self, node: Json, below: list[Json]) -> None:
        kind = type(node)
        if kind is dict:
            self._members(node, below)
        elif kind is list:
            self._items(node, below)
        elif kind is str:
            if node not in self._memory.clean:
                self._fresh.add(node)
        elif kind not in SCALARS:
            # No JSON as it was read, such as a member of an enumeration: left to the walk.
            self.places = True
            if isinstance(node, str):
                self._fresh.add(str.__str__(node))
            below.extend(_inside(node))

    def _members(self, node: dict[str, Json], below: list[Json]) -> None:
        clean, keys, fresh = self._memory.clean, self._memory.keys, self._fresh
        for key, member in node.items():
            told = keys[key] if key in keys else self._told(key)
            if told is not None:
                self._telling(node, key, member)
            if type(member) is str:
                if member not in clean:
                    fresh.add(member)
            elif type(member) not in SCALARS:
                below.append(member)

    def _told(self, key: object) -> str | None:
        """Returns why a key asks for the walk or for a look at its value: a kind, or the key itself."""
        if not isinstance(key, str):
            self.places = True
            return None
        self._fresh.add(key)
        special = key in DATA or key in self._dropped or key in VALUES or key == "managedFields"
        self._keys[key] = key if special else self._names.kind(key)
        return self._keys[key]

    def _telling(self, node: dict[str, Json], key: str, member: Json) -> None:
        if key in VALUES:
            if self._names.of_pair(node) is None:
                return
        elif key in DATA or key == "managedFields" or key in self._dropped:
            self.places = True
            return
        if isinstance(member, str):
            self.places = self.places or not self._names.harmless(member)
        elif isinstance(member, Mapping):
            self.places = self.places or not CARRIERS.isdisjoint(member)
        elif isinstance(member, list | tuple):
            self.places = self.places or any(isinstance(item, str) or self._number(item) for item in member)
        elif self._number(member):
            self.places = True

    def _number(self, member: Json) -> bool:
        return self._numbers and is_long_number(member)

    def _items(self, items: list[Json], below: list[Json]) -> None:
        clean, fresh = self._memory.clean, self._fresh
        texts = [item for item in items if type(item) is str]
        fresh.update(text for text in texts if text not in clean)
        if len(texts) != len(items):
            below.extend(item for item in items if type(item) is not str and type(item) not in SCALARS)
        elif "=" in (joined := "\n".join(texts)) or joined[:1] == "-" or "\n-" in joined:
            told = hidden_arguments(texts, self._names, lambda kind, _: kind)
            self.places = self.places or any(new is not None for new in told)

    def _judge(self) -> None:
        """Sorts the strings into suspects and clean ones."""
        fresh = list(self._fresh)
        if sum(map(len, fresh)) > MAX_ITEM:
            raise RedactionError(f"larger than {MAX_ITEM} characters")
        single = [text for text in fresh if "\n" not in text]
        self.suspects = {text for text in fresh if "\n" in text}
        block = "\n".join(single).encode("utf-8", "replace")
        at = number = 0
        for start, _ in self._gate.candidates(block):
            number += block.count(b"\n", at, start)
            at = start
            self.suspects.add(single[number])
        long = [text for text in single if len(text) >= _SHORTEST_MATERIAL]
        self.suspects.update(
            text for text in long if next(key_material(text.encode("utf-8", "replace")), None)
        )
        self._memory.learn(text for text in fresh if text not in self.suspects)
        self._memory.keys.update((key, told) for key, told in self._keys.items() if key not in self.suspects)


def is_long_number(member: Json) -> bool:
    """True for a number that a password may be."""
    number = isinstance(member, int | float) and not isinstance(member, bool)
    return number and not -SMALLEST_NUMBER < member < SMALLEST_NUMBER


def _inside(node: Json) -> list[Json]:
    if isinstance(node, Mapping):
        return [dict(node)]
    return [list(node)] if isinstance(node, list | tuple) else []
