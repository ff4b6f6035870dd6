"""Redacts one line: every rule on the line as it came, the union of what they found, replaced at once.

Repeated until nothing changes, so that redacting twice equals redacting once. JSON is read as JSON.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from collector.records import Json
from collector.redaction import encoded, flowmaps, jsontext, spans
from collector.redaction.armour import Armour
from collector.redaction.causes import Counts, Span, structural
from collector.redaction.engines import Engines
from collector.redaction.errors import RedactionError
from collector.redaction.gate import Gate
from collector.redaction.linefilter import MAX_LINE, OVERLONG, LineFilter
from collector.redaction.lures import Lures
from collector.redaction.marker import Marker
from collector.redaction.places import placed
from collector.redaction.rules import Rules, TextRule
from collector.redaction.signs import either
from collector.redaction.structure import Structure

LINE_SECONDS = 5.0
"""Longest time the rules may take for one line before it is withheld."""

_LINE = structural("line", "unreadable-line")
_ENCODED = structural("encoded")
_PASSES = 8
_JSON_LEVELS = 2
_ENCODED_LEVELS = 3
_ESCAPED_LEVELS = 3
_ASSIGNED = re.compile(rb"""([\w.\-/]+)\\*["']?\s*(?:=|:|=>)\s*\\*["'(]?$""")


@dataclass(frozen=True)
class _Limit:
    """How deep a line is packed in others, and until when (monotonic seconds) rules may run on it."""

    level: int
    until: float


class _OverdueError(Exception):
    """The time for one line is over."""


class Searches:
    """What is dear to make and the same for every entry. Immutable, thread-safe."""

    def __init__(self, rules: Rules, engines: Engines) -> None:
        self.lures = Lures(rules.names, rules.dropped_annotations, rules.encoded_forms, engines)
        self.gate = Gate(rules.text, self.lures, engines)
        hidden = either(self.lures.encoded)
        self.hides = (engines.compiled(hidden) or re.compile(hidden.encode())).search
        self.armour = Armour(rules.blocks)


class TextEngine:
    """The text rules and all that feeds on them. Holds no state between calls; thread-safe.

    Args:
        entry: path of the entry it is for: rules for others are left out. None: every rule applies.
    """

    def __init__(
        self,
        rules: Rules,
        marker: Marker,
        searches: Searches,
        *,
        configmap_values: tuple[str, ...] = (),
        entry: str | None = None,
    ) -> None:
        self._rules = rules
        self._searches = searches
        self._configmap_values = configmap_values
        self._off = frozenset(
            rule for rule, entries in rules.limits if entry is not None and not entries.hold(entry)
        )
        self._places = tuple(place for place in rules.places if entry is None or place.entries.hold(entry))
        self.names = rules.names
        self.marker = marker
        self.gate = searches.gate
        self.armour = searches.armour
        self._structure = Structure(rules, marker, self.gate, self.string, configmap_values)

    def within(self, entry: str | None) -> TextEngine:
        """Returns the engine for the entry at this path. Rules for others cost time in it, no more."""
        if entry is None or not self._rules.limited:
            return self
        return TextEngine(
            self._rules,
            self.marker,
            self._searches,
            configmap_values=self._configmap_values,
            entry=entry,
        )

    @property
    def structure(self) -> Structure:
        """The structural rules, wired to these text rules."""
        return self._structure

    def placed(self, item: dict[str, Json], counts: Counts) -> dict[str, Json]:
        """Returns a Kubernetes object without what the customer's places say."""
        hidden = self._structure.hidden
        return placed(item, self._places, marker=self.marker, hidden=hidden, counts=counts)

    def placed_in(self, document: Json, counts: Counts) -> Json:
        """Returns a document with ``placed`` applied to the objects it lists, or to itself if it is one."""
        if not self._places:
            return document
        if isinstance(document, dict) and isinstance(document.get("items"), list):
            return {**document, "items": self.placed_in(document["items"], counts)}
        if isinstance(document, list):
            return [self.placed(item, counts) if isinstance(item, dict) else item for item in document]
        is_object = isinstance(document, dict) and {"apiVersion", "kind"} <= document.keys()
        return self.placed(document, counts) if is_object else document

    @property
    def has_places(self) -> bool:
        """True when only whole objects can be redacted."""
        return bool(self._places)

    def string(self, text: str, counts: Counts, level: int = 0) -> str:
        """Returns ``text``, of one line or many, redacted. ``level`` counts JSON in strings in JSON."""
        raw = text.encode("utf-8", "replace")
        filtered = LineFilter(self, counts, level).feed(raw)
        return text if filtered == raw else filtered.decode("utf-8", "replace")

    def line(self, line: bytes, counts: Counts, level: int = 0) -> bytes:
        """Returns one line (no newline in it) redacted."""
        if len(line) > MAX_LINE:
            return self.marker.mark(OVERLONG, line, counts)
        limit = _Limit(level, time.monotonic() + LINE_SECONDS)
        try:
            for _ in range(_PASSES):
                cleaned = self._pass(line, counts, limit)
                if cleaned == line:
                    return line
                line = cleaned
        except _OverdueError:
            return self.marker.mark(_LINE, line, counts)
        return self.marker.mark(_LINE, line, counts)

    def formally(self, text: bytes) -> bool:
        """True when a value whose form alone convicts it stands in ``text``."""
        formal = [rule for rule in self._rules.text if rule.formal and rule.id not in self._off]
        return any(next(rule.spans(line), None) for line in text.split(b"\n") for rule in formal)

    def _pass(self, line: bytes, counts: Counts, limit: _Limit) -> bytes:
        found = self._found(line, limit)
        if limit.level < _JSON_LEVELS and (found or self._searches.lures.tells(line)):
            read = self._as_json(line, counts, limit)
            if read is not None:
                return read
        return self.marker.replaced(line, found, counts)

    def _found(self, line: bytes, limit: _Limit) -> list[Span]:
        """Returns the merged spans of values in ``line``, outside of placeholders."""
        places = self.marker.placeholders(line)
        view = self.marker.blanked(line, places)
        found = list(self._matches(view, self.gate.rules(view), limit))
        found += self.armour.inline(view)
        noiseless = spans.denoised(view)
        if noiseless:
            quiet, origin = noiseless
            found += spans.restored(self._matches(quiet, self.gate.rules(quiet), limit), origin)
        found += self._escaped(view, limit)
        found += self._encoded(view, limit)
        return spans.subtract(spans.merge(found), places) if found else []

    def _matches(self, view: bytes, rules: list[TextRule], limit: _Limit) -> Iterator[Span]:
        yield from flowmaps.spans(view)
        for rule in rules:
            if rule.id not in self._off:
                yield from rule.spans(view)
            if time.monotonic() > limit.until:
                raise _OverdueError

    def _escaped(self, view: bytes, limit: _Limit) -> Iterator[Span]:
        """What shows once URL escapes are decoded, and what is still escaped after some rounds of it."""
        decoded = spans.percent_decoded(view)
        rounds = 0
        while decoded is not None:
            plain, origin = decoded
            yield from spans.encoded_again(self._matches(plain, self.gate.rules(plain), limit), origin)
            yield from spans.encoded_again(self.armour.inline(plain), origin)
            yield from spans.encoded_again(self._encoded(plain, limit), origin)
            rounds += 1
            if rounds == _ESCAPED_LEVELS:
                still = ((*run.span(), _ENCODED) for run in spans.escaped_runs(plain))
                yield from spans.encoded_again(still, origin)
                return
            decoded = spans.percent_decoded(plain, origin)

    def _encoded(self, view: bytes, limit: _Limit) -> Iterator[Span]:
        """Base64 that holds something to redact, or that may, and is too deep to be looked into."""
        for start, end, plain in encoded.decoded_runs(view, self._searches.hides):
            below = limit.level + 1
            if below > _ENCODED_LEVELS or LineFilter(self, Counter(), below).feed(plain) != plain:
                yield start, end, _ENCODED

    def _as_json(self, line: bytes, counts: Counts, limit: _Limit) -> bytes | None:
        """Returns the line redacted if it is JSON, or ends with it; None if it is to be taken as text."""
        found = jsontext.find(line)
        if found is None:
            return None
        prefix = line[: found.start]
        assigned = _ASSIGNED.search(prefix)
        if assigned and (self.names.kind(assigned[1].decode("latin-1")) or flowmaps.announced(prefix)):
            return None
        local: Counts = Counter()
        try:
            value = self._structure.value(found.value, local, limit.level + 1, numbers=True)
        except RedactionError:
            return self.marker.mark(_LINE, line, counts)
        if found.ambiguous:
            # Written anew it would lose a member; as text it is safe only if no place in it tells.
            return None if value == found.value else self.marker.mark(_LINE, line, counts)
        tail = line[found.start :] if value == found.value else found.dump(value)
        counts.update(local)
        return self.marker.replaced(prefix, self._found(prefix, limit), counts) + tail
