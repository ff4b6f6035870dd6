"""What the loader refuses, each with the place and a way out."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from collector.core.errors import ExitStatus, PolicyError
from collector.core.resources import config_path
from collector.support import Policy, load_policy

ROW: dict[str, Any] = {
    "row": "1",
    "topic": "app.crash_loop",
    "when": {"owner": "conductor"},
    "scope": "supported",
    "clauses": ["C1"],
    "severities": "not stated",
    "why": "It crashes.",
    "would_change": "It stops.",
}
POLICY: dict[str, Any] = {
    "schema": "conductor-diag/support-policy/v1",
    "id": "test",
    "version": "1",
    "documents": [
        {"id": "C", "title": "Page", "source": "somewhere"},
        {"id": "V", "title": "Other page", "source": "elsewhere", "severities_stated": True},
    ],
    "clauses": [
        {"id": "C1", "document": "C", "words": "We support."},
        {"id": "V1", "document": "V", "words": "With all severities."},
    ],
    "terms": {"document": "C"},
    "silence": {"why": "No row.", "would_change": "A row."},
    "rows": [ROW],
}


def row(**changes: Any) -> dict[str, Any]:
    """Returns the sample row with other values; None drops a key."""
    return {key: value for key, value in {**ROW, **changes}.items() if value is not None}


def policy(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy({**POLICY, **changes})


def load(tmp_path: Path, content: dict[str, Any] | str | bytes) -> Policy:
    path = tmp_path / "policy.yaml"
    text = json.dumps(content) if isinstance(content, dict) else content
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_policy(path)


def refused(tmp_path: Path, content: dict[str, Any] | str | bytes) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        load(tmp_path, content)
    return caught.value


def test_the_sample_is_sound(tmp_path: Path) -> None:
    assert load(tmp_path, POLICY).info.id == "test"


def test_what_reports_and_bundles_take_from_it() -> None:
    shipped = load_policy()
    data = config_path("policy", "support-policy.yaml").read_bytes()
    assert shipped.source == data
    assert shipped.info.sha256 == hashlib.sha256(data).hexdigest()
    assert (shipped.info.id, shipped.info.version) == ("d2iq-conductor", "2.0")
    assert shipped.clauses["C1"].document == "Conductor 1.1, Support"


def test_an_error_is_one_of_usage(tmp_path: Path) -> None:
    assert refused(tmp_path, "").status is ExitStatus.USAGE


@pytest.mark.parametrize(
    ("content", "place", "near"),
    [
        (policy(silense={}), "silense", "silence"),
        (policy(rows=[row(would_chang="x")]), "$.rows[0]", "would_change"),
        (policy(rows=[ROW, row(row="2", when={"ownr": "customer"})]), "$.rows[1].when", "owner"),
        (policy(clauses=[{"id": "C1", "document": "C", "word": "x"}]), "$.clauses[0]", "words"),
        (policy(terms={"document": "C", "service_level": {}}), "$.terms", "service_levels"),
    ],
)
def test_an_unknown_key_is_named_with_its_place_and_a_near_miss(
    tmp_path: Path, content: dict[str, Any], place: str, near: str
) -> None:
    error = refused(tmp_path, content)
    assert place in error.why
    assert near in error.hint


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (policy(schema="conductor-diag/support-policy/v2"), "$.schema"),
        (policy(rows=[]), "$.rows"),
        (policy(rows=[row(scope="covered")]), "$.rows[0].scope"),
        (policy(rows=[row(severities="1-4")]), "$.rows[0].severities"),
        (policy(rows=[row(severities=[0])]), "$.rows[0].severities[0]"),
        (policy(rows=[row(severities=[5])]), "$.rows[0].severities[0]"),
        (policy(rows=[row(severities=None)]), "$.rows[0]"),
        (policy(rows=[row(why="")]), "$.rows[0].why"),
        (policy(rows=[row(why="x" * 501)]), "$.rows[0].why"),
        (policy(rows=[row(topic=[])]), "$.rows[0].topic"),
        (policy(rows=[row(row="a b")]), "$.rows[0].row"),
        (policy(rows=[row(when={"owner": "nobody"})]), "$.rows[0].when.owner"),
        (policy(rows=[row(when={"owner": []})]), "$.rows[0].when.owner"),
        (policy(rows=[row(when={"outcome": "bad"})]), "$.rows[0].when.outcome"),
        (policy(rows=[row(when={"flags": "context"})]), "$.rows[0].when.flags"),
        (policy(rows=[row(when={"facts": {"in_window": True}})]), "$.rows[0].when.facts"),
        (policy(rows=[row(flag="broken")]), "$.rows[0].flag"),
        (policy(terms={"document": "C", "severity_definitions": {"5": "x"}}), "severity_definitions"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(tmp_path: Path, content: dict[str, Any], place: str) -> None:
    assert place in refused(tmp_path, content).why


FLAGGING = row(row="p", topic="prerequisite.helm", when={}, scope="unsupported", severities=[], flag="unmet")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            policy(rows=[row(clauses=["C11"])]),
            "rows[0] (row 1): there is no clause 'C11'; did you mean 'C1'?",
        ),
        (policy(rows=[row(clauses=["Zebra"])]), "rows[0] (row 1): there is no clause 'Zebra'"),
        (
            policy(clauses=[*POLICY["clauses"], {"id": "X1", "document": "X", "words": "x"}]),
            "clauses[2] (X1): there is no document 'X'",
        ),
        (policy(terms={"document": "T"}), "terms: there is no document 'T'"),
        (policy(documents=[*POLICY["documents"], POLICY["documents"][0]]), "documents: 'C' stands twice"),
        (policy(clauses=[*POLICY["clauses"], POLICY["clauses"][0]]), "clauses: 'C1' stands twice"),
        (policy(rows=[ROW, row(topic="app.unavailable")]), "rows: '1' stands twice"),
        (policy(rows=[row(clauses=[])]), "scope supported needs a clause"),
        (
            policy(clauses=[{**POLICY["clauses"][0], "grants": False}, POLICY["clauses"][1]]),
            "scope supported needs a clause that grants support",
        ),
        (
            policy(rows=[row(scope="unsupported", clauses=[], severities=[])]),
            "scope unsupported needs a clause",
        ),
        (policy(rows=[row(scope="unsupported")]), "scope unsupported allows no ticket"),
        (policy(rows=[row(scope="out_of_scope", clauses=["V1"], severities=[4])]), "allows no ticket"),
        (policy(rows=[row(severities=[1, 2])]), "no clause quoted is from a document that states severities"),
        (policy(rows=[row(clauses=["V1"], severities=[2, 1])]), "severities must rise and not repeat"),
        (policy(rows=[row(clauses=["V1"], severities=[1, 1])]), "severities must rise and not repeat"),
        (policy(rows=[row(severities=[])]), "must allow a severity or leave it 'not stated'"),
        (policy(rows=[row(why="It {crashes}.")]), "{crashes} is no placeholder"),
        (policy(rows=[row(would_change="{flags}")]), "{flags} can stand in why only"),
        (policy(rows=[row(why="{flags}")]), "{flags} needs when.flags"),
        (policy(rows=[row(why="{flags}", when={"flags": ["none", "unmet"]})]), "{flags} needs when.flags"),
        (
            policy(
                rows=[FLAGGING, row(topic="prerequisite.helm", when={"flags": "none", "owner": "customer"})]
            ),
            "rows[1] (row 1): topic prerequisite.helm raises flags in other rows, so it cannot test them",
        ),
        (policy(rows=[row(topic="*", when={"flags": "none"})]), "a row for every topic can neither"),
        (policy(rows=[{**FLAGGING, "topic": "*"}]), "a row for every topic can neither"),
    ],
)
def test_a_contradiction_is_named_with_its_row(tmp_path: Path, content: dict[str, Any], problem: str) -> None:
    error = refused(tmp_path, content)
    assert problem in error.why
    assert "contradicts itself" in error.message
    assert error.hint


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({"when": {}}, {}),
        ({"topic": "*", "when": {}}, {}),
        ({"topic": ["app.unavailable", "app.crash_loop"]}, {}),
        ({}, {"topic": ["app.unavailable", "app.crash_loop"]}),
        ({}, {"topic": ["app.above", "app.crash_loop"]}),
        ({"when": {"owner": ["conductor", "customer"]}}, {}),
        ({"when": {}}, {"when": {"platform": "none", "platform_version": "1.5", "facts": {"a": "b"}}}),
        ({"when": {"facts": {"a": ["b", "c"]}}}, {"when": {"facts": {"a": "b", "d": "e"}}}),
        ({"when": {"outcome": ["fail", "warn", "unknown"]}}, {}),
    ],
)
def test_a_row_that_is_never_reached_is_refused(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    error = refused(tmp_path, policy(rows=[row(**first), row(row="2", **second)]))
    assert "rows[1] (row 2): never reached for topic app.crash_loop; row 1 takes all of it" in error.why


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"topic": "app.unavailable"}),
        ({}, {"topic": "*"}),
        ({}, {"when": {}}),
        ({}, {"when": {"owner": ["conductor", "customer"]}}),
        ({"when": {"facts": {"a": "b"}}}, {"when": {}}),
        ({"when": {"facts": {"a": "b"}}}, {"when": {"facts": {"a": "c"}}}),
        ({"when": {"facts": {"a": "b"}}}, {"when": {"facts": {"d": "b"}}}),
        ({"when": {}}, {"when": {"outcome": "unknown"}}),
        ({"when": {"platform_version": ""}}, {"when": {}}),
    ],
)
def test_a_row_that_can_be_reached_is_kept(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert len(load(tmp_path, policy(rows=[row(**first), row(row="2", **second)])).rows) == 2


def test_many_contradictions_are_counted(tmp_path: Path) -> None:
    rows = [row(row=str(number), topic=f"t{number}", clauses=["Zebra"]) for number in range(9)]
    assert refused(tmp_path, policy(rows=rows)).why.endswith("and 4 more")


def test_terms_can_be_filled_in(tmp_path: Path) -> None:
    terms = {
        "document": "C",
        "severity_definitions": {"1": "All is lost."},
        "service_levels": {"Gold": "1 h"},
    }
    assert load(tmp_path, policy(terms=terms)).terms.severity_definitions == {"1": "All is lost."}


def test_an_alias_bomb_is_refused_unexpanded(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))]
    assert "aliases are not allowed" in refused(tmp_path, "\n".join(lines)).why


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"#" * (1024 * 1024 + 1), "too large"),
        (b"rows: [", "not acceptable YAML"),
        (b"id: a\nid: b\n", "not acceptable YAML"),
        (b"\xff\xfe\x00", "not acceptable YAML"),
        (b"[" * 5000, "not acceptable YAML"),
        (b"!!python/object/apply:os.system [echo]", "not acceptable YAML"),
        (b"just words", "not valid"),
        (b"", "not valid"),
    ],
)
def test_what_is_no_policy_at_all(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refused(tmp_path, content).message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot read"):
        load_policy(tmp_path / "none.yaml")
