"""Quotas, claims, routes and certificates around a recorded Conductor: trouble shows, health does not."""

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
from tests.lib.runs import collect, verdicts

CORE = tuple(
    c
    for c in COLLECTORS
    if c.name in ("workloads", "cluster", "resources", "conductor", "versions", "itself")
)
RULES = ("CND-APP-005", "CND-APP-006", "CND-STO", "CND-ING", "CND-TLS")
NOT_READY = {"CND-TLS-001 conductor-tls": ("fail", "supported", "C1")}
KNOWN = recording()
SERVICES = "/api/v1/services"
CLAIMS = "/api/v1/persistentvolumeclaims"
EVENTS = "/api/v1/events"
QUOTAS = "/api/v1/resourcequotas"
CERTIFICATES = "/apis/certmanager.k8s.io/v1alpha1/certificates"

Verdict = tuple[str, str, str]


def shown(known: Recording, folder: Path) -> dict[str, Verdict]:
    """Returns the verdicts of these rules, without the certificate that is not ready in the recording."""
    found = verdicts(collect(known, folder, collectors=CORE))
    kept = {key: value for key, value in found.items() if key.startswith(RULES)}
    return {key: value for key, value in kept.items() if NOT_READY.get(key) != value}


def changed(path: str, name: str, change: Callable[[Any], object], known: Recording = KNOWN) -> Recording:
    """Returns a recording with one object of a list changed in place."""
    listing = copy.deepcopy(known.answers[path].json)
    (item,) = (item for item in listing["items"] if item["metadata"]["name"] == name)
    change(item)
    return known.with_answers({path: Answer.of(listing)})


def without(path: str, name: str) -> Recording:
    listing = copy.deepcopy(KNOWN.answers[path].json)
    listing["items"] = [item for item in listing["items"] if item["metadata"]["name"] != name]
    return KNOWN.with_answers({path: Answer.of(listing)})


@pytest.mark.parametrize("version", VERSIONS)
def test_the_recorded_cluster_shows_the_certificate_that_is_not_ready_and_nothing_else(
    tmp_path: Path, version: str
) -> None:
    found = verdicts(collect(recording(version), tmp_path, collectors=CORE))
    assert {key: value for key, value in found.items() if key.startswith(RULES)} == NOT_READY


def event(kind: str, name: str, reason: str, message: str) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"{name}.1",
            "namespace": "conductor",
            "uid": "00000000-0000-4000-b000-000000000001",
        },
        "involvedObject": {"kind": kind, "namespace": "conductor", "name": name},
        "reason": reason,
        "message": message,
        "type": "Warning",
        "count": 7,
        "lastTimestamp": "2026-11-20T15:50:00Z",
    }


def refused(message: str, *, pods: int = 0) -> Recording:
    """Returns the recording with a message about conductor-worker's pods, of which there are so many."""
    (replicas,) = (
        item["metadata"]["name"]
        for item in KNOWN.answers["/apis/apps/v1/replicasets"].json["items"]
        if item["metadata"]["name"].startswith("conductor-worker-")
    )
    known = changed("/apis/apps/v1/replicasets", replicas, lambda item: item["status"].update(replicas=pods))
    return edits.with_object(known, EVENTS, event("ReplicaSet", replicas, "FailedCreate", message))


EXCEEDED = (
    'Error creating: pods "conductor-worker-x" is forbidden: exceeded quota: quota, requested: pods=1, '
    "used: pods=60, limited: pods=60"
)
REFUSED = {"CND-APP-005 conductor-worker": ("fail", "undetermined", "")}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (refused(EXCEEDED), REFUSED),
        (refused("Error creating: admission webhook x denied the request: no privileged pods"), REFUSED),
        (
            refused("Error creating: pods is forbidden: minimum cpu usage per Container is 100m, no request"),
            REFUSED,
        ),
        (refused(EXCEEDED, pods=2), {}),
        (refused("Error creating: Internal error occurred: connection refused"), {}),
    ],
    ids=["quota", "admission", "limit range", "over by now", "another cause"],
)
def test_pods_that_a_rule_of_the_cluster_refuses(
    tmp_path: Path, known: Recording, expected: dict[str, Verdict]
) -> None:
    assert shown(known, tmp_path) == expected


