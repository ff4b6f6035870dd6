from __future__ import annotations

import copy
import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jsonschema
import pytest

from collector.core.resources import config_path
from collector.findings import Outcome, Report, Scope
from collector.report.findings_json import SCHEMA, findings_json
from tests.lib import reports

REPORTS = {
    "good": reports.good(),
    "healthy": reports.healthy(),
    "empty": reports.empty(),
    "many": reports.many(500),
    **{f"hostile-{n}": reports.hostile(text) for n, text in enumerate(reports.HOSTILE)},
}


def schema() -> dict[str, Any]:
    loaded = json.loads(config_path("schemas", "findings.schema.json").read_text("utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def closed(node: Any) -> Any:
    """Returns the schema without room for keys it does not name: what it does not document fails."""
    if isinstance(node, list):
        return [closed(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    made = {key: closed(value) for key, value in node.items()}
    if node.get("type") == "object" and "properties" in node:
        made.setdefault("additionalProperties", False)
    return made


def test_the_schema_is_a_valid_schema_of_the_announced_identity() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["$id"] == SCHEMA


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_every_report_follows_the_schema_and_holds_nothing_undocumented(report: Report) -> None:
    jsonschema.Draft202012Validator(closed(schema())).validate(json.loads(findings_json(report)))


def test_the_schema_notices_a_wrong_scope_and_a_missing_fingerprint() -> None:
    document = json.loads(findings_json(reports.good()))
    validator = jsonschema.Draft202012Validator(schema())
    wrong = copy.deepcopy(document)
    wrong["findings"][0]["scope"] = "ours"
    assert not validator.is_valid(wrong)
    del document["findings"][0]["fingerprint"]
    assert not validator.is_valid(document)


def test_severities_are_the_allowed_set_and_never_a_choice() -> None:
    found = {f["id"]: f for f in json.loads(findings_json(reports.good()))["findings"]}
    assert found["CND-APP-002"]["fileable_severities"] == [1, 2, 3, 4]
    assert found["CND-APP-001"]["fileable_severities"] == []
    assert found["CND-APP-001"]["severities_stated"] is False
    assert not any("suggest" in key or key == "severity" for finding in found.values() for key in finding)


def test_counts_are_those_of_the_findings() -> None:
    document = json.loads(findings_json(reports.many(97)))
    counts = document["counts"]
    assert counts["findings"] == len(document["findings"]) == 97
    assert sum(counts["outcomes"].values()) == 97
    for scope in Scope:
        for outcome in Outcome:
            told = [f for f in document["findings"] if (f["scope"], f["outcome"]) == (scope, outcome)]
            assert counts["scopes"][scope][outcome] == len(told)


def test_most_important_first_whatever_the_order_was() -> None:
    report = reports.good()
    turned = dataclasses.replace(report, findings=report.findings[::-1])
    assert findings_json(report) == findings_json(turned)
    assert [f["id"] for f in json.loads(findings_json(report))["findings"]] == [
        "CND-APP-001",
        "CND-APP-002",
        "CND-PG-003",
        "CND-PRE-001",
        "CND-RUN-001",
        "CND-NODE-001",
    ]


def test_evidence_names_a_line_or_a_pointer_and_never_a_zero() -> None:
    first = json.loads(findings_json(reports.good()))["findings"][0]["evidence"]
    assert first[0]["pointer"].startswith("/items/3")
    assert "line" not in first[0]
    assert first[1]["line"] == 4012
    assert "pointer" not in first[1]


@pytest.mark.parametrize("payload", reports.HOSTILE, ids=range(len(reports.HOSTILE)))
def test_bytes_are_printable_ascii_and_bounded(payload: str) -> None:
    data = findings_json(reports.hostile(payload))
    assert all(byte in b"\n" or 32 <= byte < 127 for byte in data)
    assert len(data) < 5_000_000


@pytest.mark.parametrize(
    "moment",
    [datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))],
    ids=["zero", "before time"],
)
def test_a_time_that_means_none_is_null(moment: datetime) -> None:
    report = reports.good(findings=(reports.judged(first_seen=moment),))
    assert json.loads(findings_json(report))["findings"][0]["first_seen"] is None


@pytest.mark.parametrize("skew", [float("nan"), float("inf"), None])
def test_a_number_that_json_lacks_is_null(skew: float | None) -> None:
    report = reports.good(run=reports.run_info(clock_skew_seconds=skew))
    assert json.loads(findings_json(report))["run"]["clock_skew_seconds"] is None


def test_same_report_same_bytes() -> None:
    assert findings_json(reports.good()) == findings_json(reports.good())
