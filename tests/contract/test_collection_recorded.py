"""Everything a recorded server lists is in the bundle, or the bundle says why it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collector.bundle import layout
from collector.demo.apiserver import Rule
from collector.demo.messages import Response
from collector.demo.recording import Recording
from tests.lib import edits, faulty
from tests.lib.collected import asked_lists, entries, gaps, kinds, listable, resources, sound, spec
from tests.lib.faulty import Exchange, FaultyApi
from tests.lib.recordings import VERSIONS, recording
from tests.lib.runs import collect, entry, whole

# What a server of 1.17 has objects of and another one does not offer, or has none of.
LACKS = {
    "v1.13": {
        "cluster-resources/csidrivers.json",
        "cluster-resources/csinodes.json",
        "cluster-resources/leases/",
        "cluster-resources/runtimeclasses.json",
    },
    "v1.36": {"cluster-resources/podsecuritypolicies.json"},
}
HAS_MORE = {
    "v1.13": set[str](),
    "v1.36": {
        "cluster-resources/deviceclasses.json",
        "cluster-resources/endpointslices/",
        "cluster-resources/flowschemas.json",
        "cluster-resources/ingress-classes.json",
        "cluster-resources/ipaddresses.json",
        "cluster-resources/mutatingadmissionpolicies.json",
        "cluster-resources/mutatingadmissionpolicybindings.json",
        "cluster-resources/prioritylevelconfigurations.json",
        "cluster-resources/resourceslices.json",
        "cluster-resources/servicecidrs.json",
        "cluster-resources/validatingadmissionpolicies.json",
        "cluster-resources/validatingadmissionpolicybindings.json",
        "cluster-resources/volumeattributesclasses.json",
    },
}
SECRETS = {
    "kind": "SecretList",
    "apiVersion": "v1",
    "metadata": {"resourceVersion": "1"},
    "items": [
        {
            "metadata": {
                "name": "conductor-db",
                "namespace": "conductor",
                "labels": {"app": "conductor"},
                "annotations": {
                    "kubectl.kubernetes.io/last-applied-configuration": '{"data":"aHVudGVyMg=="}'
                },
            },
            "data": {"password": "aHVudGVyMg=="},
        }
    ],
}


class Runs:
    """One run on each recorded server, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.bundles: dict[str, Path] = {}
        self.requests: dict[str, list[str]] = {}
        for version in VERSIONS:
            asked: list[str] = []
            result = collect(recording(version), folder / version, requests=asked)
            sound(result, folder / version)
            self.bundles[version] = result.bundle.path
            self.requests[version] = asked


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("recorded"))


@pytest.mark.parametrize("version", ["v1.13", "v1.36"])
def test_servers_of_all_ages_give_the_same_kinds_but_for_what_one_of_them_has_not(
    runs: Runs, version: str
) -> None:
    here, there = kinds(runs.bundles["v1.17"]), kinds(runs.bundles[version])
    assert here - there == LACKS[version]
    assert there - here == HAS_MORE[version]


@pytest.mark.parametrize(("more", "less"), [("v1.17", "v1.13"), ("v1.17", "v1.36"), ("v1.36", "v1.17")])
def test_a_kind_that_one_server_lacks_was_not_overlooked(runs: Runs, more: str, less: str) -> None:
    have, lack = resources(runs.bundles[more]), resources(runs.bundles[less])
    for kind in kinds(runs.bundles[more]) - kinds(runs.bundles[less]):
        (name,) = {name for name, row in have.items() if kind in places(row)}
        assert name not in lack or (lack[name]["state"], lack[name]["objects"]) == ("read", 0), name


def places(row: dict[str, Any]) -> tuple[str, str]:
    """Returns the paths of a resource's entries: in a namespace, and of the cluster."""
    plural, _, group = row["resource"].partition(".")
    return layout.objects_prefix(group, plural), layout.objects_path(group, plural, None)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_listable_resource_is_accounted_for(runs: Runs, version: str) -> None:
    assert set(resources(runs.bundles[version])) == listable(recording(version))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_that_was_read_is_in_the_bundle(runs: Runs, version: str) -> None:
    path = runs.bundles[version]
    paths = entries(path)
    for name, row in resources(path).items():
        plural, _, group = name.partition(".")
        held = [entry(path, found) for found in layout.objects_of(paths, group, plural)]
        if row["state"] == "read":
            objects = sum(len(value if isinstance(value, list) else value["items"]) for value in held)
            assert objects == row["objects"], name
        else:
            assert row["state"] == "skipped"
            assert row["why"], name


@pytest.mark.parametrize("version", VERSIONS)
def test_as_many_objects_are_read_as_the_server_holds(runs: Runs, version: str) -> None:
    known = recording(version)
    for name, row in resources(runs.bundles[version]).items():
        plural, _, group = name.partition(".")
        recorded = known.answers.get(
            f"/apis/{group}/{row['version']}/{plural}" if group else f"/api/v1/{plural}"
        )
        if row["state"] == "read":
            assert recorded is not None, name
            assert row["objects"] == len(recorded.json["items"] or ()), name


@pytest.mark.parametrize("version", VERSIONS)
def test_only_what_is_served_twice_or_secret_is_skipped(runs: Runs, version: str) -> None:
    rows = resources(runs.bundles[version])
    skipped = {name for name, row in rows.items() if row["state"] == "skipped"}
    reasons = {rows[name]["why"].partition(" (")[0].rpartition(" as ")[0] for name in skipped - {"secrets"}}
    assert "secrets" in skipped
    assert reasons <= {"the same objects are read"}


