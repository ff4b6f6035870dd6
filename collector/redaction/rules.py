"""Redaction rules as data: reads configs/redaction/rules.yaml, checks it and makes it ready to run."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import msgspec

from collector.core.errors import SpecError
from collector.core.resources import config_path
from collector.core.yamlfile import YamlFile
from collector.redaction import encoded
from collector.redaction.causes import Cause, Span
from collector.redaction.entryglobs import EntryGlobs
from collector.redaction.names import Names, NameWords
from collector.redaction.places import Place

Kind = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,40}$")]
EncodedWord = Annotated[str, msgspec.Meta(min_length=3)]
_BARE = "value_bare"
_DEEPEST_FRAGMENT = 3
_FRAGMENT = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A pattern without look-around that no match of which goes over the end of a line.

    ``compiled`` is for the case that only one engine can read it; it has ``finditer`` and ``search``.
    """

    pattern: str
    compiled: Any = None


class TextRule(Protocol):
    """What the engine needs of a rule; tests bring their own."""

    @property
    def id(self) -> str:
        """Returns the rule's stable name."""
        ...

    @property
    def literals(self) -> tuple[str, ...]:
        """Returns lower-case strings, one of which stands in every match; empty: try every line."""
        ...

    @property
    def scan(self) -> Scan | None:
        """Returns what every match contains that has none of the literals."""
        ...

    @property
    def formal(self) -> bool:
        """True when the value's form alone convicts it, without a telling name."""
        ...

    def spans(self, line: bytes) -> Iterator[Span]:
        """Yields the values of the rule's non-overlapping matches in ``line``, which holds no newline."""
        ...


