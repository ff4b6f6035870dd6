"""Where there is not room or time for everything, what is worth most is read first and kept."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.bundle import layout
from collector.demo.recording import Answer, Json, LogKey, Recording
from collector.pipeline import RunResult
from collector.records import Status
from tests.lib.collected import asked_logs, content, entries, logs, resources, sound, spec
from tests.lib.crowd import NAMESPACE, chatty, crowd, with_pods
from tests.lib.faulty import Exchange, Fault
from tests.lib.recordings import VERSIONS, recording
from tests.lib.runs import collect
from tests.lib.streams import sends

MIB = 1024 * 1024
# What is in no frame yet when the last entry is let in can only be foreseen: a frame, at worst half of which
# was not counted.
TOLERANCE = MIB // 2
BAD, CALM = 20, 100
ONLY = ("cluster", "workloads", "resources")


@functools.cache
def cluster() -> Recording:
    return with_pods(recording(), crowd(BAD, CALM))


def run(folder: Path, size: str, log: Fault) -> RunResult:
    result = collect(
        cluster(),
        folder,
        faults=lambda api: api.on("*/log?*", log),
        spec=spec(profile="full", limits={"bundle": size}),
    )
    sound(result, folder)
    return result


def noise(exchange: Exchange) -> bool:
    """Logs that hardly compress, each shorter than what is compressed at once."""
    return sends([os.urandom(100_000).hex("\n", 50).encode()])(exchange)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run(tmp_path_factory.mktemp("small"), "1Mi", chatty(200_000))


def of_crowd(result: RunResult, start: str) -> list[LogKey]:
    found = logs(result.bundle.path)
    return [key for key in found if key.namespace == NAMESPACE and key.pod.startswith(start)]


def test_the_file_stays_below_its_limit_and_uses_what_it_may(small: RunResult) -> None:
    assert 0.7 * MIB < small.bundle.size <= MIB


@pytest.mark.parametrize("size", [1, 3])
def test_logs_that_hardly_compress_do_not_break_the_limit(tmp_path: Path, size: int) -> None:
    assert run(tmp_path, f"{size}Mi", noise).bundle.size < size * MIB + TOLERANCE


def test_all_telling_logs_are_there_before_any_other(small: RunResult) -> None:
    assert len(of_crowd(small, "bad-")) == 2 * BAD
    assert 0 < len(of_crowd(small, "calm-")) < CALM
    told = {gap.subject for gap in small.report.run.gaps if gap.status is Status.TRUNCATED}
    assert not [subject for subject in told if "bad-" in subject or "conductor-" in subject]


def test_each_log_left_out_is_a_gap_that_says_how_to_have_it(small: RunResult) -> None:
    held = {key.pod for key in of_crowd(small, "calm-")}
    told = {
        gap.subject.partition("/")[0].removeprefix("log of "): gap
        for gap in small.report.run.gaps
        if gap.namespace == NAMESPACE
    }
    assert held.isdisjoint(told)
    assert len(held) + len(told) == CALM
    assert all("--max-size" in gap.needs and gap.status is Status.TRUNCATED for gap in told.values())


def test_a_log_that_was_cut_holds_its_newest_lines_and_says_how_much_is_gone(small: RunResult) -> None:
    cut = [
        (layout.log_path(key.namespace, key.pod, key.container, previous=key.previous), key)
        for key in of_crowd(small, "bad-")
    ]
    rows = entries(small.bundle.path)
    for path, _ in cut:
        text = content(small.bundle.path, path)
        assert rows[path]["status"] == "truncated"
        assert rows[path]["note"] == f"cut: the newest {len(text)} bytes of 200000 are kept"
        numbers = [int(line.split()[3]) for line in text.splitlines()[:-1]]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert len(text) > 60_000


def test_what_is_vital_stays(small: RunResult) -> None:
    rows = entries(small.bundle.path)
    vital = ("workloads", "cluster", "conductor", "postgres", "versions", "facts", "itself")
    assert all(found["status"] == "ok" for found in rows.values() if found["collector"] in vital)
    assert {layout.EVENTS, layout.API_REQUESTS, layout.VERSIONS, layout.READ} < rows.keys()
    ran = {found.name: found.status for found in small.report.run.collectors}
    assert {ran[name] for name in vital} == {Status.OK}
    assert resources(small.bundle.path)["pods"]["objects"] == len(
        cluster().answers["/api/v1/pods"].json["items"]
    )


def test_with_room_for_everything_nothing_is_cut(tmp_path: Path) -> None:
    result = run(tmp_path, "200Mi", chatty(200_000))
    assert len(of_crowd(result, "")) == 2 * BAD + CALM
    assert {found["status"] for found in entries(result.bundle.path).values()} == {"ok"}


def test_lists_that_found_no_room_are_missing_and_not_called_read(tmp_path: Path) -> None:
    path = "/api/v1/events"
    document = dict(recording().answers[path].json)
    model = document["items"][-1]
    document["items"] = [
        {
            **model,
            "metadata": {**model["metadata"], "name": f"e{number:05}"},
            "message": os.urandom(500).hex(),
        }
        for number in range(4000)
    ]
    known = recording().with_answers({path: Answer.of(document)})
    result = collect(known, tmp_path, spec=spec(only=ONLY, limits={"bundle": "1Mi"}))
    sound(result, tmp_path)
    rows = resources(result.bundle.path)
    assert rows["events"]["objects"] == 4000  # vital, whatever it takes
    left_out = {gap.subject for gap in result.report.run.gaps if gap.status is Status.TRUNCATED}
    missing = [row for row in rows.values() if row["state"] == "missing"]
    assert len(missing) > 10
    for row in missing:
        plural, _, group = row["resource"].partition(".")
        assert [
            path
            for path in left_out
            if path.startswith(f"cluster-resources/{layout.resource_dir(group, plural)}")
        ]


def every_container(pod: Json) -> Iterator[tuple[str, Json]]:
    for kind in ("initContainerStatuses", "containerStatuses"):
        for status in pod["status"].get(kind) or ():
            yield kind, status


def worth(pods: dict[tuple[str, str], Json], key: LogKey) -> int:
    """Returns the rank that is documented for a log: what restarted, is not ready or is Conductor's first."""
    pod = pods[key.namespace, key.pod]
    ((kind, status),) = [
        (kind, status) for kind, status in every_container(pod) if status["name"] == key.container
    ]
    unready = not status["ready"] and kind == "containerStatuses"
    troubled = status["restartCount"] > 0 or unready
    if pod["status"]["phase"] != "Running":
        troubled = pod["status"]["phase"] != "Succeeded"
    ours = key.namespace == "conductor"
    return 4 if troubled and ours else 3 if troubled else 2 if ours else 1