@pytest.mark.parametrize("version", VERSIONS)
def test_secrets_are_never_asked_for(runs: Runs, version: str) -> None:
    assert not [request for request in runs.requests[version] if "secrets" in request]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_list_is_asked_for_once(runs: Runs, version: str) -> None:
    rows = resources(runs.bundles[version])
    asked = asked_lists(runs.requests[version])
    assert asked == {(name, "") for name, row in rows.items() if row["state"] == "read"}
    firsts = [request for request in runs.requests[version] if "limit=500" in request]
    whole = [request for request in firsts if "/namespaces/" not in request]
    assert len(firsts) == len(set(firsts))
    assert len(whole) == len(asked)


def with_secrets(version: str) -> Recording:
    return edits.plant(recording(version), "/api/v1/secrets", "", SECRETS)


@pytest.mark.parametrize("version", VERSIONS)
def test_of_secrets_only_names_and_labels_are_asked_for_and_kept(tmp_path: Path, version: str) -> None:
    accepted: list[str] = []

    def note(exchange: Exchange) -> bool:
        accepted.append(exchange.request.headers["accept"])
        return False

    def faults(api: FaultyApi) -> None:
        api.on("*secrets*", note)

    result = collect(with_secrets(version), tmp_path, faults=faults, spec=spec(secret_objects="metadata"))
    sound(result, tmp_path)
    row = resources(result.bundle.path)["secrets"]
    assert (row["state"], row["objects"], row["metadata_only"]) == ("read", 1, True)
    assert accepted
    assert all("as=PartialObjectMetadataList" in choice for text in accepted for choice in text.split(","))
    (path,) = layout.objects_of(entries(result.bundle.path), "", "secrets")
    (item,) = entry(result.bundle.path, path)["items"]
    assert item["metadata"]["name"] == "conductor-db"
    assert set(item) <= {"kind", "apiVersion", "metadata"}
    assert "annotations" not in item["metadata"]
    assert b"aHVudGVyMg" not in whole(result.bundle.path)


def test_a_server_that_sends_whole_secrets_all_the_same_is_not_listened_to(tmp_path: Path) -> None:
    def faults(api: FaultyApi) -> None:
        api.on("/api/v1/secrets*", faulty.refused(Response.of(SECRETS)))

    result = collect(with_secrets("v1.17"), tmp_path, faults=faults, spec=spec(secret_objects="metadata"))
    sound(result, tmp_path)
    assert gaps(result)["list secrets"] == "failed"
    assert resources(result.bundle.path)["secrets"]["state"] == "missing"
    assert b"aHVudGVyMg" not in whole(result.bundle.path)


def test_a_custom_resource_called_secrets_costs_the_others_nothing(tmp_path: Path) -> None:
    known = recording()
    document = "/apis/monitoring.coreos.com/v1"
    resource = {
        "name": "secrets",
        "kind": "Secret",
        "namespaced": True,
        "singularName": "",
        "verbs": ["get", "list"],
    }
    changed = edits.plant(known, document, "/resources/-", resource)
    asked: list[str] = []
    result = collect(changed, tmp_path, requests=asked)
    sound(result, tmp_path)
    rows = resources(result.bundle.path)
    assert rows["secrets.monitoring.coreos.com"]["state"] == "skipped"
    assert rows["servicemonitors.monitoring.coreos.com"]["state"] == "read"
    assert {run.name: str(run.status) for run in result.report.run.collectors}["resources"] == "ok"
    assert not [request for request in asked if "/secrets" in request]


@pytest.mark.parametrize("version", VERSIONS)
def test_what_may_not_be_listed_is_missing_and_a_gap(tmp_path: Path, version: str) -> None:
    denied = {"leases.coordination.k8s.io", "configmaps", "nodes", "deployments.apps"}
    rules = [
        Rule(resource=plural, group=group) for plural, _, group in (name.partition(".") for name in denied)
    ]
    result = collect(recording(version), tmp_path, deny=rules)
    sound(result, tmp_path)
    rows = resources(result.bundle.path)
    missing = {name for name, row in rows.items() if row["state"] == "missing"}
    assert missing == denied & listable(recording(version))
    assert all(gaps(result)[f"list {name}"] == "denied" for name in missing)


def test_a_broken_api_group_costs_itself_alone(tmp_path: Path) -> None:
    broken = edits.with_broken_group(recording(), recording("v1.17-broken-apiservice"), "metrics.k8s.io")
    result = collect(broken, tmp_path)
    sound(result, tmp_path)
    rows = resources(result.bundle.path)
    assert gaps(result)["API group version metrics.k8s.io/v1beta1"] == "failed"
    assert not [name for name in rows if name.endswith("metrics.k8s.io")]
    assert {row["state"] for row in rows.values()} == {"read", "skipped"}


def test_a_kind_that_every_server_has_and_this_one_has_not_is_told(tmp_path: Path) -> None:
    result = collect(edits.without_group(recording(), "batch"), tmp_path)
    sound(result, tmp_path)
    assert gaps(result)["list jobs.batch"] == "absent"
    assert gaps(result)["list cronjobs.batch"] == "absent"
    assert "jobs.batch" not in resources(result.bundle.path)
