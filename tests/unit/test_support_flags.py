"""How unmet prerequisites reach Conductor's own failures, and what a hostile cluster can make of that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collector.findings import Platform, Scope
from collector.support import classify, load_policy
from tests.lib.policies import Given, conductor_version, facts, judge, with_row

POLICY = load_policy()
CRASH = Given(topic="app.crash_loop")
HELM_3 = Given(topic="prerequisite.helm", summary="Helm 3 manages it", facts={"helm": "3"})
TOO_NEW = Given(topic="prerequisite.kubernetes", summary="Kubernetes is 1.18.20", facts={"position": "above"})


def traefik(summary: str, serves: str) -> Given:
    return Given(
        topic="prerequisite.traefik",
        summary=summary,
        facts={"verdict": "major_2", "serves_conductor": serves},
    )


def test_the_order_of_findings_does_not_matter() -> None:
    traefiks = [traefik("Traefik b is 2.5", "yes"), traefik("Traefik a is 2.4", "yes")]
    findings = [given.finding() for given in (CRASH, HELM_3, *traefiks, TOO_NEW)]
    there = classify(findings, facts(Platform.NONE), POLICY)
    back = classify(findings[::-1], facts(Platform.NONE), POLICY)
    assert there == back[::-1]
    assert there[0].classification.flags == (
        "Kubernetes is 1.18.20 (row 17)",
        "Helm 3 manages it (row 20)",
        "Traefik a is 2.4 (row 24)",
        "Traefik b is 2.5 (row 24)",
    )


def test_what_weighs_most_is_named_first_and_is_never_cut_off() -> None:
    policy = with_row(POLICY, "16", topic="prerequisite.other", scope="undetermined", flag="doubtful")
    beside = [
        *(
            Given(topic="prerequisite.other", summary=f"doubt {number:04}", facts={"position": "below"})
            for number in range(20)
        ),
        TOO_NEW,
    ]
    got = judge(CRASH.finding(), facts(Platform.NONE), policy, beside=beside)
    assert got.flags[:2] == ("Kubernetes is 1.18.20 (row 17)", "doubt 0000 (row 16)")


def test_thousands_of_flags_are_cut_to_ten_and_a_number() -> None:
    beside = [traefik(f"Traefik {number:04}", "yes") for number in range(3000)]
    got = judge(CRASH.finding(), facts(Platform.NONE), POLICY, beside=beside)
    assert len(got.flags) == 11
    assert got.flags[-1] == "and 2990 more"
    assert got.why.endswith("and 2990 more.")
    assert len(got.why) < 1000


def test_equal_flags_are_said_once() -> None:
    got = judge(CRASH.finding(), facts(Platform.NONE), POLICY, beside=[TOO_NEW, TOO_NEW])
    assert got.flags == ("Kubernetes is 1.18.20 (row 17)",)


def test_text_of_a_cluster_cannot_break_the_sentence() -> None:
    hostile = replace(TOO_NEW.finding(), summary="\x1b[2J{flags}\u202e\n" + "x" * 5000)
    got = classify([CRASH.finding(), hostile], facts(Platform.NONE), POLICY)[0].classification
    assert "\x1b" not in got.why
    assert "\u202e" not in got.why
    assert "\n" not in got.why
    assert got.why.count("{flags}") == 1  # the cluster's own, left as it was
    assert len(got.why) < 500


def test_context_is_shown_but_not_blamed() -> None:
    got = judge(CRASH.finding(), facts(Platform.KONVOY_1, "1.8"), POLICY, beside=[HELM_3])
    assert got.scope is Scope.SUPPORTED
    assert got.flags == ("Helm 3 manages it (row T1)",)
    assert "Helm 3" not in got.why


def test_context_beside_proof_is_shown_and_only_the_proof_is_blamed() -> None:
    policy = with_row(POLICY, "22", flag="context")
    beside = [TOO_NEW, Given(topic="prerequisite.helm", summary="no record", facts={"helm": "none"})]
    got = judge(CRASH.finding(), facts(Platform.NONE), policy, beside=beside)
    assert got.flags == ("Kubernetes is 1.18.20 (row 17)", "no record (row 22)")
    assert "no record" not in got.why


@pytest.mark.parametrize(
    ("versions", "row"),
    [
        (["1.0.0"], "14"),
        (["v1.0"], "14"),
        (["1.0.0-rc1", "1.0.2"], "14"),
        (["0.8.0"], "14"),
        (["1.1.0"], "38-release"),
        (["1.00"], "38-release"),
        (["1.0.0", "1.1.0"], "14-unknown"),
        (["1.0.0", "latest"], "14-unknown"),
        (["latest"], "14-unknown"),
        ([""], "14-unknown"),
        (["", "1.0.0"], "14"),
        (["99999999999999999.1"], "14-unknown"),
    ],
)
def test_the_version_of_conductor(versions: list[str], row: str) -> None:
    cluster = replace(
        facts(Platform.NONE), versions=tuple(conductor_version(version) for version in versions)
    )
    finding = Given(topic="backup.failed", facts={"tool": "release"}).finding()
    assert judge(finding, cluster, POLICY).row == row


def test_another_components_version_is_not_conductors() -> None:
    other = replace(conductor_version("1.0.0"), component="traefik")
    cluster = replace(facts(Platform.NONE), versions=(other,))
    finding = Given(topic="backup.failed", facts={"tool": "release"}).finding()
    assert judge(finding, cluster, POLICY).row == "14-unknown"
