"""Conductor's releases in Secrets of Helm 3: read by the operator's switch alone, no further than said."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.collectors import COLLECTORS
from collector.demo.apiserver import Rule
from collector.demo.recording import Answer, Recording
from collector.pipeline import RunResult
from collector.spec import Spec, load_spec
from tests.lib import edits, faulty
from tests.lib.helm import helm3_document, helm3_record
from tests.lib.recordings import recording
from tests.lib.runs import collect, entry, verdicts, whole

CORE = tuple(
    c for c in COLLECTORS if c.name in ("workloads", "cluster", "conductor", "versions", "alterations")
)
CONFIGMAPS = "/api/v1/configmaps"
SECRETS = "/api/v1/secrets"
PLANTED = "hunter2-Pl4nted-Value"
MANIFEST = f"""
apiVersion: v1
kind: Secret
metadata: {{name: conductor-secrets}}
stringData: {{password: {PLANTED}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: conductor-worker, namespace: conductor}}
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: worker
          image: registry.example.com/conductor/app:4.2.0
          env: [{{name: TOKEN, value: {PLANTED}}}]
"""


def spec(**changes: Any) -> Spec:
    return msgspec.structs.replace(load_spec(), read_helm_secrets=True, **changes)


def secret(
    release: str = "conductor", revision: int = 3, *, namespace: str = "conductor", **changes: Any
) -> dict[str, Any]:
    document = helm3_document(
        name=release,
        namespace=namespace,
        version=revision,
        manifest=MANIFEST,
        config={"database": {"password": PLANTED}, "web": {"debug": PLANTED}},
    )
    labels = {"owner": "helm", "name": release, "status": "deployed", "version": str(revision)}
    return {
        "metadata": {
            "name": f"sh.helm.release.v1.{release}.v{revision}",
            "namespace": namespace,
            "labels": labels | changes.pop("labels", {}),
        },
        "type": changes.pop("type", "helm.sh/release.v1"),
        "data": {"release": changes.pop("packed", helm3_record({**document, **changes}, secret=True))},
    }


OTHERS = (
    {
        "metadata": {"name": "conductor-secrets", "namespace": "conductor"},
        "type": "Opaque",
        "data": {"password": base64.b64encode(PLANTED.encode()).decode()},
    },
    secret("billing", chart={"metadata": {"name": "billing", "version": "1"}}),
    secret(namespace="elsewhere"),
)


def labelled(item: Any) -> Any:
    item["metadata"]["labels"] |= {"app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "conductor-1.1.0"}
    return item


LABELLED = edits.changed_workload(recording(), "conductor", "conductor-web", labelled)


def held(*secrets: dict[str, Any], known: Recording = LABELLED) -> Recording:
    """Returns the recorded cluster with these Secrets and others, without Helm 2's records of Conductor."""
    answer = known.answers[CONFIGMAPS]
    kept = [i for i in answer.json["items"] if not i["metadata"]["name"].startswith("conductor.v")]
    items = sorted((*secrets, *OTHERS), key=lambda i: (i["metadata"]["namespace"], i["metadata"]["name"]))
    listing = {"kind": "SecretList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}
    return known.with_answers(
        {CONFIGMAPS: Answer.of({**answer.json, "items": kept}), SECRETS: Answer.of(listing)}
    )


def run(known: Recording, folder: Path, **changes: Any) -> tuple[RunResult, list[str]]:
    """Returns the result, and the requests for Secrets."""
    seen: list[str] = []
    changes.setdefault("spec", spec())
    result = collect(known, folder, collectors=CORE, requests=seen, **changes)
    return result, [request.partition("?")[0] for request in seen if "secrets" in request]


def own(result: RunResult) -> list[tuple[str, int, str]]:
    found = entry(result.bundle.path, "helm/releases.json")["releases"]
    return [(r["name"], r["revision"], r["app_version"]) for r in found if r["record"].startswith("Secret ")]


def test_without_the_switch_no_secret_is_asked_for_and_what_would_help_is_said(tmp_path: Path) -> None:
    result, asked = run(held(secret()), tmp_path, spec=load_spec())
    assert asked == []
    found = {j.finding.rule: j.finding for j in result.report.findings}
    assert found["CND-ALT-010"].outcome == "unknown"
    assert "--read-helm-secrets" in found["CND-ALT-010"].needs


def test_exactly_the_records_of_conductors_release_are_read(tmp_path: Path) -> None:
    records = [secret(revision=1, labels={"status": "superseded"}), secret(revision=2), secret(revision=3)]
    result, asked = run(held(*records), tmp_path)
    assert asked == [
        "GET /api/v1/namespaces/conductor/secrets",
        "GET /api/v1/namespaces/conductor/secrets/sh.helm.release.v1.conductor.v3",
    ]
    assert own(result) == [("conductor", 3, "1.1.0")]
    versions = {fact.component: fact.version for fact in result.report.facts.versions}
    assert versions["conductor"] == "1.1.0"
    assert result.report.facts.helm == frozenset({"3"})
    assert result.report.run.complete


def test_the_live_workloads_are_held_against_the_manifest(tmp_path: Path) -> None:
    result, _ = run(held(secret()), tmp_path)
    found = verdicts(result)
    assert found["CND-ALT-001 conductor-worker"] == ("warn", "unsupported", "C4")
    assert found["CND-ALT-004 conductor"] == ("warn", "undetermined", "C2")
    assert "CND-ALT-010 conductor" not in found


def test_nothing_of_values_and_manifest_reaches_the_bundle(tmp_path: Path) -> None:
    record = secret()
    result, _ = run(held(record), tmp_path)
    content = whole(result.bundle.path)
    packed = record["data"]["release"].encode()
    assert PLANTED.encode() not in content
    assert packed[:60] not in content
    assert base64.b64decode(packed)[:60] not in content


def test_auto_provisioning_is_conductors_too(tmp_path: Path) -> None:
    chart = {"metadata": {"name": "auto-provisioning", "version": "v0.1.7", "appVersion": "v0.1.7"}}
    result, asked = run(held(secret("auto-provisioning-kubeaddons", 1, chart=chart)), tmp_path)
    assert own(result) == [("auto-provisioning-kubeaddons", 1, "v0.1.7")]
    assert len(asked) == 2


def test_another_chart_under_conductors_name_is_dropped_and_told_by_name(tmp_path: Path) -> None:
    chart = {"metadata": {"name": "orkes-conductor", "version": "9.9.9", "appVersion": "9.9.9"}}
    result, _ = run(held(secret(chart=chart)), tmp_path)
    assert own(result) == [("conductor", 3, "")]
    assert b"9.9.9" not in whole(result.bundle.path)


@pytest.mark.parametrize(
    "record",
    [
        secret(type="Opaque"),
        secret(packed=base64.b64encode(base64.b64encode(gzip.compress(bytes(64 * 1024 * 1024)))).decode()),
        secret(packed="bm90IGEgcmVjb3Jk"),
        secret(packed=""),
        secret(manifest=["not", "text"], config="no mapping", chart=[]),
    ],
    ids=["another type", "bomb", "no record", "empty", "odd shapes"],
)
def test_a_hostile_record_costs_a_gap_and_nothing_else(tmp_path: Path, record: dict[str, Any]) -> None:
    result, _ = run(held(record), tmp_path)
    assert own(result) == []
    gaps = [gap.subject for gap in result.report.run.gaps]
    assert gaps == ["Helm 3 release record conductor/sh.helm.release.v1.conductor.v3"]
    assert PLANTED.encode() not in whole(result.bundle.path)


@pytest.mark.parametrize(
    "labels",
    [{"name": "../../x"}, {"name": "billing"}, {"version": "0"}, {"version": "9" * 40}, {"version": "4"}],
)
def test_labels_that_do_not_name_the_secret_they_are_on_lead_nowhere(
    tmp_path: Path, labels: dict[str, str]
) -> None:
    _, asked = run(held(secret(labels=labels)), tmp_path)
    assert asked == ["GET /api/v1/namespaces/conductor/secrets"]


def test_a_manifest_too_large_to_compare_is_not_compared(tmp_path: Path) -> None:
    result, _ = run(held(secret(manifest="# x\n" * 3_000_000)), tmp_path)
    assert own(result) == [("conductor", 3, "1.1.0")]
    assert entry(result.bundle.path, "conductor/alterations.json")["compared"] == []


def test_words_without_end_are_cut(tmp_path: Path) -> None:
    info = {"status": "deployed", "description": "failed " * 500_000}
    result, _ = run(held(secret(info=info)), tmp_path)
    (found,) = (r for r in entry(result.bundle.path, "helm/releases.json")["releases"] if r["helm"] == "3")
    assert len(found["description"]) <= 2000


def test_denied_secrets_are_a_gap_that_names_the_role(tmp_path: Path) -> None:
    result, _ = run(held(secret()), tmp_path, deny=[Rule(resource="secrets")])
    (gap,) = result.report.run.gaps
    assert (gap.subject, gap.namespace) == ("Helm 3 release records", "conductor")
    assert "helm-secrets.yaml" in gap.needs


def test_a_record_that_never_comes_costs_its_time_and_no_more(tmp_path: Path) -> None:
    path = "/api/v1/namespaces/conductor/secrets/sh.helm.release.v1.conductor.v3"
    result, _ = run(
        held(secret()), tmp_path, faults=lambda api: api.on(path, faulty.silent()), request_timeout=0.3
    )
    assert [gap.status for gap in result.report.run.gaps] == ["timeout"]


def test_where_conductor_is_not_known_to_run_no_secret_is_read(tmp_path: Path) -> None:
    known = held(secret(), known=recording())
    result, asked = run(known, tmp_path)
    assert asked == []
    assert [gap.subject for gap in result.report.run.gaps] == ["Helm 3 release records"]
    named, asked = run(known, tmp_path / "named", spec=spec(conductor_namespaces=("conductor",)))
    assert own(named) == [("conductor", 3, "1.1.0")]
    assert len(asked) == 2
