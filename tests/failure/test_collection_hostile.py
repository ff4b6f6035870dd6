"""A server that breaks the rules of its own API costs what it breaks, and nothing else."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest

from collector.bundle import layout
from collector.demo import messages
from collector.demo.messages import Response
from collector.demo.recording import Answer, Json, Recording
from collector.pipeline import RunResult
from collector.records import Status
from collector.records.access import mapping, string
from tests.lib import faulty
from tests.lib.collected import content, entries, gaps, logs, resources, sound, spec
from tests.lib.crowd import NAMESPACE, crowd, with_pods
from tests.lib.recordings import recording
from tests.lib.runs import Faults, collect, entry

PODS = "/api/v1/pods"
EVENTS = "/api/v1/events"


def run(
    known: Recording, folder: Path, *, faults: Faults = lambda api: None, asked: list[str] | None = None
) -> RunResult:
    result = collect(known, folder, faults=faults, spec=spec(profile="full"), requests=asked)
    sound(result, folder)
    assert "failed" not in {str(ran.status) for ran in result.report.run.collectors}
    return result


def changed(path: str, change: Callable[[list[Json]], list[Json]]) -> Recording:
    """Returns the recorded cluster with other items in one list."""
    known = recording()
    document = copy.deepcopy(known.answers[path].json)
    document["items"] = change(document["items"])
    return known.with_answers({path: Answer.of(document)})


def test_a_list_that_breaks_off_between_two_pages_marks_where_it_ends(tmp_path: Path) -> None:
    known = with_pods(recording(), crowd(0, 700))
    result = run(known, tmp_path, faults=lambda api: api.on(f"{PODS}?*continue=*", faulty.server_error()))
    rows = entries(result.bundle.path)
    cut = layout.objects_path("", "pods", NAMESPACE)
    assert rows[cut]["status"] == "partial"
    assert len(entry(result.bundle.path, cut)["items"]) > 400
    assert rows[layout.objects_path("", "pods", "conductor")]["status"] == "ok"
    assert layout.objects_path("", "pods", "traefik") not in rows
    (gap,) = [gap for gap in result.report.run.gaps if gap.subject == "list pods"]
    assert (gap.status, gap.namespace) == (Status.FAILED, "")
    assert "conductor" in {key.namespace for key in logs(result.bundle.path)}


def test_a_list_out_of_order_is_one_gap_however_long_it_is(tmp_path: Path) -> None:
    def shuffled(items: list[Json]) -> list[Json]:
        conductor = [item for item in items if item["metadata"]["namespace"] == "conductor"]
        others = [item for item in items if item["metadata"]["namespace"] != "conductor"]
        mixed = [item for pair in zip(conductor, others, strict=False) for item in pair]
        return mixed + others[len(conductor) :]

    known = changed(PODS, shuffled)
    result = run(known, tmp_path)
    told = [gap for gap in result.report.run.gaps if gap.subject == "list pods"]
    assert [gap.status for gap in told] == [Status.PARTIAL]
    held = sum(
        len(entry(result.bundle.path, path)["items"])
        for path in layout.objects_of(entries(result.bundle.path), "", "pods")
    )
    missing = len(known.answers[PODS].json["items"]) - held
    assert missing > 0
    assert f"{missing} objects" in told[0].reason


NO_NAMES = ("../../secrets", "a b", "x?container=y", "x%2fy", "", "ünï", "x" * 300, "web\n", "a/b/c", ".")


def test_pods_with_impossible_names_are_asked_nothing_and_the_others_are(tmp_path: Path) -> None:
    def renamed(items: list[Json]) -> list[Json]:
        calico = [item for item in items if item["metadata"]["name"].startswith(("calico", "kube-"))]
        for item, name in zip(calico, NO_NAMES, strict=False):
            item["metadata"]["name"] = name
        return items

    asked: list[str] = []
    result = run(changed(PODS, renamed), tmp_path, asked=asked)
    for request in asked:
        path = request.removeprefix("GET ").partition("?")[0]
        assert path.isascii()
        assert not [part for part in ("..", "%", "//", "/./", "/secrets") if part in path]
    reasons = [gap.reason for gap in result.report.run.gaps if gap.subject.startswith("log of ")]
    # The one that is only too long is harmless, and nobody has it.
    assert reasons.count("no API server may use such a name") == len(NO_NAMES) - 1
    assert len({key.namespace for key in logs(result.bundle.path)}) > 3


def test_namespaces_with_impossible_names_have_entries_that_readers_accept(tmp_path: Path) -> None:
    names = sorted(("../x", "Con Ductor", "a/b", "x" * 300, "\x1b[31m", "con:aux", "CONDUCTOR"))

    def moved(items: list[Json]) -> list[Json]:
        for item, namespace in zip(items, names, strict=False):
            item["metadata"]["namespace"] = namespace
        return sorted(items, key=lambda item: namespace_of(item) + "/")

    known = changed("/api/v1/configmaps", moved)
    result = run(known, tmp_path)
    row = resources(result.bundle.path)["configmaps"]
    assert (row["state"], row["objects"]) == ("read", len(known.answers["/api/v1/configmaps"].json["items"]))
    assert gaps(result).keys().isdisjoint({"list configmaps"})
    paths = layout.objects_of(entries(result.bundle.path), "", "configmaps")
    assert sum(len(entry(result.bundle.path, path)["items"]) for path in paths) == row["objects"]
    assert len(paths) == len(
        {namespace_of(item) for item in known.answers["/api/v1/configmaps"].json["items"]}
    )


ABSURD: list[Json] = [
    {},
    {"metadata": None},
    {"metadata": [], "spec": 5, "status": "Running"},
    {"metadata": {"name": 5, "namespace": ["conductor"], "labels": "app"}, "spec": {"containers": "web"}},
    {"metadata": {"name": "x", "namespace": "conductor"}, "spec": {"containers": [None, 5, {"name": None}]}},
    {
        "metadata": {
            "name": "x",
            "namespace": "conductor",
            "ownerReferences": [{"kind": "Pod", "name": "x"}],
        },
        "status": {"phase": 7, "containerStatuses": [{"name": "web", "restartCount": 10**30, "state": 1}]},
        "spec": {"containers": [{"name": "web", "image": 5}]},
    },
    {"kind": "Secret", "metadata": {"name": "x", "namespace": "conductor"}, "data": {"a": "aHVudGVyMg=="}},
]


def namespace_of(item: Json) -> str:
    return string(mapping(item, "metadata"), "namespace")


@pytest.mark.parametrize("path", [PODS, EVENTS, "/apis/apps/v1/deployments", "/api/v1/nodes"])
def test_absurd_objects_harm_no_others(tmp_path: Path, path: str) -> None:
    def with_absurd(items: list[Json]) -> list[Json]:
        # Servers keep lists in order of namespaces, this one too.
        return sorted([*ABSURD, *items], key=lambda item: namespace_of(item) + "/")

    result = run(changed(path, with_absurd), tmp_path)
    assert {str(ran.status) for ran in result.report.run.collectors} <= {"ok", "partial"}
    rows = resources(result.bundle.path)
    assert rows["pods"]["objects"] >= len(recording().answers[PODS].json["items"])
    assert "aHVudGVyMg" not in json.dumps(
        [
            content(result.bundle.path, p).decode()
            for p in layout.objects_of(entries(result.bundle.path), "", "pods")
        ]
    )


def test_events_from_the_ends_of_time_are_kept(tmp_path: Path) -> None:
    def timed(items: list[Json]) -> list[Json]:
        for item, moment in zip(
            items, ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "later"), strict=False
        ):
            item["lastTimestamp"] = moment
        return items

    known = changed(EVENTS, timed)
    result = run(known, tmp_path)
    lines = content(result.bundle.path, layout.EVENTS).splitlines()
    assert len(lines) == len(known.answers[EVENTS].json["items"])
    assert [line for line in map(json.loads, lines) if line["time"]]


def test_more_namespaces_than_a_bundle_has_entries_still_make_a_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Room for the run's own account is kept, whatever the cluster is like.
    for place in ("collector.pipeline.budget", "collector.bundle.writer"):
        monkeypatch.setattr(f"{place}.MAX_MEMBERS", 180)
    result = run(recording(), tmp_path)
    assert layout.FINDINGS_JSON in entries(result.bundle.path)
    told = Counter(str(gap.status) for gap in result.report.run.gaps)
    assert told["truncated"] > 10
    reasons = {gap.reason for gap in result.report.run.gaps if gap.status is Status.TRUNCATED}
    assert reasons == {"the bundle holds as many entries as readers accept"}


def test_pods_that_no_node_took_have_no_log_and_that_is_no_failure(tmp_path: Path) -> None:
    def unscheduled(items: list[Json]) -> list[Json]:
        for item in items:
            if item["metadata"]["name"].startswith("conductor-worker"):
                item["status"] = {"phase": "Pending"}
        return items

    message = "pod conductor-worker does not have a host assigned"
    refusal = faulty.refused(messages.failure(HTTPStatus.BAD_REQUEST, "BadRequest", message))
    known = changed(PODS, unscheduled)
    result = run(known, tmp_path, faults=lambda api: api.on("*/conductor-worker*/log?*", refusal))
    told = {status for subject, status in gaps(result).items() if "log of conductor-worker" in subject}
    assert told == {"absent"}


def test_pages_that_repeat_for_ever_end(tmp_path: Path) -> None:
    answer = recording().answers[PODS]
    endless = {**answer.json, "metadata": {**answer.json["metadata"], "continue": "again"}}
    response = replace(answer, body=json.dumps(endless).encode())
    known = recording().with_answers({PODS: response})
    result = run(
        known,
        tmp_path,
        faults=lambda api: api.on(f"{PODS}?*", faulty.refused(Response.recorded(response))),
    )
    assert gaps(result)["list pods"] in ("failed", "partial")
