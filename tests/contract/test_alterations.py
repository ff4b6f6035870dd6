"""Alterations made to recorded clusters: an untouched one shows none, each kind shows exactly its own."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.collectors import COLLECTORS
from collector.demo.recording import Answer, Recording
from tests.lib import edits
from tests.lib.helm import helm2_record
from tests.lib.recordings import VERSIONS, recording
from tests.lib.runs import collect, entry, verdicts, whole

CORE = tuple(
    c for c in COLLECTORS if c.name in ("workloads", "cluster", "conductor", "versions", "alterations")
)
KNOWN = recording()
DEPLOYMENTS = "/apis/apps/v1/deployments"
DIGESTS = ("@sha256:" + "a" * 64, "@sha256:" + "b" * 64)


def shown(known: Recording, folder: Path) -> dict[str, tuple[str, str, str]]:
    found = verdicts(collect(known, folder, collectors=CORE))
    return {key: value for key, value in found.items() if key.startswith("CND-ALT")}


def web(change: Callable[[dict[str, Any]], None]) -> Recording:
    """Returns the recording with the first container of conductor-web changed."""

    def changed(item: Any) -> Any:
        change(item["spec"]["template"]["spec"]["containers"][0])
        return item

    return edits.changed_workload(KNOWN, "conductor", "conductor-web", changed)


def deployment(change: Callable[[dict[str, Any]], None]) -> Recording:
    def changed(item: Any) -> Any:
        change(item["spec"])
        return item

    return edits.changed_workload(KNOWN, "conductor", "conductor-worker", changed)


def replicas(item: Any) -> Any:
    item["spec"]["replicas"] = 7
    return item


@pytest.mark.parametrize("version", VERSIONS)
def test_an_untouched_conductor_shows_none(tmp_path: Path, version: str) -> None:
    result = collect(recording(version), tmp_path, collectors=CORE)
    compared = entry(result.bundle.path, "conductor/alterations.json")["compared"]
    assert {c["name"] for c in compared} == {"conductor-web", "conductor-worker", "conductor-postgresql"}
    assert [key for key in verdicts(result) if key.startswith("CND-ALT")] == []


def mounted(container: dict[str, Any]) -> None:
    container["volumeMounts"].append({"name": "tmp", "mountPath": "/app/lib/patch.rb"})


def certified(container: dict[str, Any]) -> None:
    container["volumeMounts"].append({"name": "tmp", "mountPath": "/etc/ssl/certs/corp-ca.crt"})


def elsewhere(container: dict[str, Any]) -> None:
    container["volumeMounts"].append({"name": "tmp", "mountPath": "/etc/passwd"})


def beside(name: str, image: str) -> Callable[[dict[str, Any]], None]:
    def add(spec: dict[str, Any]) -> None:
        spec["template"]["spec"]["containers"].append({"name": name, "image": image})

    return add


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (
            edits.with_image(
                KNOWN, "conductor", "conductor-worker", "registry.example.com/conductor/app:mine"
            ),
            {"CND-ALT-001 conductor-worker": ("warn", "unsupported", "C4")},
        ),
        (
            edits.with_image(KNOWN, "conductor", "conductor-worker", "mirror.example.com/app:4.2.1"),
            {"CND-ALT-001 conductor-worker": ("unknown", "undetermined", "C4")},
        ),
        (web(mounted), {"CND-ALT-002 conductor-web": ("warn", "unsupported", "C4")}),
        (web(certified), {"CND-ALT-013 conductor-web": ("warn", "undetermined", "")}),
        (web(elsewhere), {"CND-ALT-011 conductor-web": ("warn", "undetermined", "C4")}),
        (
            deployment(beside("istio-proxy", "istio/proxyv2:1.9.1")),
            {"CND-ALT-013 conductor-worker": ("warn", "undetermined", "")},
        ),
        (
            deployment(beside("shell", "busybox")),
            {"CND-ALT-012 conductor-worker": ("warn", "undetermined", "C4")},
        ),
        (
            web(lambda c: c["env"].append({"name": "RAILS_LOG_LEVEL", "value": "debug"})),
            {"CND-ALT-003 conductor-web": ("warn", "undetermined", "C4")},
        ),
        (
            web(lambda c: c.update({"command": ["sleep", "infinity"]})),
            {"CND-ALT-003 conductor-web": ("warn", "undetermined", "C4")},
        ),
        (
            web(lambda c: c["resources"]["limits"].update({"memory": "4Gi"})),
            {"CND-ALT-005 conductor-web": ("warn", "undetermined", "")},
        ),
        (
            edits.changed_workload(KNOWN, "conductor", "conductor-web", replicas),
            {"CND-ALT-005 conductor-web": ("warn", "undetermined", "")},
        ),
        (
            deployment(lambda spec: spec["template"]["spec"].update({"nodeSelector": {"disk": "ssd"}})),
            {"CND-ALT-005 conductor-worker": ("warn", "undetermined", "")},
        ),
        # The same amount in other words, and what a restart leaves behind, alter nothing.
        (web(lambda c: c["resources"]["limits"].update({"memory": "1024Mi"})), {}),
        (
            deployment(
                lambda spec: (
                    spec["template"]["metadata"]
                    .setdefault("annotations", {})
                    .update({"kubectl.kubernetes.io/restartedAt": "2026-11-20T10:00:00Z"})
                )
            ),
            {},
        ),
    ],
    ids=[
        *(
            "image",
            "mirror",
            "mount",
            "certificate",
            "elsewhere",
            "sidecar",
            "container",
            "environment",
            "command",
            "limit",
            "replicas",
            "placement",
        ),
        *("same amount", "restart"),
    ],
)
def test_each_kind_shows_exactly_its_own(
    tmp_path: Path, known: Recording, expected: dict[str, tuple[str, str, str]]
) -> None:
    assert shown(known, tmp_path) == expected


def test_replicas_that_an_autoscaler_sets_are_no_alteration(tmp_path: Path) -> None:
    scaled = edits.changed_workload(KNOWN, "conductor", "conductor-worker", replicas)
    assert shown(scaled, tmp_path) == {}


def test_a_value_of_the_release_that_is_not_the_charts_own(tmp_path: Path) -> None:
    answer = KNOWN.answers["/api/v1/configmaps"]
    items = copy.deepcopy(answer.json["items"])
    for item in items:
        if item["metadata"]["name"] == "conductor.v11":
            item["data"]["release"] = helm2_record(
                revision=11, manifest="kind: List\n", config="web: {debug: true}\ndb: {password: hunter2}\n"
            )
    known = KNOWN.with_answers({"/api/v1/configmaps": Answer.of({**answer.json, "items": items})})
    result = collect(known, tmp_path, collectors=CORE)
    found = {key: value for key, value in verdicts(result).items() if key.startswith("CND-ALT")}
    assert found == {"CND-ALT-004 conductor": ("warn", "undetermined", "C2")}
    assert b"hunter2" not in whole(result.bundle.path)


def neighbour(name: str, namespace: str, env: list[dict[str, str]]) -> Recording:
    """Returns the recording with a workload of somebody else's and its pod."""
    template = {"containers": [{"name": "main", "image": "customer/app:1", "env": env}]}
    made: dict[str, Any] = {
        "metadata": {"name": name, "namespace": namespace, "uid": "00000000-0000-4000-a000-000000000001"},
        "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": name}}, "spec": template}},
        "status": {"replicas": 1, "availableReplicas": 1},
    }
    owner = {"kind": "ReplicaSet", "name": f"{name}-1", "controller": True, "uid": "x"}
    pod = {
        "metadata": {"name": f"{name}-1-a", "namespace": namespace, "uid": "y", "ownerReferences": [owner]},
        "spec": template,
        "status": {"phase": "Running"},
    }
    above = {"kind": "Deployment", "name": name, "controller": True, "uid": made["metadata"]["uid"]}
    between = {
        "metadata": {"name": f"{name}-1", "namespace": namespace, "uid": "x", "ownerReferences": [above]}
    }
    known = edits.with_object(KNOWN, DEPLOYMENTS, made)
    known = edits.with_object(known, "/apis/apps/v1/replicasets", between)
    return edits.with_object(known, "/api/v1/pods", pod)


