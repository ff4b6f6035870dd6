"""What the operator wishes is what is asked for, and what is in the bundle."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from collector.bundle import layout
from collector.demo import messages
from collector.demo.recording import Json, LogKey, Recording
from collector.pipeline import RunResult
from collector.records import Status
from collector.spec import Catalog, Spec, load_catalog
from tests.lib import edits, faulty
from tests.lib.collected import (
    asked_lists,
    asked_logs,
    content,
    entries,
    gaps,
    logs,
    resources,
    sound,
    spec,
)
from tests.lib.faulty import Exchange, FaultyApi
from tests.lib.recordings import recording
from tests.lib.runs import Faults, collect, entry

HELM = ("configmaps", "")  # release records of Helm 2 lie where Tiller is, whatever namespaces are read


@dataclass(frozen=True, kw_only=True)
class Run:
    result: RunResult
    asked: list[str]

    @property
    def path(self) -> Path:
        return self.result.bundle.path

    @property
    def lists(self) -> set[tuple[str, str]]:
        return asked_lists(self.asked) - {HELM}

    @property
    def namespaces(self) -> set[str]:
        """Those that entries of objects and logs come from."""
        return {layout.namespace_of(name) for name in entries(self.path)} - {""}


@functools.cache
def cluster() -> Recording:
    """The recorded incident, and a pod of another application that was started again."""
    items = recording().answers["/api/v1/pods"].json["items"]
    at = next(at for at, pod in enumerate(items) if pod["metadata"]["namespace"] == "traefik")
    place = f"/items/{at}/status/containerStatuses/0/restartCount"
    return edits.plant(recording(), "/api/v1/pods", place, 2)


def run(folder: Path, wishes: Spec, faults: Faults = lambda api: None) -> Run:
    asked: list[str] = []
    result = collect(cluster(), folder, spec=wishes, requests=asked, faults=faults)
    sound(result, folder)
    return Run(result=result, asked=asked)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("profiles")
    return {name: run(folder / name, spec(profile=name)) for name in ("minimal", "standard", "full")}


def pods() -> Iterator[Json]:
    yield from cluster().answers["/api/v1/pods"].json["items"]


def containers(pod: Json) -> Iterator[tuple[str, Json]]:
    """Yields name and status of each container, of whatever sort."""
    status = pod["status"]
    for kind in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"):
        for found in status.get(kind) or ():
            yield found["name"], found


def has_log(status: Json) -> bool:
    return "waiting" not in status["state"] or status["restartCount"] > 0


def expected_logs(wanted: set[str]) -> set[LogKey]:
    """Returns the logs of the pods called so: of each container that ever ran, and of its run before."""
    found = set()
    for pod in pods():
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        for container, status in containers(pod) if name in wanted else ():
            if has_log(status):
                found.add(LogKey(namespace=namespace, pod=name, container=container))
            if status["restartCount"]:
                found.add(LogKey(namespace=namespace, pod=name, container=container, previous=True))
    return found


def in_trouble(pod: Json) -> bool:
    phase = pod["status"]["phase"]
    if phase == "Succeeded":
        return False
    unready = any(not status["ready"] for status in pod["status"].get("containerStatuses") or ())
    return phase != "Running" or unready or any(status["restartCount"] for _, status in containers(pod))


def named(*, namespace: str = "", troubled: bool = False) -> set[str]:
    return {
        pod["metadata"]["name"]
        for pod in pods()
        if pod["metadata"]["namespace"] == namespace or (troubled and in_trouble(pod))
    }


def test_the_recorded_cluster_can_tell_the_profiles_apart() -> None:
    every = {pod["metadata"]["name"] for pod in pods()}
    assert named(troubled=True) < named(namespace="conductor", troubled=True) < every
    assert not named(troubled=True) <= named(namespace="conductor")


def test_minimal_asks_for_the_rows_marked_so_and_nothing_else(
    profiles: dict[str, Run], catalog: Catalog
) -> None:
    minimal = {
        (f"{row.name}.{group}" if group else row.name, "")
        for row in catalog.rows
        for group in row.groups
        if row.minimal
    }
    assert {("pods", ""), ("nodes", ""), ("events", "")} < profiles["minimal"].lists < minimal


@pytest.mark.parametrize("profile", ["standard", "full"])
def test_other_profiles_ask_for_every_kind(profiles: dict[str, Run], profile: str) -> None:
    rows = resources(profiles[profile].path)
    assert asked_lists(profiles[profile].asked) == {
        (name, "") for name, row in rows.items() if row["state"] == "read"
    }
    assert len(rows) > 60


def test_what_a_profile_leaves_out_is_listed_with_its_reason(profiles: dict[str, Run]) -> None:
    rows = resources(profiles["minimal"].path)
    assert "minimal" in rows["leases.coordination.k8s.io"]["why"]
    assert {name for name, row in rows.items() if row["state"] == "read"} == {
        name for name, _ in profiles["minimal"].lists
    }
    assert rows.keys() == resources(profiles["full"].path).keys()


def test_minimal_reads_the_logs_of_pods_in_trouble(profiles: dict[str, Run]) -> None:
    assert set(asked_logs(profiles["minimal"].asked)) == expected_logs(named(troubled=True))


def test_standard_reads_those_of_conductor_as_well(profiles: dict[str, Run]) -> None:
    wanted = named(namespace="conductor", troubled=True)
    assert set(asked_logs(profiles["standard"].asked)) == expected_logs(wanted)


def test_full_reads_all_of_them(profiles: dict[str, Run]) -> None:
    wanted = {pod["metadata"]["name"] for pod in pods()}
    assert set(asked_logs(profiles["full"].asked)) == expected_logs(wanted)


@pytest.mark.parametrize("profile", ["minimal", "standard", "full"])
def test_every_log_is_asked_for_once_with_its_bounds(profiles: dict[str, Run], profile: str) -> None:
    requests = [request for request in profiles[profile].asked if "/log?" in request]
    keys = asked_logs(requests)
    # One node of the recorded cluster is dead: what it answers is asked for again.
    assert len(keys) - len(set(keys)) <= len([key for key in keys if "redis" in key.pod])
    for request in requests:
        assert "timestamps=true" in request
        assert "tailLines=100000" in request
        assert "sinceTime=2026-11-18T15%3A50" in request


@pytest.mark.parametrize("profile", ["minimal", "standard", "full"])
def test_every_log_asked_for_is_in_the_bundle_or_a_gap(profiles: dict[str, Run], profile: str) -> None:
    told = gaps(profiles[profile].result)
    held = logs(profiles[profile].path)
    for key in set(asked_logs(profiles[profile].asked)):
        subject = f"{'previous log' if key.previous else 'log'} of {key.pod}/{key.container}"
        assert (key in held) != (subject in told), subject


def test_namespaces_narrow_what_is_asked_for(tmp_path: Path) -> None:
    made = run(tmp_path, spec(profile="full", namespaces=("conductor", "traefik")))
    namespaced = {(name, namespace) for name, namespace in made.lists if namespace}
    cluster = {name for name, namespace in made.lists if not namespace}
    assert {namespace for _, namespace in namespaced} == {"conductor", "traefik"}
    assert not cluster & {name for name, _ in namespaced}
    assert {"nodes", "namespaces", "persistentvolumes"} < cluster
    assert {key.namespace for key in asked_logs(made.asked)} == {"conductor", "traefik"}
    assert made.namespaces == {"conductor", "traefik"}


def test_only_release_records_are_looked_for_outside_of_them(tmp_path: Path) -> None:
    made = run(tmp_path, spec(namespaces=("conductor",)))
    outside = [request for request in made.asked if "/api/v1/configmaps" in request]
    assert outside
    assert all("labelselector=owner%3d" in request.casefold() for request in outside)


def test_a_namespace_that_is_not_there_is_no_trouble(tmp_path: Path) -> None:
    made = run(tmp_path, spec(namespaces=("nowhere",)))
    assert made.namespaces == {"nowhere"}
    assert "cluster-resources/nodes.json" in entries(made.path)
    assert entry(made.path, layout.objects_path("", "pods", "nowhere"))["items"] == []


EXCLUDED = ("kube-system", "velero")


def test_excluded_namespaces_are_not_asked_for(tmp_path: Path) -> None:
    made = run(tmp_path, spec(profile="full", exclude_namespaces=EXCLUDED))
    selector = "fieldSelector=metadata.namespace%21%3Dkube-system%2Cmetadata.namespace%21%3Dvelero"
    namespaced = recording().resources
    for request in made.asked:
        if "limit=500" in request and "/namespaces/" not in request:
            name = request.partition("?")[0].rpartition("/")[2]
            inside = {
                found[name].namespaced
                for found in namespaced.values()
                if name in found and "list" in found[name].verbs
            }
            assert (selector in request) == inside.pop(), request
    assert not made.namespaces & set(EXCLUDED)
    assert {"conductor", "traefik"} < made.namespaces
    assert not {key.namespace for key in asked_logs(made.asked)} & set(EXCLUDED)


def test_a_server_that_ignores_the_exclusion_is_not_obeyed(tmp_path: Path) -> None:
    def faults(api: FaultyApi) -> None:
        def ignoring(exchange: Exchange) -> bool:
            target = exchange.request.target
            plain = replace(exchange.request, target=target.partition("?")[0] + "?limit=500")
            exchange.wire.send(api.api.answer(plain))
            return True

        api.on("*fieldSelector=*", ignoring)

    made = run(tmp_path, spec(exclude_namespaces=EXCLUDED), faults)
    assert not made.namespaces & set(EXCLUDED)
    assert "conductor" in made.namespaces
    assert b'"namespace":"kube-system"' not in content(made.path, layout.EVENTS)


def test_an_excluded_namespace_wins_over_a_named_one(tmp_path: Path) -> None:
    made = run(tmp_path, spec(namespaces=("conductor", "velero"), exclude_namespaces=("velero",)))
    assert made.namespaces == {"conductor"}
    assert not [request for request in made.asked if "/namespaces/velero/" in request]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"include": ("pods", "*.velero.io")}, lambda name: name == "pods" or name.endswith(".velero.io")),
        (
            {"exclude": ("*.velero.io", "events")},
            lambda name: not name.endswith(".velero.io") and name != "events",
        ),
    ],
    ids=["include", "exclude"],
)
def test_kinds_are_included_and_excluded_by_pattern(
    tmp_path: Path, changes: dict[str, tuple[str, ...]], expected: Callable[[str], bool]
) -> None:
    made = run(tmp_path, spec(resources=changes))
    rows = resources(made.path)
    read = {name for name, row in rows.items() if row["state"] == "read"}
    assert {name for name, _ in made.lists} | ({"configmaps"} & read) == read
    unread = {name for name, row in rows.items() if not expected(name)}
    assert not unread & read
    assert all(
        "spec" in rows[name]["why"] or "same objects" in rows[name]["why"] for name in unread - {"secrets"}
    )
    assert gaps(made.result).keys().isdisjoint({f"list {name}" for name in unread})


def test_a_selector_narrows_the_logs_alone(tmp_path: Path) -> None:
    made = run(tmp_path, spec(profile="full", logs={"selector": "component in (web, worker)"}))
    expected = {
        pod["metadata"]["name"]
        for pod in pods()
        if pod["metadata"]["labels"].get("component") in ("web", "worker")
    }
    assert {key.pod for key in asked_logs(made.asked)} == expected != set()
    assert len(made.namespaces) > 3


def test_a_selector_that_the_server_refuses_is_a_gap(tmp_path: Path) -> None:
    # A server may know less of the grammar than we do.
    refused = faulty.refused(messages.bad_request("unable to parse requirement"))
    made = run(
        tmp_path,
        spec(logs={"selector": "app in (conductor)"}),
        faults=lambda api: api.on("*labelSelector=app*", refused),
    )
    assert gaps(made.result)["container logs"] == "failed"
    assert asked_logs(made.asked) == []


def test_only_these_collectors_run(tmp_path: Path) -> None:
    made = run(tmp_path, spec(only=("cluster",)))
    ours = {"agent", "canary", "itself"}
    assert {found["collector"] for found in entries(made.path).values()} == {"cluster"} | ours
    assert {name for name, _ in made.lists} == {
        row.name if not row.groups[0] else f"{row.name}.{row.groups[0]}"
        for row in load_catalog().of("cluster")
    }


def test_skipped_collectors_do_not_run_and_ask_nothing(tmp_path: Path) -> None:
    made = run(tmp_path, spec(skip=("logs", "resources", "facts")))
    ended = {found.name: found.status for found in made.result.report.run.collectors}
    assert {ended[name] for name in ("logs", "resources", "facts")} == {Status.SKIPPED}
    assert asked_logs(made.asked) == []
    assert not [name for name, _ in made.lists if name.startswith(("leases", "clusterroles"))]
    assert layout.EVENTS not in entries(made.path)


def test_a_collector_that_a_profile_leaves_nothing_to_read_is_skipped_not_ok(tmp_path: Path) -> None:
    made = run(tmp_path, spec(profile="minimal"))
    ended = {found.name: (found.status, found.note) for found in made.result.report.run.collectors}
    assert ended["resources"] == (Status.SKIPPED, "not part of the profile minimal")
    assert ended["workloads"][0] is Status.OK


def test_what_a_skipped_collector_would_have_read_is_not_called_missing(tmp_path: Path) -> None:
    made = run(tmp_path, spec(skip=("resources",)))
    row = resources(made.path)["leases.coordination.k8s.io"]
    assert (row["state"], bool(row["why"])) == ("skipped", True)


def test_logs_alone_say_why_there_are_none(tmp_path: Path) -> None:
    made = run(tmp_path, spec(only=("logs",)))
    (gap,) = [gap for gap in made.result.report.run.gaps if gap.subject == "container logs"]
    assert "workloads" in gap.reason
    assert entry(made.path, layout.READ)
