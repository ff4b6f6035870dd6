"""What stands in a notice, which notices are made, and what Errbit will group."""

from __future__ import annotations

from typing import Any

import pytest

from collector.delivery import clean
from collector.delivery.notice import MAX_BODY, Notice, Site
from collector.delivery.notices import finding_notice, notices, sendable
from collector.findings import Evidence, Finding, Impact, JudgedFinding, Outcome, Scope, Subject
from tests.lib.receivers import CLAUSE, Bundle, judged, report, run_info

_SITE = Site(environment="production", hostname="prod-eu")


def _of(item: JudgedFinding, **run: Any) -> Notice:
    return finding_notice(item, run_info(**run), _SITE)


def _grouping(notice: Notice) -> tuple[Any, ...]:
    """All that Errbit's fingerprint is made of, see the contract test of the receiver."""
    context = notice.document["context"]
    return (notice.document["errors"], context["component"], context["action"], context["environment"])


def test_a_finding_becomes_one_flat_notice() -> None:
    document = _of(judged()).document
    assert document["errors"] == [
        {
            "type": "finding.CND-APP-001",
            "message": "A container is in a crash loop",
            "backtrace": [{"file": "rules/CND-APP-001", "function": "CND-APP-001", "line": 1}],
        }
    ]
    assert document["context"] == {
        "environment": "production",
        "component": "supported",
        "action": "C3a",
        "hostname": "prod-eu",
        "version": "0.3.1",
        "userAgent": "conductor-diag/0.3.1.dev4+g0a1b2c3",
    }
    params = document["params"]
    assert params["bundle_id"] == "cnd20261120t220041z0a1b2c3d"
    assert params["fileable_severities"] == "1, 2"
    assert params["clause_words"] == CLAUSE.words
    assert params["evidence"] == "cluster-resources/pods/conductor.json#/items/3/status"
    assert params["subject"] == "Deployment conductor/conductor-api"
    assert params["fact_restarts"] == "14"
    assert not any(isinstance(value, dict | list) for value in params.values())


def test_nothing_names_the_server_or_the_context() -> None:
    text = _of(judged()).body().decode()
    assert "k8s.example.com" not in text
    assert "admin@prod" not in text


def test_grouping_is_the_same_in_every_run() -> None:
    first = _of(judged())
    later = _of(
        judged(
            summary="conductor-web restarted 91 times within 26 h",
            subject=Subject(kind="Deployment", name="conductor-web", namespace="conductor"),
            evidence=(Evidence(path="other.json", line=77),),
            facts={"restarts": "91"},
            outcome=Outcome.WARN,
        ),
        bundle_id="cnd20261121t220041zffffffff",
        agent_version="0.4.0",
        label="prod-us",
    )
    assert _grouping(first) == _grouping(later)
    assert first.uid != later.uid


@pytest.mark.parametrize(
    "other",
    [
        judged(rule="CND-APP-002"),
        judged(scope=Scope.OUT_OF_SCOPE),
        judged(clauses=()),
    ],
    ids=["rule", "scope", "clause"],
)
def test_one_problem_for_each_rule_and_class_of_subject(other: JudgedFinding) -> None:
    assert _grouping(_of(judged())) != _grouping(_of(other))


def test_without_a_clause_the_kind_is_the_class() -> None:
    pod, node = (judged(clauses=(), subject=Subject(kind=kind, name="x")) for kind in ("Pod", "Node"))
    assert _of(pod).document["context"]["action"] == "Pod"
    assert _grouping(_of(pod)) != _grouping(_of(node))


def test_the_same_report_gives_the_same_notices() -> None:
    assert notices(report(), Bundle(), _SITE) == notices(report(), Bundle(), _SITE)


def test_passed_findings_stay_home_and_the_worst_goes_first() -> None:
    made = [
        judged(outcome=Outcome.PASS),
        judged(outcome=Outcome.UNKNOWN, impact=Impact.OUTAGE),
        judged(outcome=Outcome.WARN, impact=Impact.OUTAGE),
        judged(outcome=Outcome.FAIL, impact=Impact.RISK),
        judged(outcome=Outcome.FAIL, impact=Impact.OUTAGE),
    ]
    assert sendable(made) == [made[4], made[3], made[2], made[1]]