@pytest.mark.parametrize(
    ("namespace", "value", "expected"),
    [
        (
            "default",
            "conductor-postgresql.conductor.svc.cluster.local",
            {"CND-ALT-006 billing": ("warn", "unsupported", "C3b")},
        ),
        (
            "default",
            "postgres://conductor-postgresql.conductor:5432/x",
            {"CND-ALT-006 billing": ("warn", "unsupported", "C3b")},
        ),
        ("default", "conductor-postgresql", {}),
        ("default", "conductor-postgresql.conductor.example.com", {}),
        ("default", "db.example.com", {}),
        ("conductor", "nothing", {"CND-ALT-008 billing": ("warn", "out_of_scope", "")}),
        (
            "conductor",
            "conductor-postgresql",
            {
                "CND-ALT-006 billing": ("warn", "unsupported", "C3b"),
                "CND-ALT-008 billing": ("warn", "out_of_scope", ""),
            },
        ),
    ],
)
def test_other_users_and_neighbours(
    tmp_path: Path, namespace: str, value: str, expected: dict[str, tuple[str, str, str]]
) -> None:
    assert (
        shown(neighbour("billing", namespace, [{"name": "DB_ADDRESS", "value": value}]), tmp_path) == expected
    )


def test_secrets_in_altered_fields_stay_out_of_the_bundle(tmp_path: Path) -> None:
    known = web(lambda c: c["env"].append({"name": "MY_PASSWORD", "value": "hunter2-in-plain"}))
    assert b"hunter2-in-plain" not in whole(collect(known, tmp_path, collectors=CORE).bundle.path)
