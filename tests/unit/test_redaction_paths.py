"""Whatever engines are installed, the bytes are those of the naive way: every rule on every line."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from collector.records import Objects
from collector.redaction import RedactionError, Redactor
from collector.redaction.approximate import approximation
from collector.redaction.engines import Engines, installed
from collector.redaction.gate import Gate, Lines, all_lines
from collector.redaction.lures import Lures
from collector.redaction.rules import FormalRule, TextRule
from collector.redaction.signs import signs
from collector.redaction.survey import Survey
from tests.lib.planted import redacted_object, redacted_text, shipped_rules, unmarked

RULES = shipped_rules()
KEY = b"k" * 32
BOTH = installed()
LURES = Lures(RULES.names, RULES.dropped_annotations, RULES.encoded_forms, Engines())


def shows(engines: Engines) -> Callable[[bytes], bool]:
    """Whether a line shows a sign of any rule; the first look of the gate."""
    words = LURES.literals.union(word.encode() for rule in RULES.text for word in rule.literals)
    patterns = [approximation(rule, LURES.name) for rule in RULES.text]
    sign = engines.compiled(signs(RULES.text, patterns, LURES, words), one_line=True)
    return lambda text: sign is None or sign.search(text) is not None


SHOWS = shows(BOTH)
PATHS = {
    "both": BOTH,
    "literals": Engines(literals=BOTH.literals),
    "patterns": Engines(patterns=BOTH.patterns),
    "neither": Engines(),
}
REDACTORS = {name: Redactor(RULES, key=KEY, engines=engines) for name, engines in PATHS.items()}


class NaiveGate(Gate):
    """Lets everything through."""

    def candidates(self, block: bytes) -> Lines:
        return list(all_lines(block))

    def rules(self, line: bytes) -> list[TextRule]:
        return list(RULES.text)


def naive() -> Redactor:
    redactor = Redactor(RULES, key=KEY, engines=Engines())
    gate = NaiveGate(RULES.text, LURES, Engines())
    redactor._engine.gate = gate
    redactor._engine.structure._gate = gate
    return redactor


NAIVE = naive()
EXAMPLES = sorted(
    {unmarked(line) for rule in RULES.written for line in (*rule.examples.masked, *rule.examples.kept)}
)
NAMES = [
    "name", "value", "password", "key", "data", "kind", "metadata", "env", "args", "my password value", "PIN",
    "k\u0131nd", "auth", "managedFields", "secret", "sessionKey", "tokens", 'pass"word', "KEY", "api key",
]  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.sampled_from([*EXAMPLES, *NAMES]),
    st.sampled_from(["--pin", "--token", "--db-key", "1234", "x=y", "correct horse", "GITHUB_PAT"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=16,
)
LINES = st.one_of(
    st.sampled_from(EXAMPLES),
    VALUES.map(json.dumps),
    VALUES.map(json.dumps).map(json.dumps),
    VALUES.map(lambda value: "2026-11-20T15:45:21.9Z got " + json.dumps({"v": value}, indent=None)),
    st.tuples(st.sampled_from(NAMES), st.sampled_from([": ", "=", ": |", ":"]), st.text(max_size=9)).map(
        "".join
    ),
    st.tuples(st.text(max_size=9), st.sampled_from(EXAMPLES), st.text(max_size=9)).map("".join),
    st.sampled_from(["\x1b[1m", "\0", "", "  value: abcdef", "- name: GITHUB_PAT", "data:", "  a: b"]),
)


def lines_of(redactor: Redactor, raw: bytes) -> bytes:
    return b"".join(piece.data for piece in redactor.lines([raw], Counter()))


def object_of(redactor: Redactor, value: Any) -> bytes:
    record = Objects(path="x", kind="", api_version="", item_kind="", items=[{"spec": value}])
    return b"".join(piece.data for piece in redactor.objects(record, Counter()))


@settings(max_examples=40, deadline=None)
@given(st.lists(LINES, max_size=8))
def test_text_comes_out_the_same_on_every_path(lines: list[str]) -> None:
    raw = "\n".join(lines).encode("utf-8", "replace")
    expected = lines_of(NAIVE, raw)
    assert {name: lines_of(redactor, raw) for name, redactor in REDACTORS.items()} == dict.fromkeys(
        PATHS, expected
    )


@settings(max_examples=40, deadline=None)
@given(VALUES)
def test_objects_come_out_the_same_on_every_path(value: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Survey, "look", walked(Survey.look))
        expected = object_of(NAIVE, value)
    assert {name: object_of(redactor, value) for name, redactor in REDACTORS.items()} == dict.fromkeys(
        PATHS, expected
    )


def walked(look: Callable[[Survey, Any], None]) -> Callable[[Survey, Any], None]:
    """A survey that always asks for the walk."""

    def always(survey: Survey, value: Any) -> None:
        look(survey, value)
        survey.places = True

    return always


@pytest.mark.parametrize("path", sorted(PATHS))
def test_every_example_comes_out_the_same_on_every_path(path: str) -> None:
    raw = "\n".join(EXAMPLES).encode()
    assert lines_of(REDACTORS[path], raw) == lines_of(NAIVE, raw)
    for example in EXAMPLES:
        assert redacted_text(example, REDACTORS[path]) == redacted_text(example, NAIVE)
        assert redacted_object({"a": example}, redactor=REDACTORS[path]) == redacted_object(
            {"a": example}, redactor=NAIVE
        )


needs_patterns = pytest.mark.skipif(BOTH.patterns is None, reason="google-re2 is not installed")


@needs_patterns
@pytest.mark.parametrize("number", range(len(RULES.text)), ids=[rule.id for rule in RULES.text])
def test_an_approximation_matches_wherever_its_rule_does(number: int) -> None:
    rule, written = RULES.text[number], RULES.written[number]
    pattern = approximation(rule, LURES.name)
    assert pattern is not None
    test = BOTH.sieve([pattern])
    assert test is not None
    for example in written.examples.masked:
        raw = unmarked(example).encode()
        if any(rule.spans(raw)):
            assert test(raw)
            assert test(b"x\n" + raw + b"\ny")
            assert SHOWS(raw)
            assert SHOWS(b"x\n" + raw + b"\ny")


GENERATED = [
    number
    for number, rule in enumerate(RULES.text)
    # What look-arounds ask for, and telling names, cannot be drawn; those rules keep to their examples.
    if isinstance(rule, FormalRule)
    and b"(?!" not in rule.pattern.pattern
    and not (rule.pattern.flags & re.IGNORECASE and b"[^" in rule.pattern.pattern)
]


@needs_patterns
@pytest.mark.parametrize("number", GENERATED, ids=[RULES.text[number].id for number in GENERATED])
def test_an_approximation_matches_whatever_can_be_drawn_from_its_rule(number: int) -> None:
    rule = RULES.text[number]
    assert isinstance(rule, FormalRule)
    pattern = approximation(rule, LURES.name)
    assert pattern is not None
    test = BOTH.sieve([pattern])
    assert test is not None

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(rule.pattern))
    def holds(text: bytes) -> None:
        assume(b"\n" not in text and rule.pattern.search(text) is not None)
        assert test(text)
        assert SHOWS(text)

    holds()


URLS = st.tuples(
    st.sampled_from(["http:", "postgres:", "redis:", "", "x "]),
    st.sampled_from(["//", "\\/\\/"]),
    st.text("ab1:/@%.-_", max_size=12),
    st.sampled_from([":", ":p/w@", "0123456789abcdef0123"]),
    st.text("ab1:/@%.-_", max_size=12),
    st.sampled_from(["@h", "@[::1]", "@"]),
).map(lambda parts: "".join(parts).encode())


@given(URLS)
def test_a_scan_matches_wherever_its_rule_does(text: bytes) -> None:
    for rule in RULES.text:
        if rule.scan and any(True for _ in rule.spans(text)):
            literals = [literal.encode() for literal in rule.literals]
            assert re.search(rule.scan.pattern.encode(), text) or any(word in text for word in literals)


@needs_patterns
def test_the_lures_mean_the_same_to_both_engines() -> None:
    test = BOTH.sieve([LURES.pattern])
    assert test is not None
    for example in EXAMPLES:
        assert bool(test(example.encode())) == LURES.tells(example.encode())


def test_a_pattern_that_the_engine_refuses_is_an_error_not_a_hole() -> None:
    if BOTH.patterns is not None:
        with pytest.raises(ValueError, match="failed to add"):
            BOTH.sieve(["(?<!a)b"])
    assert Engines().sieve(["a"]) is None
    assert Engines().finder([b"a"]) is None


class BlindAutomaton:
    """A search engine that finds nothing."""

    MatchKind = BOTH.literals.MatchKind if BOTH.literals else None

    class BytesAhoCorasick:
        def __init__(self, words: list[bytes], **_: Any) -> None:
            """Takes words and forgets them."""

        def find_matches_as_indexes(self, text: bytes, **_: Any) -> list[tuple[int, int, int]]:
            return []


@pytest.mark.skipif(BOTH.literals is None, reason="ahocorasick-rs is not installed")
def test_an_engine_that_misses_is_noticed_before_it_is_used() -> None:
    with pytest.raises(RedactionError, match="misses"):
        Redactor(RULES, engines=Engines(literals=BlindAutomaton))


def test_a_missing_engine_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    assert installed() == Engines()