def quota(hard: dict[str, str], used: dict[str, str]) -> Recording:
    return changed(QUOTAS, "quota", lambda item: item.update(status={"hard": hard, "used": used}))


@pytest.mark.parametrize(
    ("known", "full"),
    [
        (quota({"pods": "9"}, {"pods": "9"}), True),
        (quota({"requests.cpu": "2500m"}, {"requests.cpu": "2.5"}), True),
        (quota({"limits.memory": "1Gi"}, {"limits.memory": "1025Mi"}), True),
        (quota({"pods": "10"}, {"pods": "9"}), False),
        (quota({"services.nodeports": "2"}, {"services.nodeports": "2"}), False),
        (quota({"pods": "0"}, {"pods": "0"}), False),
        (quota({"pods": "many"}, {"pods": "9"}), False),
    ],
)
def test_a_quota_that_is_used_up(tmp_path: Path, known: Recording, full: bool) -> None:
    expected = {"CND-APP-006 quota": ("warn", "undetermined", "")} if full else {}
    assert shown(known, tmp_path) == expected


CLAIM = "data-conductor-postgresql-0"


def pending(known: Recording = KNOWN, **spec: Any) -> Recording:
    def change(item: Any) -> None:
        item["status"] = {"phase": spec.pop("phase", "Pending")}
        item["metadata"]["creationTimestamp"] = spec.pop("created", "2026-11-20T15:00:00Z")
        item["spec"].update(spec)

    return changed(CLAIMS, CLAIM, change, known)


def with_addon(known: Recording) -> Recording:
    addon = {"metadata": {"name": "awsebscsiprovisioner", "namespace": "kubeaddons"}, "spec": {}}
    return edits.with_object(known, "/apis/kubeaddons.mesosphere.io/v1beta1/addons", addon)


def of_class(provisioner: str, known: Recording = KNOWN) -> Recording:
    for version in ("v1", "v1beta1"):
        path = f"/apis/storage.k8s.io/{version}/storageclasses"
        known = changed(path, "ebs-csi-driver", lambda item: item.update(provisioner=provisioner), known)
    return known


def waits(scope: str, clauses: str) -> dict[str, Verdict]:
    return {f"CND-STO-001 {CLAIM}": ("fail", scope, clauses)}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (pending(), waits("undetermined", "S2b")),
        (pending(with_addon(KNOWN)), waits("unsupported", "V1 S0")),
        (pending(of_class("nfs.example.com/share")), waits("out_of_scope", "")),
        (pending(of_class("kubernetes.io/aws-ebs")), waits("undetermined", "S2b")),
        (pending(edits.without_konvoy(KNOWN)), waits("out_of_scope", "")),
        (pending(storageClassName="gone"), waits("undetermined", "S2b")),
        (pending(phase="Lost"), waits("undetermined", "S2b")),
        (pending(created="2026-11-20T15:49:00Z"), {}),
        (pending(phase="Bound"), {}),
    ],
    ids=[
        "shipped, not shown",
        "addon",
        "own",
        "in tree",
        "no platform",
        "no class",
        "lost",
        "young",
        "bound",
    ],
)
def test_a_claim_that_waits(tmp_path: Path, known: Recording, expected: dict[str, Verdict]) -> None:
    assert shown(known, tmp_path) == expected


def test_a_claim_that_nobody_wants_yet_may_wait_for_its_first_pod(tmp_path: Path) -> None:
    spare = copy.deepcopy(pending().answers[CLAIMS].json["items"][0])
    spare["metadata"] |= {"name": "spare", "uid": "00000000-0000-4000-b000-000000000002"}
    assert shown(edits.with_object(KNOWN, CLAIMS, spare), tmp_path) == {}


