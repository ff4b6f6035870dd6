"""Recorded clusters of other versions, each from the live server to the classification of its findings."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.collectors import COLLECTORS
from collector.demo.recording import Answer, Recording
from collector.findings import Confidence, Window
from collector.spec import load_spec
from tests.lib import edits
from tests.lib.helm import helm3_document, helm3_record
from tests.lib.recordings import recording
from tests.lib.runs import collect, entry, verdicts, whole

CORE = tuple(c for c in COLLECTORS if c.name in ("workloads", "cluster", "conductor", "versions"))
CONTROLLER = "quay.io/jetstack/cert-manager-controller"
FOREIGN = edits.without_konvoy(recording())
CONFIGMAPS = "/api/v1/configmaps"

Verdict = tuple[str, str, str]


def judged(known: Recording, folder: Path, *rules: str) -> dict[str, Verdict]:
    """Returns the verdicts on findings of these rules."""
    found = verdicts(collect(known, folder, collectors=CORE))
    return {key: value for key, value in found.items() if key.startswith(rules)}


def at(known: Recording, day: str) -> Recording:
    """Returns the recording as of another day, from which the version window is counted."""
    moment = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return Recording(recorded_at=moment, answers=known.answers, aggregated=known.aggregated)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("traefik:1.7.22", {}),
        ("traefik:1.7.23", {"CND-PRE-003 traefik": ("fail", "unsupported", "C2d C2a")}),
        ("traefik:1.7.24", {}),
        ("traefik:v2.2.1", {"CND-PRE-004 traefik": ("fail", "unsupported", "C2e C2a")}),
        ("traefik:v1.7", {"CND-PRE-005 traefik": ("unknown", "undetermined", "C2d")}),
        ("traefik@sha256:" + "a" * 64, {"CND-PRE-005 traefik": ("unknown", "undetermined", "C2d")}),
    ],
)
def test_traefik(tmp_path: Path, image: str, expected: dict[str, Verdict]) -> None:
    changed = edits.with_image(FOREIGN, "traefik", "traefik", image)
    assert judged(changed, tmp_path, "CND-PRE-003", "CND-PRE-004", "CND-PRE-005") == expected


def test_of_two_traefiks_only_the_one_that_listens_to_conductors_class_is_judged(tmp_path: Path) -> None:
    other = second("/apis/apps/v1/deployments", "traefik", "traefik", "traefik-internal", "traefik:2.2.1")
    other["spec"]["template"]["spec"]["containers"][0]["args"] = ["--kubernetes.ingressclass=internal"]
    known = edits.with_image(FOREIGN, "traefik", "traefik", "traefik:1.7.24")
    with_two = edits.with_object(known, "/apis/apps/v1/deployments", other)
    assert judged(with_two, tmp_path, "CND-PRE-003", "CND-PRE-004", "CND-PRE-005") == {}


def test_of_two_traefiks_for_one_class_neither_is_blamed(tmp_path: Path) -> None:
    other = second("/apis/apps/v1/deployments", "traefik", "traefik", "traefik-two", "traefik:2.2.1")
    with_two = edits.with_object(FOREIGN, "/apis/apps/v1/deployments", other)
    assert judged(with_two, tmp_path, "CND-PRE-003", "CND-PRE-004") == {
        "CND-PRE-003 traefik": ("fail", "undetermined", "C2d C2e C2a"),
        "CND-PRE-004 traefik-two": ("fail", "undetermined", "C2d C2e C2a"),
    }


def second(path: str, namespace: str, name: str, new: str, image: str) -> dict[str, Any]:
    """Returns a copy of a recorded workload under another name, with another image."""
    for item in copy.deepcopy(FOREIGN.answers[path].json["items"]):
        if (item["metadata"]["namespace"], item["metadata"]["name"]) == (namespace, name):
            item["metadata"] |= {"name": new, "uid": f"00000000-0000-4000-8000-{len(new):012}"}
            item["spec"]["template"]["spec"]["containers"][0]["image"] = image
            found: dict[str, Any] = item
            return found
    raise LookupError(name)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("v0.9.1", {}),
        ("v0.10.0", {}),
        ("v0.10.1", {"CND-PRE-006 cert-manager": ("warn", "undetermined", "C2f")}),
        ("v0.11.0", {"CND-PRE-006 cert-manager": ("fail", "unsupported", "C2f C2a")}),
        ("v1.0.3", {"CND-PRE-006 cert-manager": ("fail", "unsupported", "C2f C2a")}),
        ("canary", {"CND-PRE-006 cert-manager": ("unknown", "undetermined", "C2f C2a")}),
    ],
)
def test_cert_manager(tmp_path: Path, tag: str, expected: dict[str, Verdict]) -> None:
    changed = edits.with_image(FOREIGN, "cert-manager", "cert-manager", f"{CONTROLLER}:{tag}")
    assert judged(changed, tmp_path, "CND-PRE-006") == expected


def test_no_cert_manager(tmp_path: Path) -> None:
    changed = edits.without_workload(FOREIGN, "cert-manager", "cert-manager")
    assert judged(changed, tmp_path, "CND-PRE-006") == {
        "CND-PRE-006 cert-manager": ("fail", "unsupported", "C2a C2f")
    }


def test_two_cert_managers(tmp_path: Path) -> None:
    other = second(
        "/apis/apps/v1/deployments",
        "cert-manager",
        "cert-manager",
        "cert-manager-two",
        f"{CONTROLLER}:v1.0.3",
    )
    changed = edits.with_object(FOREIGN, "/apis/apps/v1/deployments", other)
    assert judged(changed, tmp_path, "CND-PRE-006") == {
        "CND-PRE-006 cert-manager": ("warn", "undetermined", "C2f")
    }


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v1.12.10", {"CND-PRE-001 kubernetes": ("fail", "unsupported", "C2b C2a")}),
        ("v1.13.12", {}),
        ("v1.17.17", {}),
        ("v1.18.20", {"CND-PRE-001 kubernetes": ("fail", "unsupported", "C2b C2a")}),
        ("v1.36.2", {"CND-PRE-001 kubernetes": ("fail", "unsupported", "C2b C2a")}),
    ],
)
def test_kubernetes(tmp_path: Path, version: str, expected: dict[str, Verdict]) -> None:
    changed = edits.with_server_version(FOREIGN, version)
    assert judged(changed, tmp_path, "CND-PRE-001") == expected


def without_records(known: Recording) -> Recording:
    answer = known.answers[CONFIGMAPS]
    kept = [i for i in answer.json["items"] if not i["metadata"]["name"].startswith("conductor.v")]
    return known.with_answers({CONFIGMAPS: Answer.of({**answer.json, "items": kept})})


def labelled_by_helm_3(known: Recording) -> Recording:
    def change(item: Any) -> Any:
        item["metadata"]["labels"] |= {
            "app.kubernetes.io/managed-by": "Helm",
            "helm.sh/chart": "conductor-1.1.0",
        }
        return item

    return edits.changed_workload(known, "conductor", "conductor-web", change)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (FOREIGN, {}),
        (
            labelled_by_helm_3(without_records(FOREIGN)),
            {"CND-PRE-002 conductor": ("fail", "unsupported", "C2c C2a")},
        ),
        (labelled_by_helm_3(FOREIGN), {"CND-PRE-002 conductor": ("unknown", "undetermined", "C2c")}),
        (
            edits.changed_workload(
                without_records(FOREIGN),
                "conductor",
                "conductor-web",
                lambda item: (item["metadata"]["labels"].update({"chart": "conductor-1.1.0"}), item)[1],
            ),
            {"CND-PRE-002 conductor": ("unknown", "undetermined", "C2c")},
        ),
        (
            edits.without_workload(FOREIGN, "kube-system", "tiller-deploy"),
            {"CND-PRE-002 conductor": ("unknown", "undetermined", "C2c")},
        ),
    ],
    ids=["helm 2", "helm 3", "both", "neither", "helm 2 without tiller"],
)
def test_helm(tmp_path: Path, known: Recording, expected: dict[str, Verdict]) -> None:
    assert judged(known, tmp_path, "CND-PRE-002") == expected


def in_config_maps(known: Recording, *values: str) -> Recording:
    """Returns the recording with records of Helm 3's ConfigMap driver for Conductor."""
    for at, value in enumerate(values, 1):
        item = {
            "metadata": {
                "name": f"sh.helm.release.v1.conductor.v{at}",
                "namespace": "conductor",
                "uid": f"00000000-0000-4000-9000-{at:012}",
                "labels": {"owner": "helm", "name": "conductor", "status": "deployed", "version": str(at)},
            },
            "data": {"release": value},
        }
        known = edits.with_object(known, CONFIGMAPS, item)
    return known


