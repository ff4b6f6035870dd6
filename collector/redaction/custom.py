"""A customer's own rules: what this site calls secret, by literal, by pattern, or by place in an object."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from collector.core.errors import SpecError
from collector.core.yamlfile import YamlFile
from collector.redaction.engines import Engines, installed
from collector.redaction.jsonpath import JsonPath
from collector.redaction.rules import Kind, Rules, Scan, Span

_LONGEST = 1000
_MOST_RULES = 200

Text = Annotated[str, msgspec.Meta(min_length=3, max_length=_LONGEST)]


class CustomerRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One rule; exactly one of ``literal``, ``regex`` and ``json_path`` says what to hide.

    Attributes:
        id: also the kind in the placeholder.
        literal: these very characters, anywhere.
        regex: RE2 syntax, within one line; the group ``value`` if there is one, else the whole match.
        json_path: a place in Kubernetes objects, such as ``spec.values.license`` or ``data["a.b"][*]``.
        kinds: kinds of objects for ``json_path``; empty: all.
        ignore_case: for ``literal`` and ``regex``.
    """

    id: Kind
    literal: Text | None = None
    regex: Text | None = None
    json_path: Text | None = None
    kinds: tuple[str, ...] = ()
    ignore_case: bool = False

    def __post_init__(self) -> None:
        given = [form for form in (self.literal, self.regex, self.json_path) if form is not None]
        if len(given) != 1:
            raise ValueError("a rule needs exactly one of literal, regex and jsonPath")
        if self.kinds and self.json_path is None:
            raise ValueError("kinds go with jsonPath only")


class CustomerRulesFile(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """A file of customer rules."""

    api_version: Literal["conductor-diag/v1"]
    kind: Literal["CustomerRedactionRules"]
    rules: Annotated[tuple[CustomerRule, ...], msgspec.Meta(max_length=_MOST_RULES)]


@dataclass(frozen=True, kw_only=True)
class CustomRule:
    """A customer's literal or pattern, as the engine wants it. Patterns are RE2's: linear time."""

    id: str
    kind: str
    pattern: Any
    literals: tuple[str, ...]
    group: int = 0
    scan: Scan | None = None
    formal: bool = True

    def spans(self, line: bytes) -> Iterator[Span]:
        for found in self.pattern.finditer(line):
            start, end = found.span(self.group)
            if start < end:
                yield start, end, self.kind


def load_customer_rules(path: Path) -> tuple[CustomerRule, ...]:
    """Returns the rules in a file. Raises SpecError: it does not follow its schema."""
    return YamlFile(path, SpecError).decode(CustomerRulesFile).rules


def parse_customer_rules(raw: Sequence[Mapping[str, Any]]) -> tuple[CustomerRule, ...]:
    """Returns rules given as plain data, such as a part of a spec. Raises SpecError: they are not valid."""
    try:
        return msgspec.convert(list(raw), tuple[CustomerRule, ...])
    except msgspec.ValidationError as error:
        raise SpecError("a redaction rule of the spec is not valid", why=str(error)) from error


def with_customer_rules(
    rules: Rules, customer: Sequence[CustomerRule], *, engines: Engines | None = None
) -> Rules:
    """Returns ``rules`` and the customer's.

    Raises:
        SpecError: a pattern is wrong, matches nothing at all, or needs an engine that is not installed.
    """
    used = installed() if engines is None else engines
    texts = [_text_rule(rule, used) for rule in customer if rule.json_path is None]
    paths = [
        JsonPath.parse(rule.json_path, kind=rule.id, kinds=rule.kinds)
        for rule in customer
        if rule.json_path is not None
    ]
    return rules.extended(texts, kinds={rule.id for rule in customer}, paths=paths)


def _text_rule(rule: CustomerRule, engines: Engines) -> CustomRule:
    if rule.literal is not None:
        return _literal(rule, rule.literal)
    regex = rule.regex or ""
    try:
        # Several lines are searched at once, and no match may reach from one into the next.
        pattern = engines.compiled(f"(?m:{regex})", ignore_case=rule.ignore_case, one_line=True)
    except ValueError as error:
        raise SpecError(
            f"the pattern of redaction rule {rule.id!r} cannot be used",
            why=str(error),
            hint="patterns are in RE2's syntax: no look-ahead, look-behind or back reference",
        ) from error
    if pattern is None:
        raise SpecError(
            f"redaction rule {rule.id!r} is a pattern, and google-re2 is not installed",
            why="a pattern of unknown making may only run in an engine that takes linear time",
            hint="pip install google-re2, or write the rule as a literal",
        )
    if pattern.search(b"") is not None:
        raise SpecError(
            f"the pattern of redaction rule {rule.id!r} matches nothing at all, everywhere",
            hint="write + instead of *",
        )
    return CustomRule(
        id=rule.id,
        kind=rule.id,
        pattern=pattern,
        literals=(),
        group=pattern.groupindex.get(b"value", 0),
        scan=Scan(pattern=regex, compiled=pattern),
    )


def _literal(rule: CustomerRule, literal: str) -> CustomRule:
    spellings = sorted({literal, json.dumps(literal)[1:-1], json.dumps(literal, ensure_ascii=False)[1:-1]})
    written = b"|".join(re.escape(spelling.encode()) for spelling in spellings)
    return CustomRule(
        id=rule.id,
        kind=rule.id,
        pattern=re.compile(written, re.IGNORECASE if rule.ignore_case else 0),
        literals=tuple(spelling.encode().lower().decode() for spelling in spellings),
    )
