from __future__ import annotations

import json
from typing import Any

import pytest

from collector.demo.apiserver import RecordedApi
from collector.demo.recording import Json, Recording
from tests.lib import edits
from tests.lib.recordings import VERSIONS, StoppedClock, get, recording


def items(known: Recording, target: str) -> list[Json]:
    found: list[Json] = known.answers[target].json["items"]
    return found


def names(known: Recording, target: str) -> set[str]:
    return {item["metadata"]["name"] for item in items(known, target)}


def answer(known: Recording, target: str) -> Any:
    response = get(RecordedApi(known, StoppedClock(known.recorded_at)), target)
    return response.status, response.body


@pytest.mark.parametrize("version", VERSIONS)
def test_without_konvoy_leaves_no_sign_anywhere(version: str) -> None:
    known = edits.without_konvoy(recording(version))
    for target, found in [*known.answers.items(), *known.aggregated.items()]:
        text = f"{target} {found.body.decode()}".lower()
        assert "konvoy" not in text, target
        assert "kubeaddons" not in text, target
        if found.is_json:
            json.loads(found.body)


@pytest.mark.parametrize("version", VERSIONS)
def test_without_konvoy_keeps_the_incident(version: str) -> None:
    before, after = recording(version), edits.without_konvoy(recording(version))
    for target in ("/api/v1/pods", "/api/v1/nodes", "/api/v1/events", "/apis/apps/v1/deployments"):
        assert names(after, target) == names(before, target)
    assert names(before, "/api/v1/namespaces") - names(after, "/api/v1/namespaces") == {"kubeaddons"}
    web = next(
        item
        for item in items(after, "/apis/apps/v1/deployments")
        if item["metadata"]["name"] == "conductor-web"
    )
    assert "nodeSelector" not in web["spec"]["template"]["spec"]
    applied = web["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
    assert "nodeSelector" not in json.loads(applied)["spec"]["template"]["spec"]
    assert before.answers["/api/v1/nodes"].body != after.answers["/api/v1/nodes"].body
    assert b"konvoy" in before.answers["/api/v1/nodes"].body


def test_without_konvoy_strips_the_vendors_version_suffix() -> None:
    vendor = edits.with_server_version(recording(), "v1.16.9+d2iq.2")
    assert edits.without_konvoy(vendor).answers["/version"].json["gitVersion"] == "v1.16.9"


@pytest.mark.parametrize("version", VERSIONS)
def test_without_group_takes_everything_that_names_it(version: str) -> None:
    known = edits.without_group(recording(version), "velero.io")
    groups = [group["name"] for group in known.answers["/apis"].json["groups"]]
    assert "velero.io" not in groups
    assert len(groups) == len(recording(version).answers["/apis"].json["groups"]) - 1
    assert answer(known, "/apis/velero.io") == (404, b"404 page not found\n")
    assert answer(known, "/apis/velero.io/v1/backups") == (404, b"404 page not found\n")
    for target, found in [*known.answers.items(), *known.aggregated.items()]:
        if target.endswith(("/apiservices", "/customresourcedefinitions")) or target in ("/api", "/apis"):
            assert b".velero.io" not in found.body, target


def test_with_image_changes_the_workload_and_all_that_came_of_it() -> None:
    new = "registry.example.com/proxy:2.5.6"
    known = edits.with_image(recording(), "traefik", "traefik", new)
    for target in ("/apis/apps/v1/deployments", "/apis/apps/v1/replicasets", "/api/v1/pods"):
        mine = [item for item in items(known, target) if item["metadata"]["namespace"] == "traefik"]
        assert mine
        for item in mine:
            spec = item["spec"] if target.endswith("pods") else item["spec"]["template"]["spec"]
            assert [container["image"] for container in spec["containers"]] == [new]
            assert "1.7.23" not in json.dumps(item)
            for status in item["status"].get("containerStatuses", ()):
                assert status["imageID"].startswith("registry.example.com/proxy@sha256:")
    others = [item for item in items(known, "/api/v1/pods") if item["metadata"]["namespace"] != "traefik"]
    assert others == [
        item for item in items(recording(), "/api/v1/pods") if item["metadata"]["namespace"] != "traefik"
    ]


def test_with_image_covers_every_version_an_old_server_has() -> None:
    known = edits.with_image(recording("v1.13"), "conductor", "conductor-web", "example.com/other:9")
    for target in (
        "/apis/apps/v1/deployments",
        "/apis/apps/v1beta2/deployments",
        "/apis/extensions/v1beta1/deployments",
    ):
        web = next(item for item in items(known, target) if item["metadata"]["name"] == "conductor-web")
        assert web["spec"]["template"]["spec"]["containers"][0]["image"] == "example.com/other:9"


def test_with_image_of_nothing_is_an_error() -> None:
    with pytest.raises(LookupError, match="no workload conductor/nosuch"):
        edits.with_image(recording(), "conductor", "nosuch", "x:1")


@pytest.mark.parametrize("version", VERSIONS)
def test_with_server_version_is_said_everywhere(version: str) -> None:
    known = edits.with_server_version(recording(version), "v1.18.20")
    document = known.answers["/version"].json
    assert (document["gitVersion"], document["major"], document["minor"]) == ("v1.18.20", "1", "18")
    assert known.minor == 18
    infos = [node["status"]["nodeInfo"] for node in items(known, "/api/v1/nodes")]
    assert {info["kubeletVersion"] for info in infos} == {"v1.18.20"}
    assert {info["kubeProxyVersion"] for info in infos} == {"v1.18.20"}


def test_plant_sets_a_value_at_a_pointer() -> None:
    def labels(pointer: str, value: Json) -> Json:
        known = edits.plant(recording(), "/api/v1/pods", pointer, value)
        return items(known, "/api/v1/pods")[0]["metadata"]["labels"]

    assert labels("/items/0/metadata/labels", {"a": "1"}) == {"a": "1"}
    before = items(recording(), "/api/v1/pods")[0]["metadata"]["labels"]
    assert labels("/items/0/metadata/labels/a~1b", "1") == before | {"a/b": "1"}


def test_plant_appends_replaces_and_makes_answers() -> None:
    planted = edits.plant(recording(), "/api/v1/pods", "/items/-", {"metadata": {"name": "new"}})
    assert items(planted, "/api/v1/pods")[-1] == {"metadata": {"name": "new"}}
    assert len(items(planted, "/api/v1/pods")) == len(items(recording(), "/api/v1/pods")) + 1
    assert edits.plant(recording(), "/api/v1/secrets", "", []).answers["/api/v1/secrets"].json == []
    with pytest.raises(LookupError):
        edits.plant(recording(), "/api/v1/pods", "/items/9999/metadata", {})


def test_with_log_replaces_what_was_recorded() -> None:
    key = next(key for key in recording().logs if key.container == "redis")
    known = edits.with_log(recording(), key.namespace, key.pod, "redis", "2026-11-20T15:50:00Z hello\n")
    path = f"/api/v1/namespaces/{key.namespace}/pods/{key.pod}/log?container=redis"
    assert answer(known, path) == (200, b"hello\n")


@pytest.mark.parametrize("version", ["v1.17", "v1.36"])
def test_with_broken_group_adds_what_a_broken_backend_shows(version: str) -> None:
    broken = recording(f"{version}-broken-apiservice")
    known = edits.with_broken_group(recording(version), broken, "metrics.k8s.io")
    assert answer(known, "/apis/metrics.k8s.io/v1beta1") == (503, b"service unavailable\n")
    assert "metrics.k8s.io" in [group["name"] for group in known.answers["/apis"].json["groups"]]
    assert "v1beta1.metrics.k8s.io" in names(known, "/apis/apiregistration.k8s.io/v1/apiservices")
    assert answer(known, "/api/v1/pods") == answer(recording(version), "/api/v1/pods")
