"""Explanations: the rows in order, why each did not match, what is nearest to another verdict."""

from __future__ import annotations

import pytest

from collector.findings import Owner, Platform, Scope
from collector.support import Explanation, explain, load_policy
from collector.support.explain import is_open
from collector.support.matching import Miss
from tests.lib.policies import Case, Given, cases, facts

POLICY = load_policy()


def explained(case: Case) -> Explanation:
    findings = [case.finding(), *(given.finding() for given in case.beside)]
    return explain(findings[0], findings, case.facts_of_cluster(), POLICY)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_it_ends_at_the_row_that_decides_and_says_why_the_others_did_not(case: Case) -> None:
    found = explained(case)
    assert found.classification == case.judged(POLICY)
    deciding = [attempt.row.id for attempt in found.tried if not attempt.missed]
    assert deciding == ([case.row] if case.row else [])
    if case.row:
        assert found.tried[-1].row.id == case.row
    for attempt in found.nearest:
        assert len(attempt.missed) == 1
        assert attempt.row.scope is not found.classification.scope


def test_a_condition_that_fails_is_named_with_what_was_found_and_what_was_wanted() -> None:
    finding = Given(topic="prerequisite.traefik", facts={"verdict": "major_2"}).finding()
    found = explain(finding, [finding], facts(Platform.NONE), POLICY)
    row_24 = next(attempt for attempt in found.tried if attempt.row.id == "24")
    (miss,) = row_24.missed
    assert (miss.name, miss.found, miss.wanted) == ("serves_conductor", None, ("yes",))
    assert any(near.row.id == "24" for near in found.nearest)


def test_of_two_equal_rules_each_subject_is_explained_by_itself() -> None:
    findings = [Given(topic="app.crash_loop", subject=name).finding() for name in ("web", "worker")]
    found = explain(findings[1], findings, facts(Platform.NONE), POLICY)
    assert found.finding.subject.name == "worker"
    assert found.classification.scope is Scope.SUPPORTED


def near(platform: Platform, owner: Owner, **stated: str) -> set[str]:
    finding = Given(topic="certificate.expired", owner=owner, facts=stated).finding()
    return {
        attempt.missed[0].name for attempt in explain(finding, [finding], facts(platform), POLICY).nearest
    }


def test_what_is_known_is_not_offered_as_what_would_change_the_verdict() -> None:
    assert near(Platform.NONE, Owner.CUSTOMER) == set()
    assert near(Platform.NONE, Owner.UNKNOWN) == {"owner"}
    assert near(Platform.NONE, Owner.PLATFORM_APPLICATION) == set()


@pytest.mark.parametrize(
    ("name", "found", "possible"),
    [
        ("platform", "unknown", True),
        ("platform", "none", False),
        ("owner", "conductor", False),
        ("conductor_version", "", True),
        ("conductor_version", "1.1", False),
        ("flags", "unmet", True),
        ("cause", None, True),
        ("proof", "none", True),
        ("tool", "release", False),
    ],
)
def test_evidence_can_settle_what_is_open(name: str, found: str | None, possible: bool) -> None:
    assert is_open(Miss(name=name, found=found, wanted=("x",))) is possible
