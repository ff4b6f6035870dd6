"""Rules on what surrounds Conductor: odd values in the evidence break none, and owners are proven."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.analysis import Analysis, analyse, load_rule_texts
from collector.bundle import layout
from collector.findings import Impact, Owner
from tests.lib.evidence import MemoryEvidence

NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)
TEXTS = load_rule_texts()
OLD = "2026-11-20T10:00:00Z"
CERTIFICATES = "cluster-resources/custom-resources/certificates.cert-manager.io/conductor.json"
REPLICASETS = "cluster-resources/replicasets/conductor.json"
RULES = {
    "CND-APP-005",
    "CND-APP-006",
    "CND-STO-001",
    "CND-ING-001",
    "CND-ING-002",
    "CND-TLS-001",
    "CND-ALT-009",
}
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e300,
    "",
    "\x00" * 300,
    "9" * 400,
    [],
    {},
    [[None]],
    {"a": {"b": []}},
)


def meta(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": "conductor", "creationTimestamp": OLD, **more}


def listed(*items: Any) -> dict[str, Any]:
    return {"kind": "List", "apiVersion": "v1", "items": list(items)}


def owned(kind: str, name: str) -> list[dict[str, Any]]:
    return [{"kind": kind, "name": name, "controller": True}]


def troubled() -> dict[str, Any]:
    """Returns a small bundle in which every one of these rules has something to say."""
    web = {"kind": "Deployment", "namespace": "conductor", "name": "web", "owner": "conductor"}
    traefik = {
        "component": "traefik",
        "version": "1.7.24",
        "subject": {"kind": "Deployment", "namespace": "traefik", "name": "traefik"},
    }
    status = {"name": "web", "imageID": f"r.example.com/other@sha256:{'a' * 64}"}
    shipped = {"container": "web", "shipped": ["r.example.com/app:1"]}
    refused = (
        'pods "web" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2'
    )
    event = {
        "reason": "FailedCreate",
        "message": refused,
        "lastTimestamp": OLD,
        "count": 3,
        "type": "Warning",
    }
    about = {"kind": "ReplicaSet", "namespace": "conductor", "name": "web-1"}
    claim = {"kind": "PersistentVolumeClaim", "namespace": "conductor", "name": "data"}
    backend = {"service": {"name": "gone", "port": {"number": 80}}}
    volume = {"persistentVolumeClaim": {"claimName": "data"}}
    return {
        layout.CONDUCTOR: {"namespaces": ["conductor"], "objects": [web]},
        layout.VERSIONS: {"platform": {"kind": "konvoy_1"}, "components": [traefik]},
        layout.READ: [{"resource": "services", "state": "read"}],
        layout.RELEASES: {
            "releases": [
                {
                    "name": "conductor",
                    "namespace": "conductor",
                    "chart": "conductor",
                    "chart_version": "1.1.0",
                }
                | {"status": "DEPLOYED", "objects": [{**web, "images": []}]}
            ]
        },
        layout.ALTERATIONS: {"release": {"name": "conductor"}, "compared": [{**web, "images": [shipped]}]},
        "cluster-resources/pods/conductor.json": listed(
            {
                "metadata": meta("web-1-a", ownerReferences=owned("ReplicaSet", "web-1")),
                "spec": {
                    "containers": [{"name": "web", "image": "r.example.com/app:1"}],
                    "volumes": [volume],
                },
                "status": {"phase": "Running", "containerStatuses": [status]},
            }
        ),
        REPLICASETS: listed(
            {
                "metadata": meta("web-1", ownerReferences=owned("Deployment", "web")),
                "spec": {"replicas": 2},
                "status": {"replicas": 1},
            }
        ),
        "cluster-resources/deployments/conductor.json": listed(
            {"metadata": meta("web"), "spec": {"replicas": 2}, "status": {"replicas": 1}}
        ),
        "cluster-resources/events/conductor.json": listed(
            {"metadata": meta("e1"), "involvedObject": about, **event},
            {"metadata": meta("e2"), "involvedObject": claim, **event, "reason": "ProvisioningFailed"},
        ),
        "cluster-resources/resource-quota/conductor.json": listed(
            {"metadata": meta("full"), "status": {"hard": {"pods": "2"}, "used": {"pods": "2"}}}
        ),
        "cluster-resources/pvcs/conductor.json": listed(
            {"metadata": meta("data"), "spec": {"storageClassName": "disk"}, "status": {"phase": "Pending"}}
        ),
        "cluster-resources/storage-classes.json": listed(
            {
                "metadata": {"name": "disk"},
                "provisioner": "ebs.csi.aws.com",
                "volumeBindingMode": "WaitForFirstConsumer",
            }
        ),
        "cluster-resources/services/conductor.json": listed({"metadata": meta("web"), "spec": {"ports": []}}),
        "cluster-resources/endpoints/conductor.json": listed({"metadata": meta("web"), "subsets": []}),
        "cluster-resources/ingress/conductor.json": listed(
            {
                "metadata": meta("web", annotations={"kubernetes.io/ingress.class": "nginx"}),
                "spec": {"rules": [{"http": {"paths": [{"path": "/", "backend": backend}]}}]},
            }
        ),
        CERTIFICATES: [
            {
                "metadata": meta("web-tls"),
                "spec": {"duration": "2160h", "renewBefore": "360h"},
                "status": {
                    "notAfter": "2026-11-22T00:00:00Z",
                    "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": OLD}],
                },
            }
        ],
    }


def judge(files: dict[str, Any]) -> Analysis:
    return analyse(MemoryEvidence(files), now=NOW, texts=TEXTS)


def test_every_rule_has_something_to_say() -> None:
    found = {finding.rule: finding for finding in judge(troubled()).findings}
    assert found.keys() >= RULES
    assert found["CND-APP-005"].subject.owner is Owner.CONDUCTOR
    assert found["CND-APP-005"].impact is Impact.OUTAGE
    assert found["CND-STO-001"].facts == {"provisioner": "unknown"}
    assert "CND-APP-002" not in found


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if way:
        yield way
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield from places(part, (*way, key))


@pytest.mark.parametrize("path", sorted(troubled()))
def test_odd_values_anywhere_break_no_rule(path: str) -> None:
    whole = troubled()
    for *way, last in places(whole[path]):
        for odd in ODD:
            files = {**whole, path: copy.deepcopy(whole[path])}
            target = files[path]
            for part in way:
                target = target[part]
            target[last] = odd
            broken = [f.summary for f in judge(files).findings if f.rule == "CND-RUN-002"]
            assert broken == [], (way, last, odd)


def test_a_certificate_elsewhere_is_told_only_if_it_is_the_vendors() -> None:
    files = troubled()
    (item,) = files.pop(CERTIFICATES)
    path = "cluster-resources/custom-resources/certificates.cert-manager.io/shop.json"
    item["metadata"] |= {"namespace": "shop"}
    assert not [f for f in judge({**files, path: [item]}).findings if f.rule == "CND-TLS-001"]
    item["metadata"]["labels"] = {"kubeaddons.mesosphere.io/name": "opsportal"}
    (finding,) = (f for f in judge({**files, path: [item]}).findings if f.rule == "CND-TLS-001")
    assert finding.subject.owner is Owner.PLATFORM_APPLICATION


def test_what_another_release_brought_is_the_customers() -> None:
    files = troubled()
    release = {"name": "shop", "namespace": "conductor", "chart": "shop", "chart_version": "1"}
    files[layout.RELEASES]["releases"].append({**release, "status": "DEPLOYED", "objects": []})
    files[CERTIFICATES][0]["metadata"]["labels"] = {"release": "shop"}
    (finding,) = (f for f in judge(files).findings if f.rule == "CND-TLS-001")
    assert finding.subject.owner is Owner.CUSTOMER


def test_a_certificate_is_whose_the_ingresses_are_that_show_it() -> None:
    files = troubled()
    ingress = {"kind": "Ingress", "namespace": "conductor", "name": "web"}
    files[layout.RELEASES]["releases"][0]["objects"].append(ingress)
    files[CERTIFICATES][0]["spec"]["secretName"] = "web-tls"
    path = "cluster-resources/ingress/conductor.json"
    (shown,) = files[path]["items"]
    shown["spec"]["tls"] = [{"hosts": ["a.example"], "secretName": "web-tls"}]

    def owner() -> Owner:
        (finding,) = (f for f in judge(files).findings if f.rule == "CND-TLS-001")
        return finding.subject.owner

    assert owner() is Owner.CONDUCTOR
    beside = copy.deepcopy(shown)
    beside["metadata"] |= {"name": "own"}
    files[path]["items"].append(beside)
    assert owner() is Owner.UNKNOWN
    beside["metadata"] |= {"namespace": "shop"}
    assert owner() is Owner.CONDUCTOR
    shown["spec"]["tls"][0]["secretName"] = "other"
    assert owner() is Owner.UNKNOWN


@pytest.mark.parametrize(("other", "owner"), [("web", Owner.CONDUCTOR), ("shop", Owner.UNKNOWN)])
def test_a_certificate_shown_for_conductors_services_alone_is_conductors(other: str, owner: Owner) -> None:
    files = troubled()
    files["cluster-resources/services/conductor.json"]["items"][0]["metadata"]["labels"] = {
        "release": "conductor"
    }
    files[CERTIFICATES][0]["spec"]["secretName"] = "web-tls"
    (shown,) = files["cluster-resources/ingress/conductor.json"]["items"]
    shown["spec"]["tls"] = [{"secretName": "web-tls"}]
    shown["spec"]["backend"] = {"serviceName": other, "servicePort": 80}
    shown["spec"]["rules"] = []
    (finding,) = (f for f in judge(files).findings if f.rule == "CND-TLS-001")
    assert finding.subject.owner is owner


def test_a_certificate_of_an_ingress_is_whose_the_ingress_is() -> None:
    files = troubled()
    ingress = {"kind": "Ingress", "namespace": "conductor", "name": "web"}
    files[layout.RELEASES]["releases"][0]["objects"].append(ingress)
    files[CERTIFICATES][0]["metadata"]["ownerReferences"] = owned("Ingress", "web")
    (finding,) = (f for f in judge(files).findings if f.rule == "CND-TLS-001")
    assert finding.subject.owner is Owner.CONDUCTOR


def test_a_list_that_was_cut_short_proves_no_service_missing() -> None:
    files = troubled()
    files[layout.GAPS] = [{"subject": "list services", "status": "timeout", "reason": "cut", "needs": ""}]
    assert not [f for f in judge(files).findings if f.rule == "CND-ING-001"]