def test_a_record_of_helm_3_in_a_config_map_is_read(tmp_path: Path) -> None:
    known = in_config_maps(without_records(FOREIGN), helm3_record(helm3_document()))
    result = collect(known, tmp_path, collectors=CORE)
    assert verdicts(result)["CND-PRE-002 conductor"] == ("fail", "unsupported", "C2c C2a")
    versions = {fact.component: fact.version for fact in result.report.facts.versions}
    assert versions["conductor"] == "1.1.0"


def test_a_record_that_cannot_be_read_is_a_gap_and_says_so(tmp_path: Path) -> None:
    known = edits.changed_workload(
        in_config_maps(without_records(FOREIGN), "bm90IGEgcmVjb3Jk"),
        "conductor",
        "conductor-web",
        lambda item: (item["metadata"]["labels"].update({"chart": "conductor-1.1.0"}), item)[1],
    )
    found = judged(known, tmp_path, "CND-PRE-002", "CND-RUN-001 Helm 3 release record")
    assert found["CND-PRE-002 conductor"] == ("unknown", "undetermined", "C2c")
    assert any("sh.helm.release.v1.conductor.v1" in key for key in found)


def test_an_old_conductor_is_told(tmp_path: Path) -> None:
    chart = {"metadata": {"name": "conductor", "version": "1.0.0", "appVersion": "1.0.0"}}
    known = in_config_maps(without_records(FOREIGN), helm3_record(helm3_document(chart=chart)))
    assert judged(known, tmp_path, "CND-CON-002") == {
        "CND-CON-002 conductor": ("warn", "undetermined", "C1 I1")
    }


