from __future__ import annotations

import dataclasses

import msgspec
import pytest

from collector.findings import Confidence, Evidence, Facts, Outcome, Platform, Scope
from collector.records import Status
from collector.report import headline
from collector.report.plain import cells, cut, severities, where, window, wrap
from collector.report.versions import helm_found, platform_found, platform_name, version_rows
from collector.report.words import Words, load_words
from collector.support import load_policy
from tests.lib import reports


def test_every_member_of_a_vocabulary_has_words() -> None:
    plain = msgspec.to_builtins(load_words())
    del plain["scopes"]["secondary"]
    with pytest.raises(msgspec.ValidationError, match="no words for scope secondary"):
        msgspec.convert(plain, Words)


def test_the_verdict_counts_by_scope() -> None:
    assert headline.sentence(reports.good()) == (
        "3 failures: 2 supported, 1 secondary. Also 1 warning and 1 unknown."
    )


def test_unknowns_remain_in_the_verdict() -> None:
    unknown = tuple(j for j in reports.findings() if j.finding.outcome is Outcome.UNKNOWN)
    assert headline.sentence(reports.good(findings=unknown)) == "No failures. 1 unknown remains."
    assert headline.sentence(reports.good(findings=unknown * 3)) == "No failures. 3 unknowns remain."
    warned = tuple(j for j in reports.findings() if j.finding.outcome in (Outcome.WARN, Outcome.UNKNOWN))
    assert headline.sentence(reports.good(findings=warned)) == "No failures. 1 warning, 1 unknown."


@pytest.mark.parametrize(
    ("allowed", "stated", "scope", "words"),
    [
        ((1, 2, 3, 4), True, Scope.SECONDARY, "1-4"),
        ((4, 3), True, Scope.SECONDARY, "3, 4"),
        ((1, 2, 4), True, Scope.SECONDARY, "1, 2, 4"),
        ((4,), True, Scope.EXPERIMENTAL, "4"),
        ((), False, Scope.SUPPORTED, "not stated"),
        ((), False, Scope.UNSUPPORTED, "none"),
        ((), True, Scope.SUPPORTED, "none"),
    ],
)
def test_severities_in_words(allowed: tuple[int, ...], stated: bool, scope: Scope, words: str) -> None:
    given = reports.classification(scope, severities=allowed, severities_stated=stated)
    assert severities(given) == words


def test_only_failures_and_warnings_that_the_policy_covers_may_be_filed() -> None:
    assert [filing.sentence for filing in headline.filings(reports.good())] == [
        "2 findings under C1, C3: severity not stated; your Support Terms decide",
        "1 finding under S2c: severity 1-4",
    ]
    excluded = reports.judged(given=reports.classification(Scope.UNSUPPORTED, reports.C3))
    assert headline.filing_lines(reports.good(findings=(excluded,))) == (
        "nothing: the policy covers none of these findings",
    )


def test_nothing_is_filed_under_words_that_deny_support() -> None:
    clauses = load_policy().clauses
    failed = reports.classification(Scope.SUPPORTED, *(clauses[name] for name in ("C3", "R3", "I1")))
    ended = reports.classification(
        Scope.SECONDARY, clauses["S2n"], clauses["S2"], severities=(1, 2, 3, 4), severities_stated=True
    )
    report = reports.good(findings=(reports.judged(given=failed), reports.judged(given=ended)))
    assert {filing.clauses for filing in headline.filings(report)} == {("C3", "R3"), ("S2",)}


def test_questions_are_asked_once_and_never_repeat_a_gap() -> None:
    asked = headline.questions(reports.good(findings=reports.findings() * 2))
    assert [question.rule for question in asked] == ["CND-APP-001", "CND-PG-003"]
    without_gap = headline.questions(reports.good(run=reports.run_info(gaps=())))
    assert without_gap[-1].command.startswith("get,list configmaps in kube-system")


def test_a_skipped_collector_is_named_but_not_counted_as_missing() -> None:
    ended = (Status.OK, Status.SKIPPED, Status.TIMEOUT)
    ran = zip(reports.run_info().collectors, ended, strict=False)
    other = reports.run_info(collectors=tuple(dataclasses.replace(one, status=how) for one, how in ran))
    assert headline.completeness(other) == "1 of 2 collectors, 1 timeout, 1 skipped"


def test_prerequisites_are_judged_by_findings_alone() -> None:
    rows = {row.item: row for row in version_rows(reports.good())}
    assert (rows["Kubernetes"].found, rows["Kubernetes"].verdict) == ("1.19.7", "WARN")
    assert (rows["Helm"].found, rows["Helm"].verdict) == ("2", "not judged")
    assert rows["Traefik"].found == "1.7.24", "the Traefik that does not serve Conductor does not count"
    konvoy = reports.good(facts=reports.facts(platform=Platform.KONVOY_1, platform_version="1.5"))
    rows = {row.item: row for row in version_rows(konvoy)}
    assert rows["Platform"].found == "Konvoy 1.5"
    assert rows["Traefik"].verdict == "not binding"


def test_a_release_that_is_inferred_is_not_called_proven() -> None:
    known = reports.facts(platform=Platform.KONVOY_1, platform_version="1.5")
    assert platform_found(known) == "Konvoy 1.5 (proven)"
    inferred = reports.version("platform", "1.5", "by what runs", confidence=Confidence.INFERRED)
    facts = dataclasses.replace(known, versions=(inferred,))
    assert platform_found(facts) == "Konvoy (proven), 1.5 (inferred)"
    rows = {row.item: row.found for row in version_rows(reports.good(facts=facts))}
    assert rows["Platform"] == "Konvoy 1.5 (inferred)"


def test_what_is_not_known_is_said() -> None:
    assert helm_found(Facts()) == "not known"
    assert helm_found(Facts(helm=frozenset())) == "no release record"
    assert helm_found(Facts(helm=frozenset({"3", "2"}))) == "2 and 3"
    assert platform_name(Facts(platform_confidence=Confidence.UNKNOWN)) == "not known"


def test_pointers_and_windows() -> None:
    assert where(Evidence(path="a.log", line=3)) == "a.log:3"
    assert where(Evidence(path="a.json", pointer="/items/0")) == "a.json#/items/0"
    assert where(Evidence(path="a.json")) == "a.json"
    assert [window(s) for s in (172800, 5400, 3600 * 24 * 14, 61, 0)] == ["48h", "90m", "14d", "61s", "0s"]


def test_text_is_cut_by_cells_not_characters() -> None:
    assert cells("漢字ab") == 6
    assert cut("漢字漢字", 5) == "漢字…"
    assert cut("abc", 3) == "abc"
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]
    assert wrap("one two three four", 8, most=2) == ["one two", "three f…"]
    assert wrap("", 10) == [""]
