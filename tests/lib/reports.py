"""Sample reports: an ordinary bad night, nothing at all, very much, and one whose every text is an attack."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.findings import (
    BackupCard,
    Classification,
    Clause,
    CollectorRun,
    Confidence,
    Evidence,
    Facts,
    Finding,
    Impact,
    JudgedFinding,
    Outcome,
    Owner,
    Platform,
    PolicyInfo,
    Report,
    RunInfo,
    Scope,
    Subject,
    TimelineMark,
    VersionFact,
)
from collector.records import Gap, Status
from collector.report.files import BundleFileInfo

END = datetime(2020, 11, 20, 22, 0, 41, tzinfo=UTC)
BUNDLE = BundleFileInfo(
    path="/home/ops/conductor-diag-acme-prod-20201120T2200Z.tar.zst", size=6_501_171, sha256="9c1e" * 16
)

PAGE, KONVOY = "Conductor Support", "Konvoy Version Support Policy"
C1 = Clause(id="C1", document=PAGE, words="We support Conductor application failures")
C2B = Clause(id="C2b", document=PAGE, words="Kubernetes v1.13-v1.17, with admin access to the cluster")
C3 = Clause(id="C3", document=PAGE, words="only the backing up and restoring procedures as described")
S2C = Clause(id="S2c", document=KONVOY, words="troubleshooting for root cause up to DKP product limit")

HOSTILE = (
    "</script><script>window.PWN=1</script>",
    '"><img src=x onerror="window.PWN=2">',
    "<svg/onload=window.PWN=3>",
    "javascript:window.PWN=4",
    "' onmouseover='window.PWN=5",
    "--><!--<style>*{display:none}</style>",
    "]]></title></details></table><h1>owned</h1>",
    "{{ 7*7 }}{% raw %}{# #}",
    "```\n# Heading\n- @channel ping <@U123> [~admin] ![x](http://evil.example.com/p.png)",
    "[a]: https://evil.example.com [b](javascript:alert(1)) <https://evil.example.com> www.evil.example.com",
    "\x1b[2J\x1b]0;owned\x07 \x9b31m \r overwritten",
    "gpj.\u202efdp\u2066x \u200bhidden\u2028line",
    "nul\x00 surrogate\ud800 del\x7f",
    "漢字" * 200,
    "\U0001f600" * 500,
    "~~~~~ `````` # not code",
    "x" * 1_048_576,
)
"""Texts that try to leave their place. Each can stand in any text field of a report."""


def at(hours: float) -> datetime:
    """Returns the moment ``hours`` before the end of the run."""
    return END - timedelta(hours=hours)


def classification(scope: Scope = Scope.SUPPORTED, *clauses: Clause, **changes: Any) -> Classification:
    values: dict[str, Any] = {
        "scope": scope,
        "clauses": clauses,
        "severities": (),
        "severities_stated": False,
        "row": "1",
        "why": "The subject belongs to Conductor's release and no excluded cause is proven.",
        "would_change": "Proof that a customer alteration is the cause.",
    }
    return Classification(**(values | changes))


def judged(rule: str = "CND-APP-001", given: Classification | None = None, **changes: Any) -> JudgedFinding:
    values: dict[str, Any] = {
        "rule": rule,
        "topic": "app.crash_loop",
        "title": "A container is in a crash loop",
        "summary": "conductor-api restarted 14 times in 1 h, last OOMKilled (limit 512Mi)",
        "outcome": Outcome.FAIL,
        "impact": Impact.OUTAGE,
        "subject": Subject(
            kind="Deployment", name="conductor-api", namespace="conductor", owner=Owner.CONDUCTOR
        ),
        "evidence": (
            Evidence(
                path="cluster-resources/pods/conductor.json",
                pointer="/items/3/status/containerStatuses/0",
                excerpt='"reason": "OOMKilled", "exitCode": 137, "restartCount": 14',
            ),
            Evidence(
                path="cluster-resources/pods/logs/conductor/conductor-api-6d4f/api-previous.log",
                line=4012,
                excerpt="FATAL could not allocate 16777216 bytes",
            ),
        ),
        "facts": {"owner": "conductor", "exit_code": "137"},
        "remedy": "Read its last words: kubectl logs -n conductor deployment/conductor-api --previous",
        "ask": ("What changed before the first restart (deploy, password, configuration)?",),
        "first_seen": at(5),
        "last_seen": at(0.2),
        "count": 14,
    }
    return JudgedFinding(
        finding=Finding(**(values | changes)), classification=given or classification(Scope.SUPPORTED, C1)
    )


def run_info(**changes: Any) -> RunInfo:
    names = ("cluster", "conductor", "helm2", "logs", "postgres", "versions", "workloads")
    values: dict[str, Any] = {
        "bundle_id": "cnd20201120t220041z7f3a09c2",
        "agent_version": "0.3.0",
        "started": END - timedelta(seconds=96),
        "finished": END,
        "context": "prod-eu",
        "server": "https://k8s.example.com:6443",
        "label": "acme-prod",
        "case": "00012345",
        "window_seconds": 48 * 3600,
        "tls_verified": True,
        "clock_skew_seconds": 0.4,
        "spec_sha256": "ab" * 32,
        "policy": PolicyInfo(id="d2iq-conductor", version="2020-09", sha256="9c1e55aa" * 8),
        "collectors": tuple(
            CollectorRun(
                name=name,
                status=Status.DENIED if name == "helm2" else Status.OK,
                seconds=1.5,
                requests=12,
                entries=9,
                size=900_000,
                note="list configmaps in kube-system: forbidden" if name == "helm2" else "",
            )
            for name in names
        ),
        "gaps": (
            Gap(
                subject="list configmaps",
                status=Status.DENIED,
                reason="configmaps is forbidden",
                needs="get,list configmaps in kube-system (conductor-diag preflight -o rbac)",
                namespace="kube-system",
            ),
            Gap(subject="list backups.velero.io", status=Status.ABSENT, reason="the API group is not served"),
        ),
        "redactions": {"password": 212, "token": 88, "url-userinfo": 18},
        "entries": 214,
    }
    return RunInfo(**(values | changes))


def version(component: str, number: str, source: str, **changes: Any) -> VersionFact:
    values: dict[str, Any] = {
        "component": component,
        "version": number,
        "confidence": Confidence.PROVEN if number else Confidence.UNKNOWN,
        "source": source,
        "subject": Subject(kind="Deployment", name=component, namespace="kubeaddons"),
        "evidence": (Evidence(path="versions/components.json", pointer="/components/0"),),
    }
    return VersionFact(**(values | changes))


def facts(**changes: Any) -> Facts:
    values: dict[str, Any] = {
        "platform": Platform.NONE,
        "platform_confidence": Confidence.PROVEN,
        "kubernetes": "1.19.7",
        "helm": frozenset({"2"}),
        "conductor_namespaces": ("conductor",),
        "versions": (
            version("kubernetes", "1.19.7", "what the API server answers at /version"),
            version("conductor", "1.1.0", "Helm 2 release record, chart conductor 1.1.0-rc4"),
            version("traefik", "1.7.24", "image tag v1.7.24", serves_conductor=True),
            version("traefik", "2.5.6", "image tag v2.5.6", serves_conductor=False),
            version("cert-manager", "0.10.0", "image tag v0.10.0"),
            version("postgres", "11.9", "image tag 11.9"),
            version("errbit", "", "the image reference states no exact version"),
        ),
    }
    return Facts(**(values | changes))


def backup(**changes: Any) -> BackupCard:
    values: dict[str, Any] = {
        "state": "stale",
        "jobs": ("conductor/conductor-backup",),
        "last_good": at(76),
        "objective_seconds": 24 * 3600,
        "last_attempt": at(19),
        "last_attempt_result": "failed, exit 1",
        "schedule": "0 3 * * *",
    }
    return BackupCard(**(values | changes))


def timeline() -> tuple[TimelineMark, ...]:
    return (
        TimelineMark(lane="deploys", moment=at(8.3), label="revision 4 of conductor", outcome=Outcome.PASS),
        TimelineMark(lane="backups", moment=at(76), label="conductor-backup succeeded", outcome=Outcome.PASS),
        TimelineMark(lane="backups", moment=at(43), label="conductor-backup failed", outcome=Outcome.FAIL),
        TimelineMark(lane="backups", moment=at(19), label="conductor-backup failed", outcome=Outcome.FAIL),
        *(
            TimelineMark(
                lane="restarts", moment=at(5 - n * 0.35), label="conductor-api", outcome=Outcome.FAIL
            )
            for n in range(14)
        ),
        *(
            TimelineMark(
                lane="warnings",
                moment=at(30 - n * 0.7),
                label="BackOff",
                outcome=Outcome.WARN,
                count=1 + n % 9,
            )
            for n in range(42)
        ),
    )


def findings() -> tuple[JudgedFinding, ...]:
    """Returns one finding of most kinds, least important first on purpose."""
    node_logs = Subject(kind="Cluster", name="prod-eu", owner=Owner.UNKNOWN)
    return (
        judged(
            "CND-NODE-001",
            classification(Scope.UNDETERMINED, row="82"),
            topic="platform.node_not_ready",
            title="A node is not ready",
            summary="All 4 nodes are ready",
            outcome=Outcome.PASS,
            impact=Impact.INFO,
            subject=Subject(kind="Node", name="all", owner=Owner.PLATFORM),
            evidence=(Evidence(path="cluster-resources/nodes.json"),),
            remedy="",
            ask=(),
        ),
        judged(
            "CND-RUN-001",
            classification(Scope.UNDETERMINED, row="99", why="What was not seen cannot be judged."),
            topic="agent.not_collected",
            title="Something could not be collected",
            summary="The Helm 2 release records could not be read: denied",
            outcome=Outcome.UNKNOWN,
            impact=Impact.RISK,
            subject=node_logs,
            evidence=(Evidence(path="run/gaps.json", pointer="/0"),),
            remedy="",
            ask=(),
            needs="get,list configmaps in kube-system (conductor-diag preflight -o rbac)",
        ),
        judged(
            "CND-PRE-001",
            classification(Scope.UNSUPPORTED, C2B, row="17", severities_stated=True),
            topic="prerequisite.kubernetes",
            title="The Kubernetes version is outside Conductor's prerequisites",
            summary="Kubernetes 1.19.7 is above 1.17, the newest that Conductor is supported on",
            outcome=Outcome.WARN,
            impact=Impact.RISK,
            subject=Subject(kind="Cluster", name="kubernetes", owner=Owner.PLATFORM),
            remedy="Run Conductor on Kubernetes 1.13 to 1.17.",
            ask=(),
        ),
        judged(
            "CND-PG-003",
            classification(Scope.SUPPORTED, C3, row="37"),
            topic="backup.stale",
            title="The newest good backup is older than the objective",
            summary="The newest good backup is 3d4h old; the objective is 24h",
            impact=Impact.RISK,
            subject=Subject(
                kind="CronJob", name="conductor-backup", namespace="conductor", owner=Owner.CONDUCTOR
            ),
            remedy="Take one now: kubectl create job -n conductor --from=cronjob/conductor-backup now",
            ask=("Is there a newer backup elsewhere, and was one ever restored?",),
        ),
        judged(
            "CND-APP-002",
            classification(Scope.SECONDARY, S2C, severities=(1, 2, 3, 4), severities_stated=True, row="64"),
            title="A workload has fewer available replicas than it should",
            summary="traefik has 1 of 2 replicas available",
            impact=Impact.DEGRADED,
            subject=Subject(
                kind="Deployment", name="traefik", namespace="kubeaddons", owner=Owner.PLATFORM_APPLICATION
            ),
            remedy="Look at its pods and events: kubectl describe -n kubeaddons deployment/traefik",
            ask=(),
        ),
        judged(),
    )


def good(**changes: Any) -> Report:
    """Returns a report of an ordinary bad night."""
    values: dict[str, Any] = {
        "run": run_info(),
        "facts": facts(),
        "findings": findings(),
        "backup": backup(),
        "timeline": timeline(),
    }
    return Report(**(values | changes))


def healthy() -> Report:
    """Returns a report in which everything was seen and everything is well."""
    calm = tuple(one for one in findings() if one.finding.outcome is Outcome.PASS)
    collectors = tuple(dataclasses.replace(one, status=Status.OK, note="") for one in run_info().collectors)
    return good(
        run=run_info(collectors=collectors, gaps=()),
        findings=calm,
        backup=backup(state="ok", last_good=at(3), last_attempt=at(3), last_attempt_result="succeeded"),
    )


def empty() -> Report:
    """Returns a report that knows nothing."""
    unseen: dict[str, Any] = {"collectors": (), "gaps": (), "redactions": {}, "entries": 0}
    run = run_info(**unseen, label="", context="", case="", clock_skew_seconds=None)
    return Report(run=run, facts=Facts(), findings=())


def many(count: int) -> Report:
    """Returns a report of ``count`` findings over all outcomes and scopes."""
    scopes, all_outcomes = list(Scope), list(Outcome)
    return good(
        findings=tuple(
            judged(
                "CND-APP-001",
                classification(scopes[n % len(scopes)], C1),
                outcome=all_outcomes[n % len(all_outcomes)],
                summary=f"worker-{n} restarted {n} times",
                subject=Subject(kind="Pod", name=f"worker-{n}", namespace="conductor"),
            )
            for n in range(count)
        )
    )


def replace_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Returns a copy of a report in which every text field that may come from outside is changed."""
    if isinstance(value, str) and type(value) is str:
        return change(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(
            value,
            **{
                field.name: replace_texts(getattr(value, field.name), change)
                for field in dataclasses.fields(value)
            },
        )
    if isinstance(value, tuple):
        return tuple(replace_texts(entry, change) for entry in value)
    if isinstance(value, frozenset):
        return frozenset(replace_texts(entry, change) for entry in value)
    if isinstance(value, Mapping):
        return {replace_texts(key, change): replace_texts(entry, change) for key, entry in value.items()}
    return value


def crowded() -> Report:
    """Returns a demo run with long texts and many gaps: as full as a first screen gets."""
    words = "last words: Unable to load application: FATAL: password authentication failed for user"
    needs = "ClusterRole (or a Role in each namespace): verb list on backupstoragelocations.velero.io"
    gap = Gap(subject="list backups.velero.io", status=Status.DENIED, reason="forbidden", needs=needs)
    first = judged(
        summary=f"Deployment conductor/conductor-web container web: 94 restarts; {words} conductor"
    )
    return good(run=run_info(demo=True, gaps=(gap,) * 9), findings=(first, *findings()))


def hostile(payload: str) -> Report:
    """Returns the ordinary report with ``payload`` in every text field there is."""
    changed = replace_texts(good(), lambda _: payload)
    assert isinstance(changed, Report)
    return changed


def hostile_bundle(payload: str) -> BundleFileInfo:
    return BundleFileInfo(path=payload, size=1, sha256=payload)
