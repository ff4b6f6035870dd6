from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.findings import Evidence, Scope
from collector.report.markdown import WIDTH, bullet, fenced, inline
from collector.report.plain import cells
from collector.report.summary import MAX_BYTES, summary_md
from tests.lib import reports

SECTIONS = (
    "# FAIL: Conductor on acme-prod",
    "## Impact (please fill in)",
    "## Severities the policy allows",
    "## Versions",
    "## Findings",
    "## Backup of the database",
    "## Not collected",
    "## Diagnostic bundle",
    "## Questions to ask next",
)


def lines_outside_fences(text: str) -> list[str]:
    kept, fence = [], ""
    for line in text.split("\n"):
        mark = re.match(r"\s*(`{3,})\s*$", line)
        if mark and not fence:
            fence = mark[1]
        elif mark and len(mark[1]) >= len(fence):
            fence = ""
        elif not fence:
            kept.append(line)
    assert not fence, "a code block was left open"
    return kept


def test_sections_stand_in_the_order_of_a_ticket() -> None:
    text = summary_md(reports.good(), reports.BUNDLE)
    assert tuple(line for line in text.split("\n") if line.startswith("#")) == SECTIONS


def test_it_names_the_bundle_and_keeps_the_directory_to_itself() -> None:
    text = summary_md(reports.good(), reports.BUNDLE)
    assert reports.BUNDLE.sha256 in text
    assert "conductor-diag-acme-prod-20201120T2200Z.tar.zst" in text
    assert "6501171 bytes" in text
    assert "/home/ops" not in text


def test_without_a_sealed_file_it_invents_none() -> None:
    text = summary_md(reports.good(), None)
    assert "cnd20201120t220041z7f3a09c2" in text
    assert "sha256" not in text


def test_findings_come_with_pointers_clause_and_allowed_set() -> None:
    text = summary_md(reports.good(), reports.BUNDLE)
    assert "- FAIL [supported C1; severity not stated] conductor-api restarted 14 times" in text
    assert "- FAIL [secondary S2c; severity 1-4] traefik" in text
    assert "conductor-api-6d4f/api-previous.log:4012" in text
    assert "cluster-resources/pods/conductor.json#/items/3/status" in text
    assert "severity not stated; your Support Terms decide" in text


def test_a_silent_policy_is_not_read_as_no_severity() -> None:
    for scope in (Scope.UNSUPPORTED, Scope.OUT_OF_SCOPE):
        one = reports.judged(given=reports.classification(scope, reports.C3))
        assert "severity none" in summary_md(reports.good(findings=(one,)), None)
    one = reports.judged(given=reports.classification(Scope.UNDETERMINED))
    text = summary_md(reports.good(findings=(one,)), None)
    assert "nothing for certain: 1 finding is undetermined; ask support" in text


def test_gaps_and_questions_are_told() -> None:
    text = summary_md(reports.good(), reports.BUNDLE)
    assert "- denied: list configmaps in kube-system; needs: get,list configmaps" in text
    assert "Is there a newer backup elsewhere" in text
    assert "6 of 7 collectors, 1 denied" in text


def test_empty_states_are_sentences() -> None:
    text = summary_md(reports.empty(), None)
    assert text.startswith("# UNKNOWN: ")
    assert "Nothing was judged" in text
    assert "Not known: nothing about backups was collected." in text
    assert summary_md(reports.healthy(), None).startswith("# PASS: ")


def test_tls_and_demo_are_said() -> None:
    text = summary_md(reports.good(run=reports.run_info(tls_verified=False, demo=True)), None)
    assert "certificate was not verified" in text
    assert "recorded demo cluster" in text


@pytest.mark.parametrize("payload", reports.HOSTILE, ids=range(len(reports.HOSTILE)))
def test_hostile_text_stays_small_narrow_and_inert(payload: str) -> None:
    text = summary_md(reports.hostile(payload), reports.hostile_bundle(payload))
    assert len(text.encode()) <= MAX_BYTES
    assert max(map(cells, text.split("\n"))) <= WIDTH
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", text)
    assert "@" not in text
    assert "http://" not in text
    assert "https://" not in text
    assert "javascript:" not in text
    outside = lines_outside_fences(text)
    prose = "\n".join(outside)
    assert not re.search(r"<[A-Za-z/!?]", prose)
    assert not re.search(r"!\[|\]\(|\]\[|\[~|`|\bwww\.\w", prose)
    ours = {*SECTIONS[1:], outside[0]}
    assert [line for line in outside if line.lstrip().startswith("#") and line not in ours] == []


def test_500_findings_fit() -> None:
    text = summary_md(reports.many(500), reports.BUNDLE)
    assert len(text.encode()) <= MAX_BYTES
    assert reports.BUNDLE.sha256 in text
    assert "more in report.html" in text


def test_a_fence_is_longer_than_any_run_inside() -> None:
    block = fenced("a\n``````\n~~~", lines=3)
    assert block[0] == block[-1] == "`" * 7


def test_the_excerpt_of_the_first_finding_is_fenced() -> None:
    one = reports.judged(evidence=(Evidence(path="run/a.log", line=3, excerpt="```\n# not a heading"),))
    text = summary_md(reports.good(findings=(one,)), None)
    assert "    ````\n    ```\n    # not a heading\n    ````\n" in text


def test_a_wrapped_line_starts_no_block_of_its_own() -> None:
    text = " ".join(["x" * 90, "# heading", "y" * 90, "- item", "z" * 90, "1. one"])
    assert [line[2] for line in bullet(text)[1:]] == ["\\"] * 3 or all(
        not line.lstrip().startswith(("#", "- ", "1.")) for line in bullet(text)[1:]
    )


@given(st.text(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_text_becomes_one_inert_line(text: str) -> None:
    safe = inline(text)
    assert "\n" not in safe
    assert not re.search(r"@|`|\]\(|\]\[|\]:|!\[|\[~|https?://", safe, re.IGNORECASE)


def test_same_report_same_text() -> None:
    assert summary_md(reports.good(), None) == summary_md(reports.good(), None)


@pytest.mark.parametrize("word", ["--allow-exec", "-n", "1.17", "*.velero.io", "+x"])
def test_a_flag_or_a_version_at_the_start_of_a_line_is_pasted_as_it_is(word: str) -> None:
    lines = bullet(f"{'x' * 95} {word} and more")
    assert lines[1] == f"  {word} and more"


@pytest.mark.parametrize("word", ["-", "1.", "# x", "---", "===", "> x", "| x"])
def test_what_would_begin_a_block_is_defused(word: str) -> None:
    (_, second) = bullet(f"{'x' * 97} {word}")
    assert second.startswith("  \\")
