"""Redacts one line: every rule on the line as it came, the union of what they found, replaced at once.

Repeated until nothing changes, so that redacting twice equals redacting once. JSON is read as JSON.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from collector.redaction import encoded, jsontext, spans
from collector.redaction.armour import Armour
from collector.redaction.errors import RedactionError
from collector.redaction.gate import Gate
from collector.redaction.linefilter import MAX_LINE, LineFilter
from collector.redaction.marker import Marker
from collector.redaction.rules import Rules, Span, TextRule
from collector.redaction.structure import Structure

_PASSES = 8
_JSON_LEVELS = 2
_ASSIGNED = re.compile(rb"""([\w.\-/]+)\\*["']?\s*(?:=|:|=>)\s*\\*["'(]?$""")


class TextEngine:
    """The text rules and all that feeds on them. Holds no state between calls; thread-safe."""

    def __init__(self, rules: Rules, marker: Marker, *, configmap_values: tuple[str, ...] = ()) -> None:
        self.names = rules.names
        self.marker = marker
        self.gate = Gate(rules.text)
        self.armour = Armour(rules.blocks)
        self._formal = tuple(rule for rule in rules.text if rule.formal)
        self._structure = Structure(rules, marker, self.string, configmap_values)

    @property
    def structure(self) -> Structure:
        """The structural rules, wired to these text rules."""
        return self._structure

    def string(self, text: str, counts: Counter[str], level: int = 0) -> str:
        """Returns ``text``, of one line or many, redacted. ``level`` counts JSON in strings in JSON."""
        raw = text.encode("utf-8", "replace")
        filtered = LineFilter(self, counts, level).feed(raw)
        return text if filtered == raw else filtered.decode("utf-8", "replace")

    def line(self, line: bytes, counts: Counter[str], level: int = 0, *, public: bool = False) -> bytes:
        """Returns one line (no newline in it) redacted; ``public``: it is part of a certificate."""
        if len(line) > MAX_LINE:
            return self.marker.mark("overlong-line", line, counts)
        for _ in range(_PASSES):
            cleaned = self._pass(line, counts, level, public=public)
            if cleaned == line:
                return line
            line = cleaned
        return self.marker.mark("line", line, counts)

    def tells(self, text: bytes) -> bool:
        """True when some rule finds a secret in ``text``."""
        return any(
            self.armour.opens_private(line) or self._found(line, deep=False) for line in text.split(b"\n")
        )

    def formally(self, text: bytes) -> bool:
        """True when a value whose form alone convicts it stands in ``text``."""
        return any(next(rule.spans(line), None) for line in text.split(b"\n") for rule in self._formal)

    def _pass(self, line: bytes, counts: Counter[str], level: int, *, public: bool) -> bytes:
        read = self._as_json(line, counts, level) if level < _JSON_LEVELS else None
        if read is not None:
            return read
        return self._replace(line, self._found(line, public=public), counts)

    def _replace(self, line: bytes, found: list[Span], counts: Counter[str]) -> bytes:
        parts: list[bytes] = []
        at = 0
        for start, end, kind in found:
            parts += (line[at:start], self.marker.mark(kind, line[start:end], counts))
            at = end
        return b"".join((*parts, line[at:])) if parts else line

    def _found(self, line: bytes, *, deep: bool = True, public: bool = False) -> list[Span]:
        """Returns the merged spans of values in ``line``, outside of placeholders."""
        places = self.marker.placeholders(line)
        view = self.marker.blanked(line, places)
        found = list(self._matches(view, self.gate.rules(view)))
        found += self.armour.inline(view)
        noiseless = spans.denoised(view)
        if noiseless:
            quiet, origin = noiseless
            found += spans.restored(self._matches(quiet, self.gate.rules(quiet)), origin)
        if deep:
            found += self._encoded(view, public=public)
        return spans.subtract(spans.merge(found), places) if found else []

    def _matches(self, view: bytes, rules: list[TextRule]) -> Iterator[Span]:
        for rule in rules:
            yield from rule.spans(view)

    def _encoded(self, view: bytes, *, public: bool) -> Iterator[Span]:
        material = None if public else encoded.key_material(view)
        if material:
            yield (*material, "key-material")
        for start, end, plain in encoded.decoded_runs(view):
            if self.tells(plain):
                yield start, end, "encoded"

    def _as_json(self, line: bytes, counts: Counter[str], level: int) -> bytes | None:
        """Returns the line redacted if it is JSON, or ends with it; None if not so or nothing was found."""
        found = jsontext.find(line)
        if found is None:
            return None
        prefix = line[: found.start]
        assigned = _ASSIGNED.search(prefix)
        if assigned and self.names.kind(assigned[1].decode("latin-1")):
            return None
        local: Counter[str] = Counter()
        try:
            value = self._structure.value(found.value, local, level + 1)
        except RedactionError:
            return self.marker.mark("line", line, counts)
        tail = line[found.start :] if value == found.value and not found.ambiguous else found.dump(value)
        counts.update(local)
        return self._replace(prefix, self._found(prefix), counts) + tail