class Examples(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lines the rule is tested with.

    Every ``masked`` line holds the word ``hunter2`` or marks its secret with ``«»``; no rule at all may
    touch a ``kept`` line.
    """

    masked: tuple[str, ...]
    kept: tuple[str, ...] = ()


class RuleText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One text rule as written. Pattern groups: ``value...`` is replaced, ``name`` asks the vocabulary.

    Attributes:
        kind: placeholder kind; empty where the name decides.
        value: pattern for the value, tried where ``pattern`` ended and only after a telling name, so that
            a line of nothing but ``a=a=a=`` costs no more than its length.
        literals: lower case; every match contains one. Rules with a ``name`` get the vocabulary's.
        scan: where literals would be met too often: a pattern, without look-around, that every match
            contains if it contains none of the literals.
        prose: status words after the name are no secrets, where they stand bare (group ``value_bare``).
        setting: the name is an environment variable's or a flag's.
    """

    id: Kind
    pattern: str
    value: str = ""
    examples: Examples
    kind: Kind | Literal[""] = ""
    literals: tuple[str, ...] = ()
    scan: str = ""
    prose: bool = False
    setting: bool = False


class BlockText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A block between ``-----BEGIN label-----`` and ``-----END label-----``; without a kind it is public."""

    label: str
    kind: Kind | Literal[""] = ""


class RulesFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The whole of configs/redaction/rules.yaml.

    Attributes:
        fragments: named pieces of patterns, used as ``{{name}}``.
        dropped_annotations: annotations that repeat whole objects; removed without a trace.
        encoded_words: base64 is decoded only where one of these is inside; those of small letters alone
            stand for themselves in capitals and with one capital as well.
        encoded_twice: the same for base64 inside base64.
    """

    api_version: Literal["conductor-diag/v1"]
    kind: Literal["RedactionRules"]
    names: NameWords
    fragments: dict[str, str]
    dropped_annotations: tuple[str, ...]
    encoded_words: tuple[EncodedWord, ...]
    encoded_twice: tuple[EncodedWord, ...]
    blocks: tuple[BlockText, ...]
    rules: tuple[RuleText, ...]


@dataclass(frozen=True, kw_only=True)
class FormalRule:
    """A rule whose pattern tells by the form of the value. Patterns are over bytes, ASCII only."""

    id: str
    kind: str
    pattern: re.Pattern[bytes]
    literals: tuple[str, ...]
    scan: Scan | None = None
    formal: bool = True

    def spans(self, line: bytes) -> Iterator[Span]:
        for found in self.pattern.finditer(line):
            yield from _value_spans(found, Cause(self.kind, self.id))


@dataclass(frozen=True, kw_only=True)
class NamedRule:
    """A rule whose pattern finds a name, and that asks the vocabulary whether its value is secret."""

    id: str
    kind: str
    pattern: re.Pattern[bytes]
    value: re.Pattern[bytes]
    literals: tuple[str, ...]
    names: Names
    prose: bool
    setting: bool
    scan: Scan | None = None
    formal: bool = False

    def spans(self, line: bytes) -> Iterator[Span]:
        found = self.pattern.search(line)
        while found is not None:
            told = self.names.kind(found["name"].decode("latin-1"), self.setting)
            after = found.end() if told else found.end("name")
            value = self.value.match(line, after) if told else None
            if told and value:
                after = max(after, value.end())
                bare = self.prose and value.lastgroup == _BARE
                if self.names.harmless(value[0].decode("latin-1")):  # a list in its brackets: [FILTERED]
                    found = self.pattern.search(line, after)
                    continue
                for start, end, cause in _value_spans(value, Cause(self.kind or told, self.id)):
                    if not self._harmless(line[start:end].decode("latin-1"), bare=bare):
                        yield start, end, cause
            found = self.pattern.search(line, after)

    def _harmless(self, value: str, *, bare: bool) -> bool:
        return self.names.harmless_in_prose(value) if bare else self.names.harmless(value)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Everything a Redactor works by.

    Attributes:
        blocks: label pattern and placeholder kind of armoured blocks; kind "" means public.
        written: the file's rules with their examples, in the order of ``text``.
        places: a customer's places in objects.
        limits: id of a text rule and the entries it is for, where it is not for all.
        more_kinds: placeholder kinds beside those of ``written``.
    """

    text: tuple[TextRule, ...]
    names: Names
    blocks: tuple[tuple[str, str], ...]
    dropped_annotations: frozenset[str]
    encoded_words: tuple[str, ...]
    encoded_twice: tuple[str, ...]
    written: tuple[RuleText, ...]
    sha256: str
    places: tuple[Place, ...] = ()
    limits: tuple[tuple[str, EntryGlobs], ...] = ()
    more_kinds: frozenset[str] = frozenset()

    def extended(
        self,
        texts: Iterable[TextRule],
        *,
        kinds: Collection[str],
        places: Iterable[Place] = (),
        limits: Iterable[tuple[str, EntryGlobs]] = (),
    ) -> Rules:
        """Returns these rules and further ones, whose placeholders are of ``kinds``."""
        return replace(
            self,
            text=(*self.text, *texts),
            places=(*self.places, *places),
            limits=(*self.limits, *limits),
            more_kinds=self.more_kinds | frozenset(kinds),
        )

    @property
    def encoded_forms(self) -> frozenset[bytes]:
        """What makes base64 worth decoding: the words for it, encoded, in lower case."""
        once = (encoded.forms(word) for word in self.encoded_words)
        twice = (encoded.forms_twice(word) for word in self.encoded_twice)
        return frozenset[bytes]().union(*once, *twice)

    @property
    def limited(self) -> bool:
        """True when some rule is not for every entry."""
        return bool(self.limits) or any(place.entries.patterns for place in self.places)

    @property
    def kinds(self) -> frozenset[str]:
        """All placeholder kinds these rules can make."""
        made = {rule.kind for rule in self.written} | {kind for _, kind in self.blocks}
        return frozenset(made - {""}) | self.names.kinds | self.more_kinds


def load_rules(path: Path | None = None) -> Rules:
    """Returns the rules in ``path``, by default those that ship with the program.

    Raises:
        SpecError: the file does not follow configs/schemas/redaction.schema.json, or a pattern is wrong.
    """
    source = YamlFile(path or config_path("redaction", "rules.yaml"), SpecError)
    content = source.decode(RulesFile)
    try:
        names = Names(content.names)
    except re.error as error:
        raise SpecError(f"{source.path} is not valid", why=f"names.harmlessValues: {error}") from error
    ids = [rule.id for rule in content.rules]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise SpecError(f"{source.path} is not valid", why=f"rule id {twice[0]!r} stands twice")
    return Rules(
        text=tuple(ready(source.path, rule, content.fragments, names) for rule in content.rules),
        names=names,
        blocks=tuple((block.label, block.kind) for block in content.blocks),
        dropped_annotations=frozenset(content.dropped_annotations),
        encoded_words=content.encoded_words,
        encoded_twice=content.encoded_twice,
        written=content.rules,
        sha256=source.sha256,
    )


def _value_spans(found: re.Match[bytes], cause: Cause) -> Iterator[Span]:
    for group in found.re.groupindex:
        start, end = found.span(group)
        if group.startswith("value") and start < end:
            yield start, end, cause


def ready(path: Path, rule: RuleText, fragments: dict[str, str], names: Names) -> TextRule:
    """Returns one rule of the file ``path`` ready to run. Raises SpecError: something in it is wrong."""
    pattern = _compiled(path, rule, rule.pattern, fragments)
    value = _compiled(path, rule, rule.value, fragments)
    named = "name" in pattern.groupindex
    literals = rule.literals or (names.literals if named else ())
    _compiled(path, rule, rule.scan, {})
    scan = Scan(pattern=rule.scan) if rule.scan else None
    problem = _problem(rule, literals, value if named else pattern, named=named)
    if problem:
        raise SpecError(f"{path} is not valid", why=f"rule {rule.id!r} {problem}")
    if not named:
        return FormalRule(id=rule.id, kind=rule.kind, pattern=pattern, literals=literals, scan=scan)
    return NamedRule(
        id=rule.id,
        kind=rule.kind,
        pattern=pattern,
        value=value,
        literals=literals,
        names=names,
        prose=rule.prose,
        setting=rule.setting,
        scan=scan,
    )


def _problem(rule: RuleText, literals: tuple[str, ...], value: re.Pattern[bytes], *, named: bool) -> str:
    if not any(group.startswith("value") for group in value.groupindex):
        return "has no group named value" if not named else "has a name, so it needs a value with a group"
    if not named and (rule.value or not rule.kind):
        return "needs a kind and no value, or a group named name"
    if not (literals or rule.scan) or any(
        literal != literal.lower() or not literal.isascii() for literal in literals
    ):
        return "needs literals, lower case and ASCII"
    return ""


def _compiled(path: Path, rule: RuleText, pattern: str, fragments: dict[str, str]) -> re.Pattern[bytes]:
    written = pattern
    for _ in range(_DEEPEST_FRAGMENT):
        written = _FRAGMENT.sub(lambda found: fragments.get(found[1], found[0]), written)
    unknown = next(iter(_FRAGMENT.findall(written)), None)
    if unknown:
        raise SpecError(
            f"{path} is not valid",
            why=f"rule {rule.id!r} uses {{{{{unknown}}}}}",
            hint=f"known fragments: {', '.join(sorted(fragments))}",
        )
    try:
        return re.compile(written.encode())
    except re.error as error:
        raise SpecError(f"{path} is not valid", why=f"rule {rule.id!r}: {error}") from error
