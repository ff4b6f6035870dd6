"""Why a value went: the kind that its placeholder shows, and the rule that found it, for the ledger."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple, TypeAlias

_STRUCTURE = "structure:"
_CUSTOMER = "customer:"


class Cause(NamedTuple):
    """One reason to replace a value.

    Attributes:
        kind: placeholder kind.
        rule: the id of a rule of configs/redaction; ``structure:<name>`` for what is code (places in objects,
            lines that belong together, what cannot be looked into); ``customer:<id>`` for a rule of the spec.
    """

    kind: str
    rule: str


Counts: TypeAlias = Counter[Cause]
"""Cause to number of values. Never holds a value."""


Span: TypeAlias = tuple[int, int, Cause]
"""Start and end of a value inside one line, in bytes, and why it goes."""


def structural(kind: str, name: str = "") -> Cause:
    """Returns the cause for a rule that is code, by default named like the kind of its placeholders."""
    return Cause(kind, _STRUCTURE + (name or kind))


def customers(rule_id: str) -> Cause:
    """Returns the cause for a customer's rule, whose id is also the kind."""
    return Cause(rule_id, _CUSTOMER + rule_id)


def by_kind(counts: Counts) -> Counter[str]:
    """Returns how many placeholders of each kind were made."""
    kinds: Counter[str] = Counter()
    for cause, count in counts.items():
        kinds[cause.kind] += count
    return kinds


def by_rule(counts: Counts) -> Counter[str]:
    """Returns how often each rule found something."""
    rules: Counter[str] = Counter()
    for cause, count in counts.items():
        rules[cause.rule] += count
    return rules
