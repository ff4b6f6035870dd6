"""What must hold of the shipped policy for any facts, and for any change to one of its rows or clauses."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.resources import config_path
from collector.findings import Environment, Facts, Finding, Outcome, Owner, Platform, Scope, Window
from collector.support import Policy, classify, load_policy
from collector.support.matching import members, topics
from tests.lib.policies import Case, Given, cases, facts, judge, with_row

POLICY = load_policy()
CASES = cases()


def known_facts() -> dict[str, dict[str, set[str]]]:
    """Returns, by topic, the finding's facts that rows test, and the values they test for."""
    found: dict[str, dict[str, set[str]]] = {}
    for row in POLICY.rows:
        for topic in topics(row):
            names = found.setdefault(topic, {})
            for name, wanted in row.when.facts.items():
                names.setdefault(name, set()).update(members(wanted) or ())
    return found


FACTS = known_facts()
VERSIONS = ("", "1.0", "1.2", "1.4", "1.5", "1.6", "1.8", "2.0", "2.2", "9.9")


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    topic = draw(st.sampled_from(sorted(FACTS)))
    stated = {
        name: draw(st.sampled_from([*sorted(values), "something else"]))
        for name, values in FACTS[topic].items()
    }
    owner, outcome = draw(st.sampled_from(Owner)), draw(st.sampled_from(Outcome))
    return Given(topic=topic, owner=owner, outcome=outcome, facts=stated).finding()


@st.composite
def clusters(draw: st.DrawFn) -> Facts:
    version, conductor = draw(st.sampled_from(VERSIONS)), draw(st.sampled_from(["", "1.0.0", "1.1.0-rc4"]))
    known = facts(draw(st.sampled_from(Platform)), version, conductor)
    return replace(
        known,
        platform_window=draw(st.sampled_from(Window)),
        environment=draw(st.sampled_from(Environment)),
    )


@given(
    st.lists(findings(), max_size=6),
    st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4),
    st.text(max_size=12),
    st.text(max_size=200),
    clusters(),
)
def test_no_facts_raise(
    run: list[Finding], noise: Mapping[str, str], version: str, summary: str, cluster: Facts
) -> None:
    odd = [replace(finding, facts={**finding.facts, **noise}, summary=summary) for finding in run]
    strange = replace(
        cluster,
        platform_version=version,
        versions=tuple(replace(v, version=version) for v in cluster.versions),
    )
    judged = classify([*odd, Given(topic=version).finding()], strange, POLICY)
    assert [entry.finding for entry in judged[:-1]] == odd
    for entry in judged:
        got = entry.classification
        assert got.why
        assert got.would_change
        assert got.severities_stated or not got.severities
        if got.scope in (Scope.UNSUPPORTED, Scope.OUT_OF_SCOPE):
            assert (got.severities, got.severities_stated) == ((), True)


DECIDED = (Scope.SUPPORTED, Scope.UNSUPPORTED)


@st.composite
def less_known(draw: st.DrawFn, finding: Finding) -> Finding:
    """Returns the finding with some of its facts gone, perhaps its owner, perhaps its outcome."""
    kept = {name: value for name, value in finding.facts.items() if draw(st.booleans())}
    subject = finding.subject if draw(st.booleans()) else replace(finding.subject, owner=Owner.UNKNOWN)
    outcome = finding.outcome if draw(st.booleans()) else Outcome.UNKNOWN
    return replace(finding, facts=kept, subject=subject, outcome=outcome)


@given(
    st.data(),
    st.lists(findings(), min_size=1, max_size=5),
    clusters(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_knowing_less_never_decides_against_what_is_known(
    data: st.DataObject,
    run: list[Finding],
    cluster: Facts,
    no_platform: bool,
    no_version: bool,
    no_environment: bool,
    no_conductor: bool,
) -> None:
    """A verdict of supported or unsupported that is reached with facts removed is also the full verdict.

    Removed are, for every finding of the run at once: any of its own facts, its owner, its outcome; and of
    the cluster: the platform, its version, Conductor's version. So no prerequisite stops weighing because
    less is known of it. Whole findings are not removed, by decision: C1 asks for no version, so one that
    nobody could read does not hold it back.
    """
    lesser = replace(
        cluster,
        platform=Platform.UNKNOWN if no_platform else cluster.platform,
        platform_version="" if no_platform or no_version else cluster.platform_version,
        platform_window=Window.UNKNOWN if no_platform or no_version else cluster.platform_window,
        environment=Environment.UNKNOWN if no_environment else cluster.environment,
        versions=() if no_conductor else cluster.versions,
    )
    reduced = [data.draw(less_known(finding)) for finding in run]
    full = classify(run, cluster, POLICY)
    less = classify(reduced, lesser, POLICY)
    for known, unknown in zip(full, less, strict=True):
        if unknown.classification.scope in DECIDED:
            assert known.classification.scope is unknown.classification.scope


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_case_is_decided_against_its_full_facts_with_some_of_them_gone(case: Case) -> None:
    finding, cluster = case.finding(), case.facts_of_cluster()
    full = case.judged(POLICY).scope
    for size in range(len(finding.facts)):
        for kept in itertools.combinations(finding.facts.items(), size):
            less = judge(replace(finding, facts=dict(kept)), cluster, POLICY, beside=case.beside)
            assert less.scope not in DECIDED or less.scope is full


def changed(before: Policy, after: Policy) -> set[str]:
    """Returns the names of the cases that the two policies judge differently."""
    return {case.name for case in CASES if case.judged(before) != case.judged(after)}


def decided_by(row: str) -> set[str]:
    return {case.name for case in CASES if case.row == row}


def raising(row: str, case: Case) -> bool:
    """True if the case shows a flag that the row raised."""
    return any(flag.endswith(f"(row {row})") for flag in case.judged(POLICY).flags)


@pytest.mark.parametrize("row", [row.id for row in POLICY.rows])
def test_a_changed_row_changes_what_it_decides_and_nothing_else(row: str) -> None:
    assert changed(POLICY, with_row(POLICY, row, why="Somebody decided so.")) == decided_by(row)


@pytest.mark.parametrize("row", [row.id for row in POLICY.rows if row.flag])
def test_a_row_that_flags_no_more_leaves_the_rest_alone(row: str) -> None:
    shown = {case.name for case in CASES if raising(row, case)}
    assert changed(POLICY, with_row(POLICY, row, flag=None)) == shown


@pytest.mark.parametrize("clause", sorted(POLICY.clauses))
def test_a_changed_clause_changes_what_quotes_it_and_nothing_else(clause: str) -> None:
    altered = replace(POLICY.clauses[clause], words="other words")
    after = replace(POLICY, clauses={**POLICY.clauses, clause: altered})
    assert changed(POLICY, after) == {case.name for case in CASES if clause in case.clauses}


def test_a_policy_is_changed_by_editing_a_copy_of_its_file(tmp_path: Path) -> None:
    text = config_path("policy", "support-policy.yaml").read_text("utf-8")
    old = (
        "topic: backup.failed\n    when: {facts: {tool: other}}\n    step: exclusion\n    scope: unsupported"
    )
    assert text.count(old) == 1
    copy = tmp_path / "ours.yaml"
    copy.write_text(text.replace(old, old.replace("scope: unsupported", "scope: undetermined")), "utf-8")
    assert changed(POLICY, load_policy(copy)) == decided_by("39")