@pytest.mark.parametrize("version", VERSIONS)
def test_with_one_stream_logs_are_asked_for_in_the_documented_order(tmp_path: Path, version: str) -> None:
    known = with_pods(recording(version), crowd(5, 5))
    asked: list[str] = []
    result = collect(known, tmp_path, spec=spec(profile="full", logs={"streams": 1}), requests=asked)
    sound(result, tmp_path)
    pods = {
        (pod["metadata"]["namespace"], pod["metadata"]["name"]): pod
        for pod in known.answers["/api/v1/pods"].json["items"]
    }
    order = list(dict.fromkeys(asked_logs(asked)))
    ranks = [worth(pods, key) for key in order]
    assert ranks == sorted(ranks, reverse=True)
    assert set(ranks) == {4, 3, 2, 1}
    for rank in set(ranks):
        alike = [key for key in order if worth(pods, key) == rank]
        assert alike == sorted(
            alike, key=lambda key: (not key.previous, key.namespace, key.pod, key.container)
        )


def test_many_logs_do_not_hold_up_the_lists_that_nothing_needs_at_once(tmp_path: Path) -> None:
    def slow(exchange: Exchange) -> bool:
        exchange.wire.stopping.wait(0.1)
        return False

    asked: list[str] = []
    result = collect(
        cluster(),
        tmp_path,
        faults=lambda api: api.on("*/log?*", slow).on("*limit=500*", slow),
        spec=spec(profile="full"),
        requests=asked,
    )
    sound(result, tmp_path)
    last_list = max(at for at, request in enumerate(asked) if "limit=500" in request)
    assert 0 < len(asked_logs(asked[:last_list])) < 0.7 * len(asked_logs(asked))


def test_as_many_logs_are_read_at_once_as_the_spec_allows(tmp_path: Path) -> None:
    lock = threading.Lock()
    now = most = 0

    def counted(exchange: Exchange) -> bool:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        exchange.wire.stopping.wait(0.05)
        with lock:
            now -= 1
        return False

    result = collect(
        cluster(),
        tmp_path,
        faults=lambda api: api.on("*/log?*", counted),
        spec=spec(profile="full", logs={"streams": 3}),
    )
    sound(result, tmp_path)
    assert most == 3
