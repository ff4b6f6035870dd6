"""A cluster that refuses, hangs or dies, or a wrong clock: the bundle is whole and says what is missing."""

from __future__ import annotations

import re
import threading
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

from collector.bundle import layout
from collector.demo.apiserver import Rule
from collector.demo.recording import LogKey, Recording
from tests.lib import faulty
from tests.lib.collected import (
    asked_lists,
    asked_logs,
    content,
    entries,
    gaps,
    listable,
    log_moments,
    logs,
    resources,
    sound,
    spec,
)
from tests.lib.dying import dies_after
from tests.lib.faulty import Exchange
from tests.lib.recordings import VERSIONS, recording
from tests.lib.runs import collect, entry, verdicts


def cluster_scoped(known: Recording) -> list[Rule]:
    """Returns the rules that take away every resource that lies in no namespace."""
    return [
        Rule(group=group, resource=found.name)
        for (group, _), named in known.resources.items()
        for found in named.values()
        if not found.namespaced and "list" in found.verbs
    ]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("first", [0, 1])
def test_of_resources_half_of_which_are_denied_the_other_half_is_read(
    tmp_path: Path, version: str, first: int
) -> None:
    known = recording(version)
    denied = sorted(listable(known) - {"secrets"})[first::2]
    rules = [Rule(resource=n, group=g) for n, _, g in (name.partition(".") for name in denied)]
    result = collect(known, tmp_path, deny=rules)
    sound(result, tmp_path)
    rows = resources(result.bundle.path)
    for name, row in rows.items():
        if name in denied:
            assert row["state"] in ("missing", "skipped"), name
            assert row["state"] == "skipped" or gaps(result)[f"list {name}"] == "denied"
        else:
            assert row["state"] in ("read", "skipped"), name
    needs = {gap.subject: gap.needs for gap in result.report.run.gaps}
    assert all("verb list on" in needs[f"list {name}"] for name in denied if rows[name]["state"] == "missing")
    assert not [
        path
        for name in denied
        if rows[name]["state"] == "missing"
        for path in layout.objects_of(
            entries(result.bundle.path), name.partition(".")[2], name.partition(".")[0]
        )
    ]


def test_with_rights_in_one_namespace_that_namespace_is_read_whole(tmp_path: Path) -> None:
    known = recording()
    asked: list[str] = []
    result = collect(
        known,
        tmp_path,
        deny=[Rule(namespace=""), *cluster_scoped(known)],
        requests=asked,
        spec=spec(profile="full"),
    )
    sound(result, tmp_path)
    namespaces = {layout.namespace_of(name) for name in entries(result.bundle.path)} - {""}
    assert namespaces == {"conductor"}
    assert {"pods", "events", "configmaps", "deployments.apps"} <= {
        name for name, row in resources(result.bundle.path).items() if row["state"] == "read"
    }
    pods = {
        (pod["metadata"]["namespace"], pod["metadata"]["name"])
        for pod in known.answers["/api/v1/pods"].json["items"]
    }
    read = {key.pod for key in logs(result.bundle.path)}
    assert read <= {name for namespace, name in pods if namespace == "conductor"}
    assert len(read) > 10
    assert gaps(result)["list pods"] == "denied"
    assert gaps(result)["list nodes"] == "denied"
    assert any(key.startswith("CND-APP-001") for key in verdicts(result))


def test_a_selector_works_with_rights_in_one_namespace(tmp_path: Path) -> None:
    known = recording()
    result = collect(
        known,
        tmp_path,
        deny=[Rule(namespace=""), *cluster_scoped(known)],
        spec=spec(logs={"selector": "component=web"}),
    )
    sound(result, tmp_path)
    assert {key.pod for key in logs(result.bundle.path)} == {
        "conductor-web-858fbc65bc-mkmcl",
        "conductor-web-858fbc65bc-zg7s9",
    }


def test_without_any_right_the_bundle_says_so(tmp_path: Path) -> None:
    result = collect(recording(), tmp_path, deny=[Rule()])
    sound(result, tmp_path)
    rows = resources(result.bundle.path)
    assert {row["state"] for row in rows.values()} == {"missing", "skipped"}
    assert all(
        gaps(result)[f"list {name}"] == "denied" for name, row in rows.items() if row["state"] == "missing"
    )


def test_a_log_that_stalls_is_kept_up_to_the_last_line_that_came(tmp_path: Path) -> None:
    result = collect(
        recording(),
        tmp_path,
        faults=lambda api: api.on("*/log?container=nginx*", faulty.stalled(0.5)),
        request_timeout=0.3,
    )
    sound(result, tmp_path)
    known = recording().logs
    cut = [key for key in logs(result.bundle.path) if key.container == "nginx"]
    assert len(cut) == 2
    for key in cut:
        path = layout.log_path(key.namespace, key.pod, key.container, previous=False)
        kept = content(result.bundle.path, path).splitlines()
        whole = known[LogKey(namespace=key.namespace, pod=key.pod, container="nginx")].body.splitlines()
        assert 0 < len(kept) < len(whole)
        stamps = [line.partition(b" ")[0] for line in whole]
        assert [line.partition(b" ")[0] for line in kept[:-1]] == stamps[: len(kept) - 1]
        assert entries(result.bundle.path)[path]["note"] == "ends early: timeout"
        assert gaps(result)[f"log of {key.pod}/nginx"] == "timeout"