def ingress(change: Callable[[Any], object], *, version: str = "v1.17") -> Recording:
    known = recording(version)
    for path in (
        "/apis/extensions/v1beta1/ingresses",
        "/apis/networking.k8s.io/v1beta1/ingresses",
        "/apis/networking.k8s.io/v1/ingresses",
    ):
        if path in known.answers:
            known = changed(path, "errbit", change, known)
    return known


def flat(**backend: Any) -> Callable[[Any], object]:
    return lambda item: item["spec"]["rules"][0]["http"]["paths"][0]["backend"].update(backend)


def nested(**port: Any) -> Callable[[Any], object]:
    def change(item: Any) -> None:
        service = item["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
        service["name"] = port.pop("service", service["name"])
        service["port"] = port or service["port"]

    return change


def of_ingress_class(name: str) -> Callable[[Any], object]:
    return lambda item: item["metadata"]["annotations"].update({"kubernetes.io/ingress.class": name})


def behind(*subsets: Any) -> Recording:
    return changed("/api/v1/endpoints", "errbit", lambda item: item.update(subsets=list(subsets)))


UNREADY = {"notReadyAddresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}
NOWHERE = {"CND-ING-001 errbit": ("fail", "undetermined", "C1 S2b")}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (ingress(flat(serviceName="gone")), NOWHERE),
        (ingress(flat(servicePort="https")), NOWHERE),
        (ingress(flat(servicePort=8080)), NOWHERE),
        (ingress(flat(servicePort=80)), {}),
        (ingress(nested(service="gone"), version="v1.36"), NOWHERE),
        (ingress(nested(number=81), version="v1.36"), NOWHERE),
        (ingress(nested(number=80), version="v1.36"), {}),
        (without(SERVICES, "errbit"), NOWHERE),
        (behind(), NOWHERE),
        (behind(UNREADY), {"CND-ING-001 errbit": ("warn", "undetermined", "C1 S2b")}),
        (
            changed(
                SERVICES, "errbit", lambda i: i.update(spec={"type": "ExternalName", "externalName": "x"})
            ),
            {},
        ),
        (ingress(of_ingress_class("nginx")), {"CND-ING-002 errbit": ("unknown", "undetermined", "")}),
    ],
    ids=[
        *(
            "no service",
            "no named port",
            "no port",
            "by number",
            "no service, v1",
            "no port, v1",
            "by number, v1",
        ),
        *("service gone", "no pods", "not ready", "external", "another class"),
    ],
)
def test_an_ingress_that_leads_nowhere(
    tmp_path: Path, known: Recording, expected: dict[str, Verdict]
) -> None:
    assert shown(known, tmp_path) == expected


def test_a_class_that_no_traefik_was_told_of(tmp_path: Path) -> None:
    def told(item: Any) -> Any:
        item["spec"]["template"]["spec"]["containers"][0]["args"] = ["--kubernetes.ingressclass=internal"]
        return item

    found = shown(edits.changed_workload(KNOWN, "traefik", "traefik", told), tmp_path)
    assert {key: value[:2] for key, value in found.items()} == {
        "CND-ING-002 conductor": ("warn", "undetermined"),
        "CND-ING-002 errbit": ("warn", "undetermined"),
    }


def test_services_that_could_not_be_read_are_not_missing(tmp_path: Path) -> None:
    from collector.demo.apiserver import Rule  # noqa: PLC0415 - used by this test alone

    found = verdicts(collect(KNOWN, tmp_path, collectors=CORE, deny=[Rule(resource="services")]))
    assert not [key for key in found if key.startswith("CND-ING")]


def certificate(**changes: Any) -> Recording:
    def change(item: Any) -> None:
        item["status"].update(changes)
        item["spec"].update(changes.pop("spec", {}))

    return changed(CERTIFICATES, "errbit-tls", change)


