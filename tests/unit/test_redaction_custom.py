"""A customer's own rules and the profiles for personal data."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from collector.core.errors import SpecError
from collector.core.resources import config_path
from collector.redaction import (
    Redactor,
    load_customer_rules,
    parse_customer_rules,
    with_customer_rules,
    with_profiles,
)
from collector.redaction.engines import Engines, installed
from tests.lib.planted import (
    blanked,
    by_kind,
    expected,
    redacted_lines,
    redacted_object,
    redacted_text,
    shipped_rules,
    unmarked,
)

KEY = b"k" * 32
PROFILES = yaml.safe_load(config_path("redaction", "profiles.yaml").read_text("utf-8"))
needs_patterns = pytest.mark.skipif(installed().patterns is None, reason="google-re2 is not installed")


def redactor(*rules: dict[str, Any], engines: Engines | None = None) -> Redactor:
    used = with_customer_rules(shipped_rules(), parse_customer_rules(rules), engines=engines)
    return Redactor(used, key=KEY, engines=engines)


@pytest.mark.parametrize("engines", [installed(), Engines()], ids=["installed", "none"])
@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("project Nightfall is late", "project <project> is late"),
        ('{"msg":"project Nightfall"}', '{"msg":"project <project>"}'),
        ("project nightfall is late", "project nightfall is late"),
        ("in Zoë's \\u00fcber-tool", "in <other>'s \\u00fcber-tool"),
        ('{"msg":"Zo\\u00eb"}', '{"msg":"<other>"}'),
    ],
)
def test_a_literal_goes_wherever_it_stands(engines: Engines, text: str, left: str) -> None:
    mine = redactor(
        {"id": "project", "literal": "Nightfall"}, {"id": "other", "literal": "Zoë"}, engines=engines
    )
    assert by_kind(redacted_text(text, mine)) == left
    assert by_kind(redacted_lines([text.encode()], mine).decode()) == left
    assert by_kind(redacted_object({"a": text}, redactor=mine)["a"]) == left


def test_letter_case_is_ignored_where_the_rule_says_so() -> None:
    mine = redactor({"id": "project", "literal": "Nightfall", "ignoreCase": True})
    assert by_kind(redacted_text("NIGHTFALL nightfall", mine)) == "<project> <project>"


@needs_patterns
def test_a_pattern_hides_its_value_group_or_all_of_itself() -> None:
    mine = redactor(
        {"id": "site", "regex": r"site-(?P<value>\d{4})"},
        {"id": "asset", "regex": r"(?:^|\s)asset#\d+$"},
    )
    text = "at site-1234 now\nasset#77\nmy asset#78\nasset#79 no"
    assert by_kind(redacted_text(text, mine)) == "at site-<site> now\n<asset>\nmy<asset>\nasset#79 no"


@needs_patterns
def test_a_pattern_never_reaches_into_the_next_line_and_hides_none_there() -> None:
    mine = redactor({"id": "block", "regex": r"open[^)]*shut"})
    text = "open here\nplain\nopen this shut\nopen)"
    assert by_kind(redacted_text(text, mine)) == "open here\nplain\n<block>\nopen)"


@needs_patterns
def test_a_pattern_that_would_bomb_another_engine_takes_no_time() -> None:
    mine = redactor({"id": "bomb", "regex": r"(a+)+b$"})
    begun = time.process_time()
    raw = ("a" * 200_000 + "!\n").encode()
    assert redacted_lines([raw], mine) == raw
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ({"id": "x"}, "exactly one"),
        ({"id": "x", "literal": "abc", "regex": "abc"}, "exactly one"),
        ({"id": "x", "literal": "ab"}, "length"),
        ({"id": "Big Name", "literal": "abc"}, "matching regex"),
        ({"id": "x", "literal": "abc", "kinds": ["Pod"]}, "jsonPath only"),
        ({"id": "x", "jsonPath": "a..b"}, "JSON path"),
        ({"id": "x", "jsonPath": "$$$["}, "JSON path"),
        ({"id": "x", "pattern": "abc"}, "unknown field"),
        pytest.param({"id": "x", "regex": "(?<!a)bc"}, "cannot be used", marks=needs_patterns),
        pytest.param({"id": "x", "regex": "(?:abc)*"}, "matches nothing", marks=needs_patterns),
    ],
)
def test_a_wrong_rule_is_refused_with_words(rule: dict[str, Any], word: str) -> None:
    with pytest.raises(SpecError) as caught:
        redactor(rule)
    assert word in caught.value.message + caught.value.why


def test_a_pattern_without_the_engine_is_refused_with_the_way_out() -> None:
    with pytest.raises(SpecError) as caught:
        redactor({"id": "x", "regex": "abc"}, engines=Engines())
    assert "google-re2" in caught.value.hint


@pytest.mark.parametrize(
    ("path", "values", "left"),
    [
        ("spec.values.license", {"license": "abc", "x": 1}, {"license": "<site>", "x": 1}),
        ("$.spec.values[*].a", [{"a": "x", "b": 1}, {"a": 2}], [{"a": "<site>", "b": 1}, {"a": "<site>"}]),
        ('spec.values["a.b/c"]', {"a.b/c": "x"}, {"a.b/c": "<site>"}),
        ("spec.values[1]", ["x", "y"], ["x", "<site>"]),
        ("spec.values.*", {"a": {"b": "x"}, "c": None}, {"a": {"b": "<site>"}, "c": None}),
        ("spec.other", "x", "x"),
    ],
)
def test_a_place_in_objects(path: str, values: Any, left: Any) -> None:
    mine = redactor({"id": "site", "jsonPath": path})
    clean = redacted_object({"spec": {"values": values}}, redactor=mine)["spec"]["values"]
    assert json.loads(by_kind(json.dumps(clean))) == left


def test_a_place_can_be_meant_for_one_kind_only() -> None:
    mine = redactor({"id": "site", "jsonPath": "spec.a", "kinds": ["Widget"]})
    item = {"spec": {"a": "x"}}
    assert redacted_object(item, kind="Pod", redactor=mine)["spec"] == {"a": "x"}
    assert by_kind(redacted_object(item, kind="Widget", redactor=mine)["spec"]["a"]) == "<site>"


def test_rules_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    content = {
        "apiVersion": "conductor-diag/v1",
        "kind": "CustomerRedactionRules",
        "rules": [{"id": "project", "literal": "Nightfall"}],
    }
    path.write_text(yaml.safe_dump(content))
    schema = json.loads(config_path("schemas", "customer-rules.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(content)
    assert [rule.literal for rule in load_customer_rules(path)] == ["Nightfall"]


CASES = [
    (profile, example)
    for profile, rules in PROFILES["profiles"].items()
    for rule in rules
    for example in (*rule["examples"]["masked"], *rule["examples"]["kept"])
]


@pytest.mark.parametrize(("profile", "example"), CASES)
def test_personal_data_goes_where_the_profile_asks_for_it(profile: str, example: str) -> None:
    mine = Redactor(with_profiles(shipped_rules(), [profile]), key=KEY)
    assert blanked(redacted_text(unmarked(example), mine)) == expected(example)
    assert redacted_text(unmarked(example)) == unmarked(example)


def test_the_shipped_profiles_follow_their_schema() -> None:
    schema = json.loads(config_path("schemas", "redaction-profiles.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(PROFILES)


def test_an_unknown_profile_is_refused_with_those_there_are() -> None:
    with pytest.raises(SpecError) as caught:
        with_profiles(shipped_rules(), ["phones"])
    assert "emails" in caught.value.hint
