"""A customer's own rules and the profiles for personal data."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from collector.core.errors import SpecError
from collector.core.resources import config_path
from collector.records import Objects
from collector.redaction import (
    RedactionError,
    Redactor,
    load_customer_rules,
    parse_customer_rules,
    with_customer_rules,
    with_profiles,
)
from collector.redaction.causes import Counts, Span
from collector.redaction.custom import CustomRule
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


@pytest.mark.parametrize("engines", [installed(), Engines()], ids=["installed", "none"])
def test_a_long_literal_is_hidden_as_a_whole_and_not_for_its_beginning(engines: Engines) -> None:
    literal = "Nightfall-" * 100
    mine = redactor({"id": "project", "literal": literal}, engines=engines)
    assert by_kind(redacted_text(f"x {literal} y", mine)) == "x <project> y"
    assert redacted_text(f"x {literal[:-1]} y", mine) == f"x {literal[:-1]} y"


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
        ({"id": "x"}, "x: a rule needs"),
        ({"id": "x", "literal": "abc", "regex": "abc"}, "x: a rule has either"),
        ({"id": "x", "literal": "abc", "entries": ["/pods/*"]}, "x: in entries, '/pods/*' matches no entry"),
        ({"id": "x", "literal": "abc", "entries": ["a//b"]}, "empty folder name"),
        ({"id": "x", "literal": "abc", "entries": ["a/../b"]}, "no . and no .."),
        ({"id": "x", "literal": "abc", "entries": ["a/**.log"]}, "stands alone"),
        ({"id": "x", "literal": "abc", "entries": [""]}, "length"),
        ({"id": "x", "literal": "abc", "entries": "a/b"}, "array"),
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


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(SpecError, match="stands twice"):
        redactor({"id": "x", "literal": "abc"}, {"id": "x", "literal": "def"})


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


LOGS = "cluster-resources/pods/logs/shop/web/app.log"
PODS = "cluster-resources/pods/shop.json"


def in_every_way(mine: Redactor, text: str, entry: str | None) -> list[str]:
    """A text after redaction as the content of an entry: as lines, objects, document, report and text."""
    record = Objects(
        path=entry or "", kind="PodList", api_version="v1", item_kind="Pod", items=[{"spec": {"a": text}}]
    )
    counts: Counts = Counter()
    lists = mine.objects(record, counts) if entry else ()
    pieces = [
        *mine.lines([text.encode()], counts, entry),
        mine.document([text], counts, entry),
        mine.finished(text.encode(), counts, entry),
        mine.finished(f"<!doctype html><p>{text}</p>".encode(), counts, entry),
        *(piece for piece in lists if b"spec" in piece.data),
    ]
    return [by_kind(piece.data.decode()) for piece in pieces] + [by_kind(mine.text(text, counts, entry))]


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("cluster-resources/pods/logs/**", LOGS, True),
        ("cluster-resources/pods/logs/**", PODS, False),
        ("**/*.log", LOGS, True),
        ("**", PODS, True),
        ("cluster-resources/**/web/*.log", LOGS, True),
        ("cluster-resources/**/db/*.log", LOGS, False),
        ("cluster-resources/*", PODS, False),
        ("cluster-resources/pods/*.json", PODS, True),
        ("cluster-resources/pods/sh?p.json", PODS, True),
        ("cluster-resources/pods/[a-r]*.json", PODS, False),
        (PODS, PODS, True),
        ("Cluster-Resources/**", PODS, False),
    ],
)
def test_a_rule_applies_in_the_entries_it_names_and_in_no_others(pattern: str, path: str, fits: bool) -> None:
    mine = redactor({"id": "project", "literal": "Nightfall", "entries": [pattern]})
    for clean in in_every_way(mine, "project Nightfall", path):
        assert ("<project>" in clean, "Nightfall" in clean) == (fits, not fits)


def test_where_the_entry_is_not_known_every_rule_applies() -> None:
    mine = redactor({"id": "project", "literal": "Nightfall", "entries": ["a/b"]})
    assert all("Nightfall" not in clean for clean in in_every_way(mine, "project Nightfall", None))
    assert mine.redact_event({"msg": "project Nightfall"})["msg"].startswith("project [REDACTED:project:")


@needs_patterns
def test_limits_of_one_rule_are_none_of_another() -> None:
    mine = redactor(
        {"id": "site", "regex": r"site-\d+", "entries": ["**/*.log"]},
        {"id": "project", "literal": "Nightfall", "entries": ["**/*.json", "x/*"]},
        {"id": "owner", "literal": "Zoë"},
    )
    text = "site-12 Nightfall Zoë password=hunter2"
    counts: Counts = Counter()
    assert by_kind(mine.text(text, counts, LOGS)) == "<site> Nightfall <owner> password=<password>"
    assert by_kind(mine.text(text, counts, "x/y")) == "site-12 <project> <owner> password=<password>"
    assert {cause.rule for cause in counts} == {
        "customer:site",
        "customer:project",
        "customer:owner",
        "assignment",
    }


def test_many_stars_take_no_time_on_a_long_path() -> None:
    mine = redactor({"id": "x", "literal": "abc", "entries": ["/".join(["**"] * 40) + "/*a*a*a*a*a*a*a*b"]})
    begun = time.process_time()
    assert mine.text("abc", Counter(), "/".join(["a" * 200] * 100)) == "abc"
    assert time.process_time() - begun < 1


def test_a_place_can_be_meant_for_some_entries_only() -> None:
    mine = redactor({"id": "site", "jsonPath": "spec.a", "entries": ["cluster-resources/pods/*.json"]})

    def left(path: str) -> str:
        item = {"spec": {"a": "x"}}
        record = Objects(path=path, kind="PodList", api_version="v1", item_kind="Pod", items=[item])
        return by_kind(b"".join(piece.data for piece in mine.objects(record, Counter())).decode())

    assert '"a":"<site>"' in left(PODS)
    assert '"a":"x"' in left("cluster-resources/services/shop.json")


def test_a_literal_can_be_meant_for_one_place_in_objects() -> None:
    mine = redactor({"id": "city", "literal": "Paris", "jsonPath": "spec.sites[*]", "kinds": ["Pod"]})
    item = {"spec": {"sites": [{"in": "Paris\nor not", "Paris": ["x Paris", 3, None]}], "note": "Paris"}}
    assert json.loads(by_kind(json.dumps(redacted_object(item, redactor=mine)["spec"]))) == {
        "sites": [{"in": "<city>\nor not", "<city>": ["x <city>", 3, None]}],
        "note": "Paris",
    }
    assert redacted_object(item, kind="Widget", redactor=mine)["spec"] == item["spec"]
    assert redacted_text("Paris", mine) == "Paris"


@needs_patterns
def test_a_pattern_can_be_meant_for_one_place_in_objects() -> None:
    mine = redactor({"id": "number", "regex": r"\d{4,}", "jsonPath": "spec.a"})
    item = {"spec": {"a": [12345, "in 1234 of 12", True], "b": 12345}}
    spec = json.loads(by_kind(json.dumps(redacted_object(item, redactor=mine)["spec"])))
    assert spec == {"a": ["<number>", "in <number> of 12", True], "b": 12345}


def test_an_object_too_deep_for_a_place_is_withheld() -> None:
    mine = redactor({"id": "city", "literal": "Paris", "jsonPath": "spec"})
    deep: Any = "Paris"
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(RedactionError, match="an object"):
        redacted_object({"spec": deep}, redactor=mine)


def test_a_rule_that_breaks_withholds_where_it_applies_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = redactor({"id": "project", "literal": "Nightfall", "entries": ["**/*.log"]})

    def broken(*_: object) -> Iterator[Span]:
        raise ValueError("Nightfall")

    monkeypatch.setattr(CustomRule, "spans", broken)
    with pytest.raises(RedactionError) as caught:
        list(mine.lines([b"project Nightfall\n"], Counter(), LOGS))
    assert "Nightfall" not in str(caught.value)
    assert mine.text("project Nightfall", Counter(), PODS) == "project Nightfall"


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
