"""Logs of any size, with anything in them: what is kept is the end, redacted, in bounded memory."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from collector.bundle import layout
from collector.pipeline import RunResult
from collector.spec import Spec
from tests.lib import faulty
from tests.lib.collected import content, entries, gaps, sound, spec
from tests.lib.recordings import recording
from tests.lib.runs import collect, whole
from tests.lib.streams import sends

MIB = 1024 * 1024
WEB = next(key for key in recording().logs if key.container == "nginx" and not key.previous)
PATH = layout.log_path(WEB.namespace, WEB.pod, WEB.container, previous=False)
STAMP = b"2026-11-20T15:00:%02d.000000000Z "
SECRET = "hunter2-and-more"


def line(number: int) -> bytes:
    return STAMP % (number % 60) + b"GET /health request %08d took %d ms\n" % (number, number % 97)


def run(folder: Path, *pieces: bytes, wishes: Spec | None = None) -> RunResult:
    log = f"/api/v1/namespaces/{WEB.namespace}/pods/{WEB.pod}/log?container={WEB.container}*"
    result = collect(
        recording(), folder, faults=lambda api: api.on(log, sends(pieces)), spec=wishes or spec(only=ONLY)
    )
    sound(result, folder)
    return result


ONLY = ("workloads", "conductor", "logs")


def test_of_a_log_that_is_too_long_the_newest_lines_are_kept_and_the_cut_is_stated(tmp_path: Path) -> None:
    data = b"".join(line(number) for number in range(60_000))
    wishes = spec(only=ONLY, logs={"bytes_per_container": "300Ki"})
    path = run(tmp_path, data, wishes=wishes).bundle.path
    kept = content(path, PATH)
    assert data.endswith(kept)
    assert 290 * 1024 < len(kept) <= 300 * 1024
    assert kept.startswith(b"2026-")
    found = entries(path)[PATH]
    assert found["status"] == "truncated"
    assert found["note"] == f"cut: the newest {len(kept)} bytes of {len(data)} are kept"


def test_a_line_of_fifty_megabytes_becomes_a_placeholder_and_costs_no_other_line(tmp_path: Path) -> None:
    first, last = line(1), line(2)
    path = run(tmp_path, first, STAMP % 1, *[b"x" * MIB] * 50, b"\n", last).bundle.path
    kept = content(path, PATH).splitlines(keepends=True)
    assert kept[0] == first
    assert kept[-1] == last
    assert len(kept) == 3
    assert b"overlong-line" in kept[1]
    assert len(kept[1]) < 200
    assert entries(path)[PATH]["redactions"] == {"overlong-line": 1}


def test_a_log_without_a_single_newline_is_an_entry(tmp_path: Path) -> None:
    path = run(tmp_path, *[b"y" * MIB] * 3).bundle.path
    assert b"overlong-line" in content(path, PATH)
    assert entries(path)[PATH]["status"] == "ok"


def test_binary_garbage_in_a_log_harms_nothing(tmp_path: Path) -> None:
    garbage = random.Random(5).randbytes(2 * MIB)
    path = run(tmp_path, line(1), garbage, b"\n", line(2)).bundle.path
    kept = content(path, PATH)
    assert kept.startswith(line(1))
    assert kept.endswith(line(2))
    assert abs(len(kept) - len(garbage)) < 0.05 * len(garbage)


@pytest.mark.parametrize(
    "text",
    [
        f"\x1b[31mERROR\x1b[0m \x1b[1mpassword\x1b[0m=\x1b[32m{SECRET}\x1b[0m\n",
        f"\x1b]0;title\x07DATABASE_URL=postgres://conductor:{SECRET}@db:5432/conductor\n",
        f"progress 1%\rprogress 2%\rpassword={SECRET}\r\n",
        f"pass\x00word={SECRET}\x00\n",
    ],
    ids=["colours", "title", "carriage returns", "NULs"],
)
def test_terminal_escapes_hide_no_secret(tmp_path: Path, text: str) -> None:
    path = run(tmp_path, line(1), STAMP % 5, text.encode(), line(2)).bundle.path
    assert SECRET.encode() not in whole(path)
    assert content(path, PATH).startswith(line(1))
    assert content(path, PATH).endswith(line(2))
    assert sum(entries(path)[PATH]["redactions"].values()) >= 1


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16", "utf-32-le"])
def test_another_encoding_hides_no_secret(tmp_path: Path, encoding: str) -> None:
    text = f"starting\npassword={SECRET}\nstarted\n".encode(encoding)
    path = run(tmp_path, line(1), text, b"\n", line(2)).bundle.path
    kept = whole(path)
    for way in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le"):
        assert SECRET.encode(way) not in kept
    assert "started".encode(encoding)[-12:-4] in content(path, PATH)


def test_one_log_with_everything_wrong_does_not_touch_the_others(tmp_path: Path) -> None:
    result = run(tmp_path, random.Random(6).randbytes(MIB), b"\x1b[2J" * 1000, b"\xff\xfe" + b"z\x00" * MIB)
    plain = collect(recording(), tmp_path / "plain", spec=spec(only=ONLY))
    differing = {
        name
        for name, found in entries(plain.bundle.path).items()
        if layout.parse_log_path(name) and found["size"] != entries(result.bundle.path)[name]["size"]
    }
    assert differing == {PATH}
    assert gaps(result).keys() == gaps(plain).keys()


def test_a_log_that_never_ends_is_cut_off_by_the_time_of_the_run(tmp_path: Path) -> None:
    log = f"/api/v1/namespaces/{WEB.namespace}/pods/{WEB.pod}/log?container={WEB.container}*"
    result = collect(
        recording(),
        tmp_path,
        faults=lambda api: api.on(log, faulty.endless()),
        spec=spec(only=ONLY, limits={"run": "4s", "reserve": "2s"}, logs={"bytes_per_container": "1Mi"}),
    )
    sound(result, tmp_path)
    found = entries(result.bundle.path)[PATH]
    assert found["status"] == "partial"
    assert found["note"].startswith("ends early: timeout; cut: the newest ")
    assert gaps(result)[f"log of {WEB.pod}/{WEB.container}"] == "timeout"
    assert (result.report.run.finished - result.report.run.started).total_seconds() < 4
