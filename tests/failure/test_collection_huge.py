"""However long a log is, what it takes is bounded: time, memory, disk, and room in the bundle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.bundle import layout
from tests.lib.agent import Measured, collect_apart
from tests.lib.collected import content, entries
from tests.lib.recordings import recording
from tests.lib.runs import problems
from tests.lib.streams import sends

MIB = 1024 * 1024
SMALL, LARGE = 40 * MIB, 2048 * MIB
KEPT = 25 * MIB  # the shipped spec's limit for a log
END = b"2026-11-20T15:50:00.000000000Z this is the end\n"
LONG, WIDE = (key for key in recording().logs if key.container == "nginx" and not key.previous)

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into /proc"),
    pytest.mark.timeout(900),
]


class Noise:
    """Lines that hardly compress, as long as it is asked for, and a last one."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self._size // (64 * 1024)):
            yield os.urandom(32 * 1024).hex("\n", 64).encode()[: 64 * 1024 - 1] + b"\n"
        yield END


class WideLine:
    """A line of fifty megabytes between two ordinary ones."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"before\n"
        for _ in range(50):
            yield b"w" * MIB
        yield b"\nafter\n"


def run(folder: Path, size: int) -> Measured:
    folder.mkdir()
    return collect_apart(
        recording(),
        folder,
        *("--since-time", "2026-11-18T00:00:00Z", "--timeout", "15m"),
        faults=lambda api: api.on(f"*/pods/{LONG.pod}/log?container=nginx*", sends(Noise(size))).on(
            f"*/pods/{WIDE.pod}/log?container=nginx*", sends(WideLine())
        ),
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Measured]:
    folder = tmp_path_factory.mktemp("huge")
    return {size: run(folder / str(size), size) for size in (SMALL, LARGE)}


def path_of(pod: str) -> str:
    return layout.log_path(LONG.namespace, pod, "nginx", previous=False)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_the_bundle_is_whole_and_the_end_of_the_log_is_in_it(runs: dict[int, Measured], size: int) -> None:
    made = runs[size]
    assert made.status == 0, made.said
    assert problems(made.bundle) == ()
    found = entries(made.bundle)[path_of(LONG.pod)]
    assert found["status"] == "truncated"
    assert KEPT - MIB < found["size"] <= KEPT
    assert content(made.bundle, path_of(LONG.pod)).endswith(END)
    cut, kept = found["note"].removeprefix("cut: the newest ").split(" bytes of ")
    assert int(cut) == found["size"]
    assert abs(int(kept.partition(" ")[0]) - size) < MIB


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_line_of_fifty_megabytes_is_withheld_alone(runs: dict[int, Measured], size: int) -> None:
    lines = content(runs[size].bundle, path_of(WIDE.pod)).splitlines()
    assert [lines[0], lines[-1], len(lines)] == [b"before", b"after", 3]
    assert b"overlong-line" in lines[1]


def test_memory_is_bounded_and_does_not_grow_with_the_log(runs: dict[int, Measured]) -> None:
    assert runs[LARGE].memory < 150 * MIB
    assert runs[LARGE].memory < 1.1 * runs[SMALL].memory


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_on_disk_lies_no_more_than_what_is_kept_takes(runs: dict[int, Measured], size: int) -> None:
    # These lines compress to half; an eighth more is held for a while, and the bundle holds it once more.
    assert 5 * MIB < runs[size].disk < 2.2 * KEPT / 2 + 5 * MIB


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_nothing_else_is_left_behind(runs: dict[int, Measured], size: int) -> None:
    left = {path.name for path in runs[size].bundle.parent.iterdir()}
    assert left == {
        runs[size].bundle.name,
        runs[size].bundle.name.removesuffix(".tar.zst") + ".summary.md",
    }