def test_while_half_of_the_logs_stall_the_others_are_read(tmp_path: Path) -> None:
    stalled: set[str] = set()
    lock = threading.Lock()
    turns = iter(range(10_000))

    def every_second(exchange: Exchange) -> bool:
        with lock:
            stalls = next(turns) % 2 == 0
            if stalls:
                stalled.add(exchange.request.target)
        return stalls and faulty.silent()(exchange)

    asked: list[str] = []
    result = collect(
        recording(),
        tmp_path,
        faults=lambda api: api.on("*/log?*", every_second),
        request_timeout=0.5,
        spec=spec(profile="full"),
        requests=asked,
    )
    sound(result, tmp_path)
    silent = set(asked_logs(f"GET {target}" for target in stalled))
    others = set(asked_logs(asked)) - silent
    told = gaps(result)
    assert len(silent) > 20
    assert len(others) > 20
    # One node of the recorded cluster is dead, and some logs of past runs are gone.
    unread = {key for key in others if key not in logs(result.bundle.path)}
    assert {key.pod.partition("-")[0] for key in unread} <= {"conductor"}
    assert len(unread) < 5
    for key in silent:
        words = "previous log" if key.previous else "log"
        assert told[f"{words} of {key.pod}/{key.container}"] == "timeout"


@pytest.mark.parametrize("version", ["v1.17", "v1.36"])
@pytest.mark.parametrize("after", [12, 45, 60, 80, 100])
def test_a_server_that_dies_halfway_leaves_what_came_before(tmp_path: Path, version: str, after: int) -> None:
    asked: list[str] = []
    result = collect(
        recording(version),
        tmp_path,
        faults=lambda api: api.on("*", dies_after(after)),
        request_timeout=1.0,
        requests=asked,
    )
    sound(result, tmp_path)
    rows = resources(result.bundle.path)
    told = gaps(result)
    missing = {name for name, row in rows.items() if row["state"] == "missing"}
    assert missing <= {subject.removeprefix("list ") for subject in told}
    held = layout.objects_of(entries(result.bundle.path), "", "pods")
    assert bool(held) == (rows["pods"]["state"] == "read" and rows["pods"]["objects"] > 0)
    assert told
    assert "failed" in told.values()
    assert entry(result.bundle.path, layout.API_COST)["requests"] >= len(asked_lists(asked))


@pytest.mark.parametrize("ahead", [3600.0, -3600.0])
def test_a_clock_that_is_an_hour_off_is_reported_and_ages_are_the_clusters(
    tmp_path: Path, ahead: float
) -> None:
    # The server is right about the time of its objects, and it is our own clock that is wrong.
    known = recording()
    right = collect(known, tmp_path / "right")
    wrong = collect(known, tmp_path / "wrong", offset=-ahead)
    sound(wrong, tmp_path / "wrong")
    assert wrong.report.run.clock_skew_seconds == pytest.approx(ahead, abs=3)
    assert entry(wrong.bundle.path, layout.API_COST)["clock_skew_seconds"] == pytest.approx(ahead, abs=3)
    findings = [
        [
            (judged.finding.rule, judged.finding.subject.name, said(judged.finding.summary))
            for judged in r.report.findings
        ]
        for r in (right, wrong)
    ]
    assert findings[0] == findings[1]


@pytest.mark.parametrize("offset", [259200.0, -259200.0, 3600.0])
def test_a_clock_that_is_off_changes_no_log_and_is_told_of(tmp_path: Path, offset: float) -> None:
    known = recording()
    right = collect(known, tmp_path / "right")
    asked: list[str] = []
    wrong = collect(known, tmp_path / "wrong", offset=offset, requests=asked)
    starts = {
        datetime.fromisoformat(unquote(found)) for found in re.findall(r"sinceTime=([^&]+)", " ".join(asked))
    }
    assert len(starts) == 1
    assert abs(starts.pop() - (known.recorded_at - timedelta(hours=48))) < timedelta(minutes=1)
    assert log_moments(right.bundle.path) == log_moments(wrong.bundle.path)
    assert sum(map(len, log_moments(right.bundle.path).values())) > 100
    assert right.report.run.window_seconds == wrong.report.run.window_seconds == 48 * 3600
    way = "behind" if offset > 0 else "ahead of"
    told = (wrong.ticket or tmp_path).read_text()
    assert f"{way} this machine's" in " ".join(told.split())
    assert "this machine's" not in (right.ticket or tmp_path).read_text()


@pytest.mark.parametrize("window", ["99999999w", "9" * 400 + "w"])
def test_a_window_longer_than_time_itself_reads_all_there_is(tmp_path: Path, window: str) -> None:
    asked: list[str] = []
    collect(recording(), tmp_path, spec=spec(logs={"window": window}), requests=asked)
    starts = set(re.findall(r"sinceTime=([^&]+)", " ".join(asked)))
    assert {unquote(start) for start in starts} == {"1970-01-01T00:00:00Z"}


def said(summary: str) -> str:
    """Returns a sentence without the seconds of the ages in it."""
    return " ".join(
        word.rpartition("m")[0] if word.endswith("s") and word[:-1].rpartition("m")[2].isdecimal() else word
        for word in summary.split()
    )