def test_past_fifty_the_rest_goes_in_one() -> None:
    many = [judged(subject=Subject(kind="Pod", name=f"p{number}")) for number in range(60)]
    made = notices(report(*many), Bundle(), _SITE)
    assert [notice.name for notice in made[-2:]] == ["finding.rest", "diagnostic.bundle"]
    assert len(made) == 52
    rest = made[50].document["params"]
    assert rest["count"] == 10
    assert rest["count_fail"] == 10
    assert rest["findings"].splitlines()[-1] == "fail CND-APP-001 Pod p59"


def test_a_finding_told_twice_is_sent_once() -> None:
    assert len(notices(report(judged(), judged()), Bundle(), _SITE)) == 2


def test_the_announcement_names_the_file_and_never_its_folder() -> None:
    made = notices(report(judged(), judged(outcome=Outcome.PASS)), Bundle(), _SITE)[-1]
    params = made.document["params"]
    assert made.document["errors"][0]["type"] == "diagnostic.bundle"
    assert made.document["errors"][0]["message"] == "Diagnostic bundle collected"
    assert (params["sha256"], params["bytes"], params["entries"]) == ("ab" * 32, 6_500_000, 412)
    assert params["created_at"] == "2026-11-20T22:02:11Z"
    assert params["location"] == "conductor-20261120.tar.zst"
    assert params["policy_id"] == "conductor-1.1"
    assert (params["count_supported"], params["count_supported_fail"], params["count_secondary"]) == (2, 1, 0)
    assert "/var/lib" not in made.body().decode()


def test_evidence_goes_first_when_the_body_is_too_large() -> None:
    pieces = tuple(Evidence(path="logs/api.log", line=n, excerpt=chr(97 + n) * 4000) for n in range(20))
    made = _of(judged(evidence=pieces, summary="s" * 3000))
    params = made.document["params"]
    assert len(made.body()) <= MAX_BODY
    assert params["summary"] == "s" * 3000
    assert params["remedy"] == "Read its last words"
    assert "excerpt_" in params["dropped"]
    kept = [name for name in params if name.startswith("excerpt_")]
    assert 0 < len(kept) < 20
    assert not any(name in params["dropped"] for name in kept)


def test_minimal_keeps_the_grouping_and_no_details() -> None:
    made = _of(judged())
    assert _grouping(made.minimal()) == _grouping(made)
    assert set(made.minimal().document["params"]) == {"notice_uid", "reduced"}


@pytest.mark.parametrize(
    ("version", "sent"),
    [("0.3.1", "0.3.1"), ("1.2rc1", "1.2"), ("v2", "0"), ("", "0"), ("2.0.0+b1", "2.0.0")],
)
def test_the_version_is_digits_and_dots(version: str, sent: str) -> None:
    assert _of(judged(), agent_version=version).document["context"]["version"] == sent


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        (2**53, 2**53),
        (2**53 + 1, str(2**53 + 1)),
        (-(10**40), str(-(10**40))),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (True, True),
        (None, None),
        ("caf\udce9", "caf?"),
        ("a\x00b", "a?b"),
        ([1, [2]], {"0": 1, "1": {"0": 2}}),
        ({"a.b": 1, "a_b": 2, "$c": 3, "": 4}, {"a_b": 1, "a_b_2": 2, "_c": 3, "_": 4}),
    ],
)
def test_values_are_made_fit(raw: Any, cleaned: Any) -> None:
    assert clean.value(raw) == cleaned


def test_an_integer_too_long_to_print_is_described() -> None:
    assert clean.value(1 << 100_000) == "[integer of 100001 bits]"


def test_a_cut_is_marked_and_splits_no_letter() -> None:
    cut = clean.text("é" * 100, 51)
    assert cut.endswith(" [cut]")
    assert set(cut.removesuffix(" [cut]")) == {"é"}
    assert len(cut.encode()) <= 51
    assert clean.text("é" * 25, 50) == "é" * 25


def test_wide_containers_say_what_is_missing() -> None:
    cleaned = clean.value(list(range(250)))
    assert cleaned["more"] == "50 not shown"


def test_policy_silence_is_said() -> None:
    item = judged()
    silent = JudgedFinding(
        finding=item.finding,
        classification=type(item.classification)(
            scope=Scope.SUPPORTED, clauses=(), severities=(), severities_stated=False, row="r", why="w"
        ),
    )
    assert _of(silent).document["params"]["fileable_severities"] == "not stated"


def test_the_finding_is_not_changed() -> None:
    item = judged(facts={"a": "b"})
    _of(item)
    assert isinstance(item.finding, Finding)
    assert item == judged(facts={"a": "b"})
