"""The shipped policy, held against the cases in tests/data/policy/cases.yaml."""

from __future__ import annotations

import msgspec
import pytest

from collector.findings import Platform, Scope
from collector.support import classify, load_policy
from collector.support.cases import disagreements
from tests.lib.policies import Case, cases, facts

POLICY = load_policy()
CASES = cases()
# Traps about the whole policy, each with the test that shows it.
SHOWN_ELSEWHERE = {
    "T12": "test_support_quotes: severities come from the Konvoy page alone",
    "T13": "test_support_quotes: words stand in the document; none is a number",
    "T15": "test_releases: the window counts releases, not numbers",
    "T21": "test_support_quotes: the file says that all of it is for those entitled",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    assert list(disagreements(case, POLICY)) == []
    got = case.judged(POLICY)
    assert "{" not in got.why
    assert got.would_change


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"row": "2"}, "row: expected 2, got 1"),
        ({"scope": Scope.UNSUPPORTED}, "scope: expected unsupported, got supported"),
        ({"clauses": ()}, "clauses: expected [], got [C1]"),
        ({"severities": (1, 2)}, "severities: expected [1, 2], got not stated"),
        ({"fix": (3,)}, "fix: expected [3], got none"),
        ({"flags": ("17",)}, "flags: expected [17], got []"),
        ({"why": "moon"}, "why: expected 'moon' in"),
    ],
)
def test_a_case_that_disagrees_says_in_what(change: dict[str, object], line: str) -> None:
    (said,) = disagreements(msgspec.structs.replace(CASES[0], **change), POLICY)
    assert said.startswith(line)


def test_every_row_has_a_case() -> None:
    assert {row.id for row in POLICY.rows} - {case.row for case in CASES} == set()


def test_every_row_of_the_decision_table_has_a_case() -> None:
    assert set(range(1, 101)) - set().union(*(case.numbers() for case in CASES)) == set()


def test_every_trap_has_a_case() -> None:
    traps = {f"T{number}" for number in range(1, 23)} | {"T18a"}
    assert traps - {case.trap for case in CASES} == SHOWN_ELSEWHERE.keys()


def test_case_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


def test_findings_come_back_in_order() -> None:
    findings = [case.finding() for case in CASES]
    judged = classify(findings, facts(Platform.NONE), POLICY)
    assert [entry.finding for entry in judged] == findings


def test_no_findings_no_verdicts() -> None:
    assert classify([], facts(Platform.NONE), POLICY) == ()
