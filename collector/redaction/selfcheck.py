"""Tries search engines and rules on the rules' own examples before they are trusted with anything."""

from __future__ import annotations

import re
from collections import Counter
from typing import Protocol

from collector.redaction.causes import Counts
from collector.redaction.errors import RedactionError
from collector.redaction.gate import Gate
from collector.redaction.rules import FormalRule, NamedRule, Rules

_MARKED = re.compile("«([^»]+)»")
_END = 8  # characters: a rule that takes only the first word of a value is broken too
_PADDING = b"some words before it " * 20


class Engine(Protocol):
    """What is tried here of the text engine."""

    gate: Gate

    def line(self, line: bytes, counts: Counts) -> bytes:
        """Returns one line redacted."""
        ...


def check(engine: Engine, rules: Rules) -> None:
    """Returns when an example of every rule as written gets to the rules and comes out masked.

    A rule that raises is not judged here: what it is asked about is withheld each time.

    Raises:
        RedactionError: one does not; something is broken without a sound, and what it misses would leak.
    """
    _check_gate(engine.gate, rules)
    for written in rules.written:
        for example in written.examples.masked[:1]:
            if not _masked(engine, example):
                raise RedactionError(f"an example of the rule {written.id!r} was not redacted")


def _masked(engine: Engine, example: str) -> bool:
    line = example.replace("«", "").replace("»", "").encode()
    try:
        clean = engine.line(line, Counter())
    except Exception:  # noqa: BLE001 # whatever it is, it will be raised again, and the piece withheld
        return True
    return not any(secret[-_END:].encode() in clean for secret in _MARKED.findall(example))


def _check_gate(gate: Gate, rules: Rules) -> None:
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
