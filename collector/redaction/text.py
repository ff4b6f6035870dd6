"""Redacts one line: every rule on the line as it came, the union of what they found, replaced at once.

Repeated until nothing changes, so that redacting twice equals redacting once. JSON is read as JSON.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from collector.redaction import encoded, jsontext, spans
from collector.redaction.armour import Armour
from collector.redaction.engines import Engines
from collector.redaction.errors import RedactionError
from collector.redaction.gate import Gate
from collector.redaction.linefilter import MAX_LINE, LineFilter
from collector.redaction.lures import Lures
from collector.redaction.marker import Marker
from collector.redaction.rules import Rules, Span, TextRule
from collector.redaction.structure import Structure

LINE_SECONDS = 5.0
"""Longest time the rules may take for one line before it is withheld."""

_PASSES = 8
_JSON_LEVELS = 2
_ENCODED_LEVELS = 3
_ASSIGNED = re.compile(rb"""([\w.\-/]+)\\*["']?\s*(?:=|:|=>)\s*\\*["'(]?$""")


@dataclass(frozen=True)
class _Limit:
    """How deep a line is packed in others, and until when (monotonic seconds) rules may run on it."""

    level: int
    until: float


class _OverdueError(Exception):
    """The time for one line is over."""


class TextEngine:
    """The text rules and all that feeds on them. Holds no state between calls; thread-safe."""

    def __init__(
        self, rules: Rules, marker: Marker, engines: Engines, *, configmap_values: tuple[str, ...] = ()
    ) -> None:
        self.names = rules.names
        self.marker = marker
        self._lures = Lures(rules.names, rules.dropped_annotations, rules.encoded_words, engines)
        self.gate = Gate(rules.text, self._lures, engines)
        self._hidden = re.compile(b"|".join(sorted(map(re.escape, self._lures.encoded))))
        self.armour = Armour(rules.blocks)
        self._formal = tuple(rule for rule in rules.text if rule.formal)
        self._structure = Structure(rules, marker, self.gate, self.string, configmap_values)

    @property
    def structure(self) -> Structure:
        """The structural rules, wired to these text rules."""
        return self._structure

    def string(self, text: str, counts: Counter[str], level: int = 0) -> str:
        """Returns ``text``, of one line or many, redacted. ``level`` counts JSON in strings in JSON."""
        raw = text.encode("utf-8", "replace")
        filtered = LineFilter(self, counts, level).feed(raw)
        return text if filtered == raw else filtered.decode("utf-8", "replace")

    def line(self, line: bytes, counts: Counter[str], level: int = 0) -> bytes:
        """Returns one line (no newline in it) redacted."""
        if len(line) > MAX_LINE:
            return self.marker.mark("overlong-line", line, counts)
        limit = _Limit(level, time.monotonic() + LINE_SECONDS)
        try:
            for _ in range(_PASSES):
                cleaned = self._pass(line, counts, limit)
                if cleaned == line:
                    return line
                line = cleaned
        except _OverdueError:
            return self.marker.mark("line", line, counts)
        return self.marker.mark("line", line, counts)

    def formally(self, text: bytes) -> bool:
        """True when a value whose form alone convicts it stands in ``text``."""
        return any(next(rule.spans(line), None) for line in text.split(b"\n") for rule in self._formal)

    def _pass(self, line: bytes, counts: Counter[str], limit: _Limit) -> bytes:
        found = self._found(line, limit)
        if limit.level < _JSON_LEVELS and (found or self._lures.tells(line)):
            read = self._as_json(line, counts, limit)
            if read is not None:
                return read
        return self._replace(line, found, counts)

    def _replace(self, line: bytes, found: list[Span], counts: Counter[str]) -> bytes:
        parts: list[bytes] = []
        at = 0
        for start, end, kind in found:
            parts += (line[at:start], self.marker.mark(kind, line[start:end], counts))
            at = end
        return b"".join((*parts, line[at:])) if parts else line

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
        decoded = spans.percent_decoded(view)
        if decoded:
            plain, origin = decoded
            inside = (*self._matches(plain, self.gate.literally(view), limit), *self.armour.inline(plain))
            found += spans.encoded_again(inside, origin)
        if limit.level < _ENCODED_LEVELS:
            found += self._encoded(view, limit)
        return spans.subtract(spans.merge(found), places) if found else []

    def _matches(self, view: bytes, rules: list[TextRule], limit: _Limit) -> Iterator[Span]:
        for rule in rules:
            yield from rule.spans(view)
            if time.monotonic() > limit.until:
                raise _OverdueError

    def _encoded(self, view: bytes, limit: _Limit) -> Iterator[Span]:
        for start, end, plain in encoded.decoded_runs(view, self._hidden):
            if LineFilter(self, Counter(), limit.level + 1).feed(plain) != plain:
                yield start, end, "encoded"

    def _as_json(self, line: bytes, counts: Counter[str], limit: _Limit) -> bytes | None:
        """Returns the line redacted if it is JSON, or ends with it; None if it is to be taken as text."""
        found = jsontext.find(line)
        if found is None:
            return None
        prefix = line[: found.start]
        assigned = _ASSIGNED.search(prefix)
        if assigned and self.names.kind(assigned[1].decode("latin-1")):
            return None
        local: Counter[str] = Counter()
        try:
            value = self._structure.value(found.value, local, limit.level + 1)
        except RedactionError:
            return self.marker.mark("line", line, counts)
        if found.ambiguous:
            # Written anew it would lose a member; as text it is safe only if no place in it tells.
            return None if value == found.value else self.marker.mark("line", line, counts)
        tail = line[found.start :] if value == found.value else found.dump(value)
        counts.update(local)
        return self._replace(prefix, self._found(prefix, limit), counts) + tail
