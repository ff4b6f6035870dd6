"""Tries the search engines on the rules' own examples before they are trusted with anything."""

from __future__ import annotations

from collector.redaction.errors import RedactionError
from collector.redaction.gate import Gate
from collector.redaction.rules import FormalRule, NamedRule, Rules

_PADDING = b"some words before it " * 20


def check(gate: Gate, rules: Rules) -> None:
    """Returns when the gate lets an example of every rule through, alone and among other words.

    One each: more of them would take longer than the first request may wait, and the tests try all.

    Raises:
        RedactionError: it does not; a search engine is broken, and what it misses would leak.
    """
    ready = {rule.id: rule for rule in rules.text if isinstance(rule, FormalRule | NamedRule)}
    for written in rules.written:
        rule = ready.get(written.id)
        for example in written.examples.masked[:1] if rule else ():
            line = example.replace("«", "").replace("»", "").encode()
            for text in (line, _PADDING + b"\n" + line + b"\n" + _PADDING):
                if rule and not gate.candidates(text) and any(True for _ in rule.spans(line)):
                    raise RedactionError(f"a search engine misses what rule {written.id!r} is for")