def in_a_secret(known: Recording) -> Recording:
    """Returns the recording with a record of Helm 3's default driver for Conductor."""
    labels = {"owner": "helm", "name": "conductor", "status": "deployed", "version": "3"}
    item = {
        "metadata": {"name": "sh.helm.release.v1.conductor.v3", "namespace": "conductor", "labels": labels},
        "type": "helm.sh/release.v1",
        "data": {"release": helm3_record(helm3_document(), secret=True)},
    }
    listing = {
        "kind": "SecretList",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "1"},
        "items": [item],
    }
    return known.with_answers({"/api/v1/secrets": Answer.of(listing)})


@pytest.mark.parametrize("switch", [False, True])
def test_release_secrets_are_listed_only_by_the_operators_switch_and_never_read(
    tmp_path: Path, switch: bool
) -> None:
    spec = msgspec.structs.replace(load_spec(), helm3_secrets=switch)
    seen: list[str] = []
    known = in_a_secret(FOREIGN)
    result = collect(known, tmp_path, collectors=CORE, spec=spec, requests=seen)
    releases = entry(result.bundle.path, "helm/releases.json")["releases"]
    named = [(r["name"], r["revision"], r["status"]) for r in releases if r["record"].startswith("Secret ")]
    assert named == ([("conductor", 3, "DEPLOYED")] if switch else [])
    assert any("/secrets" in request for request in seen) == switch
    assert b"H4sI" not in whole(result.bundle.path)


def konvoy(version: str) -> Recording:
    text = (
        "kind: ClusterProvisioner\nspec:\n  provider: aws\n---\n"
        f"kind: ClusterConfiguration\nspec:\n  kubernetes:\n    version: 1.17.8\n  version: v{version}\n"
    )
    item = {
        "metadata": {"name": "cluster", "namespace": "konvoy", "uid": "1"},
        "spec": {"cluster": text},
    }
    return edits.with_group(
        recording(),
        "kommander.mesosphere.io",
        "v1beta1",
        {"name": "konvoyclusters", "kind": "KonvoyCluster"},
        [item],
    )


def dkp(version: str) -> Recording:
    release = {
        "metadata": {"name": "kommander", "namespace": "kommander", "uid": "2"},
        "spec": {"chart": {"spec": {"chart": "kommander", "version": f"v{version}"}}},
    }
    known = edits.with_group(
        FOREIGN,
        "apps.kommander.d2iq.io",
        "v1alpha2",
        {"name": "appdeployments", "kind": "AppDeployment"},
        [],
    )
    return edits.with_group(
        known,
        "helm.toolkit.fluxcd.io",
        "v2beta1",
        {"name": "helmreleases", "kind": "HelmRelease"},
        [release],
    )


