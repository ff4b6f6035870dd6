from __future__ import annotations

import json

import pytest

from collector.findings import Outcome, Report, Scope
from collector.report.files import BundleFileInfo
from collector.report.machine import MAX_TERMINATION_BYTES, result_json, termination_message
from collector.report.readme import readme_txt
from tests.lib import reports


def test_the_result_names_file_counts_findings_and_delivery() -> None:
    text = result_json(
        reports.good(),
        reports.BUNDLE,
        ticket="/home/ops/a.summary.md",
        delivery_state="spooled",
        delivery_detail="no answer within 10s",
    )
    result = json.loads(text)
    assert "\n" not in text
    assert result["bundle"] == {
        "path": reports.BUNDLE.path,
        "sha256": reports.BUNDLE.sha256,
        "size": reports.BUNDLE.size,
    }
    assert result["ticket"] == "/home/ops/a.summary.md"
    assert result["bundle_id"] == "cnd20201120t220041z7f3a09c2"
    assert result["verdict"] == "fail"
    assert result["counts"] == {"fail": 3, "warn": 1, "unknown": 1, "pass": 1}
    assert result["delivery"] == "spooled"
    assert result["findings"][0]["id"] == "CND-APP-001"
    assert len(result["findings"][0]["fingerprint"]) == 16
    total = sum(result["scopes"][scope][outcome] for scope in Scope for outcome in Outcome)
    assert total == len(result["findings"]) == 6


def test_without_a_bundle_the_result_says_null() -> None:
    assert json.loads(result_json(reports.empty(), None))["bundle"] is None


@pytest.mark.parametrize(
    "report", [reports.good(), reports.empty(), reports.many(500)], ids=["good", "empty", "many"]
)
def test_the_termination_message_fits_and_parses(report: Report) -> None:
    data = termination_message(report, reports.BUNDLE, delivery_state="delivered")
    assert len(data) <= MAX_TERMINATION_BYTES
    message = json.loads(data)
    assert message["bundle_id"] == "cnd20201120t220041z7f3a09c2"
    assert message["bundle"]["sha256"] == reports.BUNDLE.sha256
    assert message["delivery"] == "delivered"
    assert all(finding["outcome"] != "pass" for finding in message["findings"])


def test_the_termination_message_keeps_the_most_important() -> None:
    message = json.loads(termination_message(reports.many(500), None))
    assert 30 < len(message["findings"]) < 60
    assert {finding["outcome"] for finding in message["findings"]} == {"fail"}
    assert message["counts"]["fail"] == 125


@pytest.mark.parametrize("payload", reports.HOSTILE, ids=range(len(reports.HOSTILE)))
def test_hostile_text_never_breaks_the_limit_or_the_line(payload: str) -> None:
    report, bundle = reports.hostile(payload), reports.hostile_bundle(payload)
    assert len(termination_message(report, bundle, delivery_state=payload)) <= MAX_TERMINATION_BYTES
    text = result_json(report, bundle, delivery_state=payload, delivery_detail=payload)
    assert text.isascii()
    assert text.isprintable()


def test_a_bundle_has_the_name_of_its_file() -> None:
    assert BundleFileInfo(path="/a/b/c.tar.zst", size=1, sha256="").name == "c.tar.zst"


def test_the_readme_says_how_to_open_and_what_may_be_inside() -> None:
    text = readme_txt(reports.run_info())
    assert text.startswith("Conductor diagnostic bundle cnd20201120t220041z7f3a09c2\n")
    assert "conductor-diag bundle cat" in text
    assert "tar --zstd -xf" in text
    assert "No pattern finds every secret" in text
    assert "demo" not in text
    assert "recorded demo" in readme_txt(reports.run_info(demo=True))


@pytest.mark.parametrize("payload", reports.HOSTILE, ids=range(len(reports.HOSTILE)))
def test_the_readme_is_displayable(payload: str) -> None:
    text = readme_txt(reports.hostile(payload).run)
    assert all(char.isprintable() for char in text.replace("\n", ""))
    assert max(map(len, text.split("\n"))) <= 200
