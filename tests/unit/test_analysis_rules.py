"""Each rule on small evidence made for it: what it says, what it must not say, that nothing breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.analysis import Analysis, analyse, load_rule_texts
from collector.analysis.context import RuleContext
from collector.bundle import layout
from collector.core.clock import rfc3339
from collector.findings import Finding, Impact, Outcome, Owner
from collector.records import Json
from collector.report.words import load_words
from tests.lib.evidence import MemoryEvidence

NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)
PODS = "cluster-resources/pods/conductor.json"
DEPLOYMENTS = "cluster-resources/deployments/conductor.json"
REPLICASETS = "cluster-resources/replicasets/conductor.json"
TEXTS = load_rule_texts()


def judge(files: Mapping[str, Json | bytes]) -> Analysis:
    return analyse(MemoryEvidence(files), now=NOW, texts=TEXTS)


def rules(files: Mapping[str, Json | bytes], area: str = "") -> list[str]:
    # A cluster in which nothing names Conductor is told so; that is not what these tests are about.
    found = [finding.rule for finding in judge(files).findings]
    return [rule for rule in found if rule.startswith(f"CND-{area}") and rule != "CND-CON-001"]


def only(files: Mapping[str, Json | bytes], rule: str) -> Finding:
    (finding,) = (finding for finding in judge(files).findings if finding.rule == rule)
    return finding


def listed(*items: Json) -> Json:
    return {"kind": "List", "apiVersion": "v1", "items": list(items)}


def pod(
    name: str = "web-1", *, owner: tuple[str, str] | None = ("ReplicaSet", "web-r"), **status: Any
) -> Json:
    owners = [{"kind": owner[0], "name": owner[1], "controller": True}] if owner else []
    return {
        "metadata": {"name": name, "namespace": "conductor", "ownerReferences": owners},
        "spec": {"nodeName": "n1"},
        "status": {"phase": "Running", **status},
    }


def container(reason: str = "", *, message: str = "", restarts: int = 0, last: str = "") -> Json:
    state = {"waiting": {"reason": reason, "message": message}} if reason else {"running": {}}
    last_state = {"terminated": {"reason": last, "finishedAt": "2026-11-20T15:00:00Z"}} if last else {}
    return {"name": "app", "image": "i", "restartCount": restarts, "state": state, "lastState": last_state}


def deployment(name: str = "web", *, wanted: int = 2, available: int = 0) -> Json:
    return {
        "metadata": {"name": name, "namespace": "conductor"},
        "spec": {"replicas": wanted},
        "status": {"replicas": wanted, "availableReplicas": available},
    }


def replicaset(name: str = "web-r", above: str = "web") -> Json:
    owner = {"kind": "Deployment", "name": above, "controller": True}
    return {"metadata": {"name": name, "namespace": "conductor", "ownerReferences": [owner]}}


def owned(kind: str, name: str, owner: str = "conductor") -> Json:
    return {
        "namespaces": ["conductor"],
        "objects": [{"kind": kind, "namespace": "conductor", "name": name, "owner": owner}],
    }


WEB = {DEPLOYMENTS: listed(deployment()), REPLICASETS: listed(replicaset())}
CONDUCTOR_WEB = {**WEB, layout.CONDUCTOR: owned("Deployment", "web")}


def test_a_crash_loop_is_told_once_for_a_workload_with_its_last_words() -> None:
    looping = container("CrashLoopBackOff", restarts=7, last="Error")
    log = (
        b"2026-11-20T15:00:00Z starting\n2026-11-20T15:00:01Z FATAL: no database\n2026-11-20T15:00:02Z bye\n"
    )
    finding = only(
        {
            **CONDUCTOR_WEB,
            PODS: listed(
                pod("web-1", containerStatuses=[looping]), pod("web-2", containerStatuses=[looping])
            ),
            layout.log_path("conductor", "web-1", "app", previous=True): log,
        },
        "CND-APP-001",
    )
    assert (finding.subject.kind, finding.subject.name) == ("Deployment", "web")
    assert finding.subject.owner is Owner.CONDUCTOR
    assert finding.impact is Impact.OUTAGE
    assert finding.count == 14
    assert finding.evidence[0].line == 2
    assert finding.evidence[0].excerpt == "FATAL: no database"
    assert finding.evidence[1].pointer == "/items/0/status/containerStatuses/0"


def test_a_crash_loop_of_an_init_container_counts_and_a_restarted_one_that_runs_does_not() -> None:
    assert rules({PODS: listed(pod(initContainerStatuses=[container("CrashLoopBackOff")]))}, "APP") == [
        "CND-APP-001"
    ]
    assert rules({PODS: listed(pod(containerStatuses=[container(restarts=9, last="Error")]))}, "APP") == []


def test_somebody_elses_crash_loop_is_no_outage_of_conductor() -> None:
    looping = container("CrashLoopBackOff", restarts=1)
    files = {**WEB, PODS: listed(pod(containerStatuses=[looping]))}
    finding = only(files, "CND-APP-001")
    assert finding.subject.owner is Owner.UNKNOWN
    assert finding.impact is Impact.DEGRADED


def test_an_oom_kill_is_seen_in_the_last_state() -> None:
    finding = only(
        {PODS: listed(pod(containerStatuses=[container(restarts=6, last="OOMKilled")]))}, "CND-APP-003"
    )
    assert finding.count == 6
    assert finding.last_seen == datetime(2026, 11, 20, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("unauthorized: authentication required", "auth"),
        ("manifest unknown", "not_found"),
        ("dial tcp: i/o timeout", "timeout"),
        ("Back-off pulling image", "unknown"),
    ],
)
def test_the_cause_of_a_failed_pull_comes_from_the_events(message: str, cause: str) -> None:
    event = {
        "reason": "Failed",
        "message": message,
        "involvedObject": {"kind": "Pod", "namespace": "conductor", "name": "web-1"},
    }
    files = {
        PODS: listed(pod(containerStatuses=[container("ImagePullBackOff", message="Back-off")])),
        "cluster-resources/events/conductor.json": listed(event),
    }
    assert only(files, "CND-APP-004").facts["cause"] == cause


def test_missing_replicas_are_told_unless_a_cause_is_told_already() -> None:
    assert rules(CONDUCTOR_WEB, "APP") == ["CND-APP-002"]
    assert only(CONDUCTOR_WEB, "CND-APP-002").impact is Impact.OUTAGE
    looping = {PODS: listed(pod(containerStatuses=[container("CrashLoopBackOff")]))}
    assert rules({**CONDUCTOR_WEB, **looping}, "APP") == ["CND-APP-001"]
    some = {**CONDUCTOR_WEB, DEPLOYMENTS: listed(deployment(available=1))}
    assert only(some, "CND-APP-002").impact is Impact.DEGRADED
    assert rules({**CONDUCTOR_WEB, DEPLOYMENTS: listed(deployment(available=2))}, "APP") == []
    assert rules({**CONDUCTOR_WEB, DEPLOYMENTS: listed(deployment(wanted=0))}, "APP") == []


def test_missing_replicas_name_the_node_that_is_gone() -> None:
    node = {"metadata": {"name": "n1"}, "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}
    files = {**CONDUCTOR_WEB, PODS: listed(pod()), "cluster-resources/nodes.json": listed(node)}
    assert "node n1 is not ready" in only(files, "CND-APP-002").summary
    assert "CND-NODE-001" in rules(files)


def backups(*runs: tuple[str, float], objective_hours: float = 24, **changes: Any) -> dict[str, Json]:
    """Runs are (result, hours ago), newest first."""
    schedule = {
        "kind": "CronJob",
        "namespace": "conductor",
        "name": "dump",
        "owner": "conductor",
        "tool": "release",
        "path": "p",
        "pointer": "/items/0",
        "runs": [
            {
                "job": f"dump-{n}",
                "result": result,
                "point": rfc3339(NOW - timedelta(hours=hours)),
                "scheduled": rfc3339(NOW - timedelta(hours=hours)),
                "exit_codes": [1],
                "path": "p",
                "pointer": f"/items/{n}",
                "pods": [],
            }
            for n, (result, hours) in enumerate(runs)
        ],
    }
    document = {
        "objective_seconds": int(objective_hours * 3600),
        "looked_at": ["cronjobs.batch", "jobs.batch"],
        "servers": [],
        "schedules": [schedule],
        "restore_test": "unknown",
        **changes,
    }
    return {layout.BACKUPS: document}


@pytest.mark.parametrize(
    ("runs", "expected", "state"),
    [
        ([("succeeded", 10), ("succeeded", 34)], [], "ok"),
        ([("succeeded", 29.9)], [], "ok"),
        ([("succeeded", 30.1)], ["CND-PG-003"], "stale"),
        ([("failed", 10), ("succeeded", 28)], ["CND-PG-004"], "failing"),
        ([("failed", 10), ("failed", 34)], ["CND-PG-004", "CND-PG-003"], "failing"),
        ([("running", 1), ("succeeded", 25)], [], "ok"),
        ([("succeeded", 170), ("succeeded", 338)], [], "ok"),
        ([], [], "unknown"),
    ],
)
def test_backups_are_held_against_objective_and_schedule(
    runs: list[tuple[str, float]], expected: list[str], state: str
) -> None:
    files = backups(*runs)
    assert rules(files, "PG") == expected
    card = judge(files).backup
    assert card is not None
    assert card.state == state
    assert card.restore_test == "unknown"


@pytest.mark.parametrize(
    ("looked_at", "steps", "state"),
    [
        (["cronjobs.batch"], [], "none"),
        ([], [{"name": "tools", "status": "ok"}], "none"),
        ([], [{"name": "psql over the network", "status": "ok"}], "undetermined"),
        ([], [{"name": "psql", "status": "denied"}], "undetermined"),
        ([], [{"name": "asking inside the database's pods", "status": "skipped"}], "undetermined"),
        ([], [], "undetermined"),
    ],
)
def test_the_card_says_none_only_after_looking(
    looked_at: list[str], steps: list[dict[str, str]], state: str
) -> None:
    files = backups(schedules=[], looked_at=looked_at)
    files[layout.CLUSTERS] = {"clusters": [{"namespace": "conductor", "name": "db", "steps": steps}]}
    card = judge(files).backup
    assert card is not None
    assert card.state == state
    words = load_words().backup_state(state)
    assert words.word.startswith("NOT DETERMINED (" if state == "undetermined" else "NONE FOUND")
    assert ("--allow-exec" in words.word) is (state == "undetermined")


def test_no_backup_is_said_only_after_looking() -> None:
    server = {
        "kind": "StatefulSet",
        "namespace": "conductor",
        "name": "pg",
        "owner": "conductor",
        "path": "p",
    }
    assert rules(backups(schedules=[], servers=[server]), "PG") == ["CND-PG-001"]
    assert rules(backups(schedules=[], servers=[server], looked_at=[]), "PG") == []
    assert rules(backups(schedules=[], servers=[{**server, "owner": "unknown"}]), "PG") == []


def versions(*components: tuple[str, str], platform: str = "none", **changes: Any) -> dict[str, Json]:
    return {
        layout.VERSIONS: {
            "platform": {"kind": platform, "version": "", "confidence": "inferred", "signs": []},
            "helm": {"conductor_v2_records": 1, "conductor_v3_objects": [], "readable": True},
            "cert_manager_api_groups": ["certmanager.k8s.io"],
            "not_read": [],
            "components": [
                {
                    "component": name,
                    "version": version,
                    "confidence": "proven",
                    "source": "s",
                    "subject": {"kind": "Deployment", "namespace": "x", "name": name, "owner": "unknown"},
                    "evidence": [],
                    "serves_conductor": True if name == "traefik" else None,
                }
                for name, version in (*components, ("tiller", "2.16.10"))
            ],
            **changes,
        },
        layout.CONDUCTOR: {"namespaces": ["conductor"], "objects": []},
    }


CM = ("cert-manager", "0.10.0")


@pytest.mark.parametrize(
    ("version", "position"),
    [
        ("1.12.10", "below"),
        ("1.13.0", None),
        ("1.17.17", None),
        ("1.17.12-eks-1", None),
        ("1.18.0", "above"),
        ("2.0", "above"),
    ],
)
def test_kubernetes_is_in_range_or_not(version: str, position: str | None) -> None:
    files = versions(("kubernetes", version), CM)
    if position is None:
        assert rules(files, "PRE") == []
    else:
        assert only(files, "CND-PRE-001").facts["position"] == position


@pytest.mark.parametrize(
    ("version", "rule", "verdict"),
    [
        ("1.7.22", None, ""),
        ("1.7.23", "CND-PRE-003", "excluded_patch"),
        ("1.7.24", None, ""),
        ("1.6.0", "CND-PRE-004", "below"),
        ("2.5.0", "CND-PRE-004", "major_2"),
        ("", "CND-PRE-005", "undetermined"),
    ],
)
def test_traefik(version: str, rule: str | None, verdict: str) -> None:
    files = versions(("traefik", version), CM)
    if rule is None:
        assert rules(files, "PRE") == []
    else:
        assert only(files, rule).facts["verdict"] == verdict


@pytest.mark.parametrize(
    ("components", "changes", "verdict"),
    [
        ([("cert-manager", "0.9.1")], {}, None),
        ([("cert-manager", "0.10.0")], {}, None),
        ([("cert-manager", "0.10.1")], {}, "0.10.1"),
        ([("cert-manager", "0.10.1")], {"platform": "konvoy_1"}, None),
        ([("cert-manager", "0.11.0")], {}, "newer"),
        ([("cert-manager", "1.0.3")], {}, "newer"),
        ([("cert-manager", "1.0.3")], {"platform": "konvoy_1"}, "newer"),
        ([], {}, "absent"),
        ([], {"not_read": ["deployments.apps"]}, None),
        ([CM, CM], {}, "both"),
        ([CM], {"cert_manager_api_groups": ["certmanager.k8s.io", "cert-manager.io"]}, "both"),
        ([("cert-manager", "")], {}, "undetermined"),
    ],
)
def test_cert_manager(
    components: list[tuple[str, str]], changes: dict[str, Any], verdict: str | None
) -> None:
    found = [f for f in judge(versions(*components, **changes)).findings if f.rule == "CND-PRE-006"]
    assert [finding.facts["verdict"] for finding in found] == ([verdict] if verdict else [])


@pytest.mark.parametrize(
    ("two", "three", "readable", "expected"),
    [
        (1, [], True, None),
        (0, [{"path": "p", "pointer": "/items/0"}], True, ("3", Outcome.FAIL)),
        (1, [{"path": "p", "pointer": "/items/0"}], True, ("both", Outcome.UNKNOWN)),
        (0, [], True, ("none", Outcome.UNKNOWN)),
        (0, [], False, ("none", Outcome.UNKNOWN)),
    ],
)
def test_helm(two: int, three: list[Json], readable: bool, expected: tuple[str, Outcome] | None) -> None:
    helm = {"conductor_v2_records": two, "conductor_v3_objects": three, "readable": readable}
    found = [f for f in judge(versions(CM, helm=helm)).findings if f.rule == "CND-PRE-002"]
    assert [(f.facts["helm"], f.outcome) for f in found] == ([expected] if expected else [])


def test_logs_that_are_missing_are_one_unknown_and_containers_without_logs_none() -> None:
    def gap(subject: str, status: str) -> Json:
        return {"subject": subject, "status": status, "reason": "r", "needs": "", "namespace": "conductor"}

    found = judge(
        {
            layout.GAPS: [
                gap("log of a/x", "failed"),
                gap("previous log of b/y", "failed"),
                gap("log of c/z", "absent"),
                gap("list pods", "denied"),
            ]
        }
    ).findings
    told = {f.subject.name: f for f in found if f.rule == "CND-RUN-001"}
    assert set(told) == {"container logs", "list pods"}
    assert told["container logs"].count == 2
    assert "CND-APP-001" in told["list pods"].facts["blinds"]
    assert all(f.outcome is Outcome.UNKNOWN for f in told.values())


def test_lists_that_are_denied_together_name_every_grant_and_point_to_every_gap() -> None:
    names = [f"kind{n}.velero.io" for n in range(24)]
    grant = "ClusterRole: verb list on"
    gaps = [
        {"subject": f"list {name}", "status": "denied", "reason": "r", "needs": f"{grant} {name}"}
        for name in names
    ]
    (found,) = [f for f in judge({layout.GAPS: gaps}).findings if f.rule == "CND-RUN-001"]
    assert found.needs == f"{grant} {', '.join(names[:20])} and 4 more"
    assert [one.pointer for one in found.evidence] == [f"/{at}" for at in range(24)]


@pytest.mark.parametrize(
    ("entries", "said"),
    [({}, "was not looked for"), ({layout.CONDUCTOR: {"namespaces": [], "objects": []}}, "was found")],
)
def test_conductor_that_nobody_looked_for_is_not_said_to_be_absent(
    entries: dict[str, Json], said: str
) -> None:
    (found,) = [f for f in judge(entries).findings if f.rule == "CND-CON-001"]
    assert said in found.summary


def test_a_rule_that_fails_costs_its_own_verdict_only() -> None:
    def broken(context: RuleContext) -> Iterator[Finding]:
        yield from ()
        raise ZeroDivisionError

    found = analyse(MemoryEvidence({}), now=NOW, texts=TEXTS, rules=(broken,)).findings
    assert [(f.rule, f.outcome, f.subject.name) for f in found] == [
        ("CND-RUN-002", Outcome.UNKNOWN, "broken")
    ]


def test_no_evidence_means_no_verdict_but_that_conductor_was_not_found() -> None:
    found = judge({}).findings
    assert [(finding.rule, finding.outcome) for finding in found] == [("CND-CON-001", Outcome.UNKNOWN)]


WORDS = """items metadata name namespace status spec conditions type phase state waiting reason
containerStatuses replicas runs schedules point result components version platform helm releases chart
revision objects subject needs ownerReferences controller kind availableReplicas servers involvedObject
lastState exit_codes pods looked_at serves_conductor evidence signs last_deployed scheduled component owner
count lastTimestamp restartCount terminated finishedAt conductor_v3_objects namespaces not_read"""
KEYS = st.sampled_from(sorted(WORDS.split()))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
HOSTILE = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=25,
)
PATHS = [
    PODS,
    DEPLOYMENTS,
    REPLICASETS,
    "cluster-resources/nodes.json",
    "cluster-resources/events/conductor.json",
    layout.VERSIONS,
    layout.RELEASES,
    layout.CONDUCTOR,
    layout.BACKUPS,
    layout.GAPS,
]


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(PATHS), HOSTILE, max_size=6))
def test_whatever_a_bundle_holds_no_rule_fails(files: dict[str, Json]) -> None:
    found = judge(files)
    assert not any(finding.rule == "CND-RUN-002" for finding in found.findings)