@pytest.mark.parametrize(
    ("known", "day", "version", "window", "expected"),
    [
        (konvoy("1.5.6"), "2021-04-01", "1.5", Window.INSIDE, None),
        (konvoy("1.5.6"), "2021-06-01", "1.5", Window.OUTSIDE, ("fail", "unsupported", "V1")),
        (konvoy("1.8.5"), "2021-06-01", "1.8", Window.INSIDE, None),
        (konvoy("1.8.5"), "2022-09-01", "1.8", Window.OUTSIDE, ("fail", "unsupported", "V1")),
        (dkp("2.0.0"), "2021-12-01", "2.0", Window.INSIDE, None),
        (dkp("2.0.0"), "2022-05-01", "2.0", Window.DISPUTED, ("warn", "undetermined", "V2 V1")),
        (dkp("2.1.1"), "2022-05-01", "2.1", Window.INSIDE, None),
        (dkp("2.2.2"), "2022-05-01", "2.2", Window.INSIDE, None),
        (dkp("2.3.0"), "2022-09-01", "2.3", Window.INSIDE, None),
        (dkp("2.3.0"), "2024-09-01", "2.3", Window.OUTSIDE, ("fail", "unsupported", "V1")),
        (FOREIGN, "2022-05-01", "", Window.UNKNOWN, None),
    ],
)
def test_the_platforms_release_and_its_window(
    tmp_path: Path, known: Recording, day: str, version: str, window: Window, expected: Verdict | None
) -> None:
    result = collect(at(known, day), tmp_path, collectors=CORE)
    facts = result.report.facts
    assert (facts.platform_version, facts.platform_window) == (version, window)
    assert facts.platform_confidence is not Confidence.UNKNOWN
    found = [v for key, v in verdicts(result).items() if key.startswith("CND-PLT-001")]
    assert found == ([expected] if expected else [])


def test_a_konvoy_that_states_no_version_is_narrowed_down_and_never_called_inside(tmp_path: Path) -> None:
    result = collect(at(recording(), "2021-04-01"), tmp_path, collectors=CORE)
    platform = next(fact for fact in result.report.facts.versions if fact.component == "platform")
    assert (platform.version, platform.confidence) == ("1.5", Confidence.INFERRED)
    assert result.report.facts.platform_window is Window.UNKNOWN
    assert verdicts(result)["CND-PLT-001 konvoy_1"] == ("unknown", "undetermined", "")


def test_every_konvoy_1_is_outside_by_now_whichever_it_is(tmp_path: Path) -> None:
    assert judged(recording(), tmp_path, "CND-PLT-001") == {
        "CND-PLT-001 konvoy_1": ("fail", "unsupported", "V1")
    }


@pytest.mark.parametrize(
    ("version", "os", "expected"),
    [
        ("1.5.6", "CentOS Linux 7 (Core)", {}),
        ("1.8.5", "Debian GNU/Linux 11 (bullseye)", {"CND-PLT-003 debian 11": ("warn", "unsupported", "V4")}),
    ],
)
def test_operating_systems(tmp_path: Path, version: str, os: str, expected: dict[str, Verdict]) -> None:
    known = konvoy(version)
    answer = known.answers["/api/v1/nodes"]
    nodes = copy.deepcopy(answer.json)
    for node in nodes["items"]:
        node["status"]["nodeInfo"]["osImage"] = os
    changed = known.with_answers({"/api/v1/nodes": Answer.of(nodes)})
    assert judged(changed, tmp_path, "CND-PLT-003") == expected


def test_kubernetes_that_the_platform_does_not_list(tmp_path: Path) -> None:
    assert judged(konvoy("1.8.5"), tmp_path, "CND-PLT-002") == {
        "CND-PLT-002 kubernetes": ("fail", "unsupported", "V3")
    }


def test_nodes_state_their_versions_once(tmp_path: Path) -> None:
    facts = collect(recording(), tmp_path, collectors=CORE).report.facts
    stated = {f.component: f.version for f in facts.versions if f.subject.kind == "Nodes"}
    assert stated == {"kubelet": "1.17.17", "runtime containerd": "1.2.6", "os centos": "7.7"}
    networks = {f.component: f.version for f in facts.versions if f.component in ("calico", "coredns")}
    assert networks == {"calico": "3.10.2", "coredns": "1.6.5"}
