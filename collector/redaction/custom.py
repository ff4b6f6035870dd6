"""A customer's own rules: what this site calls secret, by literal, by pattern, by place, all over or not."""

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
from collector.redaction.causes import Cause, Span, customers
from collector.redaction.engines import Engines, installed
from collector.redaction.entryglobs import EntryGlobs
from collector.redaction.jsonpath import JsonPath
from collector.redaction.places import Place
from collector.redaction.rules import Kind, Rules, Scan

_LONGEST = 1000
_MOST_RULES = 200
_MOST_GLOBS = 50
_LONGEST_GLOB = 300

Text = Annotated[str, msgspec.Meta(min_length=3, max_length=_LONGEST)]
Glob = Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST_GLOB)]


class CustomerRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One rule: ``literal`` or ``regex`` says what to hide, ``json_path`` where in objects.

    With ``json_path`` alone everything at the place is hidden; with a literal or a pattern beside it only
    what that finds there, and nothing anywhere else.

    Attributes:
        id: also the kind in the placeholder.
        literal: these very characters.
        regex: RE2 syntax, within one line; the group ``value`` if there is one, else the whole match.
        json_path: a place in Kubernetes objects, such as ``spec.values.license`` or ``data["a.b"][*]``.
        kinds: kinds of objects for ``json_path``; empty: all.
        entries: patterns of paths in the bundle the rule is for, such as ``cluster-resources/pods/logs/**``:
            ``*`` within a folder, ``**`` for any number of folders; empty: everywhere.
        ignore_case: for ``literal`` and ``regex``.
    """

    id: Kind
    literal: Text | None = None
    regex: Text | None = None
    json_path: Text | None = None
    kinds: tuple[str, ...] = ()
    entries: Annotated[tuple[Glob, ...], msgspec.Meta(max_length=_MOST_GLOBS)] = ()
    ignore_case: bool = False

    def __post_init__(self) -> None:
        if self.literal is not None and self.regex is not None:
            raise ValueError(f"{self.id}: a rule has either a literal or a regex")
        if self.literal is self.regex is self.json_path:
            raise ValueError(f"{self.id}: a rule needs a literal, a regex or a jsonPath")
        if self.kinds and self.json_path is None:
            raise ValueError(f"{self.id}: kinds go with jsonPath only")
        try:
            EntryGlobs(patterns=self.entries)
        except ValueError as error:
            raise ValueError(f"{self.id}: in entries, {error}") from None


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
    cause: Cause
    pattern: Any
    literals: tuple[str, ...]
    group: int = 0
    scan: Scan | None = None
    formal: bool = True

    def spans(self, line: bytes) -> Iterator[Span]:
        for found in self.pattern.finditer(line):
            start, end = found.span(self.group)
            if start < end:
                yield start, end, self.cause


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
        SpecError: a pattern is wrong, matches nothing at all, or needs an engine that is not installed; two
            rules have the same id.
    """
    used = installed() if engines is None else engines
    ids = [rule.id for rule in customer]
    twice = next((rule_id for rule_id in ids if ids.count(rule_id) > 1), None)
    if twice:
        raise SpecError(f"redaction rule id {twice!r} stands twice", hint="give each rule an id of its own")
    texts = [text for rule in customer if rule.json_path is None and (text := _text_rule(rule, used))]
    places = [
        _place(rule, JsonPath.parse(rule.json_path, rule=rule.id), used)
        for rule in customer
        if rule.json_path is not None
    ]
    limits = [
        (customers(rule.id).rule, EntryGlobs(patterns=rule.entries))
        for rule in customer
        if rule.entries and rule.json_path is None
    ]
    return rules.extended(texts, kinds=set(ids), places=places, limits=limits)


def _place(rule: CustomerRule, path: JsonPath, engines: Engines) -> Place:
    text = _text_rule(rule, engines)
    return Place(
        cause=customers(rule.id),
        path=path,
        kinds=rule.kinds,
        entries=EntryGlobs(patterns=rule.entries),
        find=text.spans if text else None,
    )


def _text_rule(rule: CustomerRule, engines: Engines) -> CustomRule | None:
    if rule.literal is not None:
        return _literal(rule, rule.literal)
    return None if rule.regex is None else _regex(rule, rule.regex, engines)


def _regex(rule: CustomerRule, regex: str, engines: Engines) -> CustomRule:
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
        id=customers(rule.id).rule,
        cause=customers(rule.id),
        pattern=pattern,
        literals=(),
        group=pattern.groupindex.get(b"value", 0),
        scan=Scan(pattern=regex, compiled=pattern),
    )


def _literal(rule: CustomerRule, literal: str) -> CustomRule:
    spellings = sorted({literal, json.dumps(literal)[1:-1], json.dumps(literal, ensure_ascii=False)[1:-1]})
    written = b"|".join(re.escape(spelling.encode()) for spelling in spellings)
    return CustomRule(
        id=customers(rule.id).rule,
        cause=customers(rule.id),
        pattern=re.compile(written, re.IGNORECASE if rule.ignore_case else 0),
        literals=tuple(spelling.encode().lower().decode() for spelling in spellings),
    )