def condition(reason: str, since: str) -> dict[str, Any]:
    return {
        "conditions": [{"type": "Ready", "status": "False", "reason": reason, "lastTransitionTime": since}]
    }


OLD, JUST_NOW = "2026-11-20T10:00:00Z", "2026-11-20T15:45:00Z"
BAD = {"CND-TLS-001 errbit-tls": ("fail", "undetermined", "C1 S2b")}
POOR = {"CND-TLS-001 errbit-tls": ("warn", "undetermined", "C1 S2b")}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (certificate(notAfter="2026-11-20T15:00:00Z"), BAD),
        (certificate(notAfter="2026-11-30T00:00:00Z"), POOR),
        (certificate(notAfter="2026-12-10T00:00:00Z"), {}),
        (certificate(notAfter="2026-11-21T10:00:00Z", spec={"duration": "24h"}), {}),
        (certificate(notAfter="2026-11-27T15:50:00Z", spec={"renewBefore": "240h0m0s"}), {}),
        (certificate(**condition("DoesNotExist", OLD)), BAD),
        (certificate(**condition("Issuing", OLD)), POOR),
        (certificate(**condition("Issuing", JUST_NOW)), {}),
        (certificate(notAfter="soon", conditions="none"), {}),
    ],
    ids=["expired", "soon", "in time", "short-lived", "renewed late", "absent", "issuing", "just now", "odd"],
)
def test_a_certificate(tmp_path: Path, known: Recording, expected: dict[str, Verdict]) -> None:
    assert shown(known, tmp_path) == expected


@pytest.mark.parametrize("version", ["v1alpha2", "v1"])
def test_certificates_of_newer_groups_are_seen_too(tmp_path: Path, version: str) -> None:
    item = {
        "metadata": {"name": "web", "namespace": "conductor", "labels": {"release": "conductor"}},
        "spec": {"secretName": "web"},
        "status": {"notAfter": "2026-11-01T00:00:00Z"},
    }
    elsewhere = {**item, "metadata": {"name": "shop", "namespace": "shop"}}
    resource = {"name": "certificates", "kind": "Certificate"}
    known = edits.with_group(KNOWN, "cert-manager.io", version, resource, [item, elsewhere])
    assert shown(known, tmp_path) == {"CND-TLS-001 web": ("fail", "supported", "C1")}


def test_what_stands_in_the_releases_manifest_is_conductors(tmp_path: Path) -> None:
    manifest = "kind: Ingress\nmetadata: {name: errbit, namespace: conductor}\n"
    record = helm2_record(revision=11, manifest=manifest)
    known = changed("/api/v1/configmaps", "conductor.v11", lambda i: i["data"].update(release=record))
    path = "/apis/networking.k8s.io/v1beta1/ingresses"
    for path in ("/apis/extensions/v1beta1/ingresses", "/apis/networking.k8s.io/v1beta1/ingresses"):
        known = changed(path, "errbit", flat(serviceName="gone"), known)
    assert shown(known, tmp_path) == {"CND-ING-001 errbit": ("fail", "supported", "C1")}


def labelled(**labels: str) -> Callable[[Any], object]:
    def change(item: Any) -> None:
        item["metadata"]["labels"] = labels
        flat(serviceName="gone")(item)

    return change


@pytest.mark.parametrize(
    ("labels", "scope"),
    [
        ({"release": "conductor"}, "supported"),
        ({"kubeaddons.mesosphere.io/name": "opsportal"}, "unsupported"),
        ({"app": "errbit"}, "undetermined"),
    ],
)
def test_whose_a_route_is_follows_from_labels(tmp_path: Path, labels: dict[str, str], scope: str) -> None:
    found = shown(ingress(labelled(**labels)), tmp_path)
    assert {key: value[1] for key, value in found.items()} == {"CND-ING-001 errbit": scope}
