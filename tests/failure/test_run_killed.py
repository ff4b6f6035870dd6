"""However a run ends, the bundle is valid or not there, and nothing temporary is left beside it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collector.bundle.reader import BundleReader
from collector.core.clock import OffsetClock
from collector.core.errors import ExitStatus
from collector.demo.apiserver import RecordedApi, serve, write_kubeconfig
from tests.lib import faulty
from tests.lib.faulty import FaultyApi
from tests.lib.recordings import recording

ROOT = Path(__file__).parents[2]
_LIMITED = """
import resource, sys
from collector.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture
def api() -> Iterator[tuple[FaultyApi, str]]:
    server = FaultyApi(RecordedApi(recording(), OffsetClock(recording().recorded_at)))
    with serve(server) as url:
        yield server, url


@pytest.fixture
def command(api: tuple[FaultyApi, str], tmp_path: Path) -> list[str]:
    kubeconfig = tmp_path / "kubeconfig"
    write_kubeconfig(kubeconfig, api[1], "token-of-the-operator")
    return [
        *(sys.executable, "-m", "collector", "collect", "--kubeconfig", str(kubeconfig)),
        *("--dest-dir", str(tmp_path / "out")),
    ]


def environment(tmp_path: Path) -> dict[str, str]:
    """Returns an environment with a temporary folder of the test's own."""
    folder = tmp_path / "temporary"
    folder.mkdir(exist_ok=True)
    return {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder), "HOME": str(tmp_path)}


@contextlib.contextmanager
def running(command: list[str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not condition():
        time.sleep(0.02)
    assert condition()


def endings(out: Path) -> list[str]:
    """Returns what is in the folder, by what follows the stem that all files of a run share."""
    names = [path.name for path in out.iterdir()] if out.exists() else []
    return sorted(name.partition(".")[2] for name in names)


def check_bundles(out: Path) -> int:
    bundles = list(out.glob("*.tar.zst"))
    for bundle in bundles:
        with BundleReader(bundle) as reader:
            assert reader.verify().problems == ()
            assert {"findings.json", "summary.md", "run/gaps.json"} < set(reader.names())
    return len(bundles)


@pytest.mark.timeout(180)
def test_sigterm_at_ten_moments_leaves_a_valid_bundle_or_none(command: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    chosen = random.Random(0)
    for moment in [chosen.uniform(0.1, 3.0) for _ in range(10)]:
        with running(command, tmp_path) as process:
            time.sleep(moment)
            process.send_signal(signal.SIGTERM)
            told, err = process.communicate(timeout=30)
        # Before the program listens, and once it only has to end, the signal does what it always does.
        assert process.returncode in (ExitStatus.OK, ExitStatus.TERMINATED, -signal.SIGTERM), err
        # What stdout says is there, is there; and nothing is there that it does not say.
        assert [Path(told.strip())] == list(out.glob("*.tar.zst")) if told else check_bundles(out) == 0
        assert endings(out) in ([], ["summary.md", "tar.zst"])
        assert check_bundles(out) <= 1
        for path in out.iterdir() if out.exists() else ():
            path.unlink()
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.timeout(180)
def test_kill_9_at_ten_moments_leaves_what_was_sealed_or_nothing(command: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    chosen = random.Random(1)
    for moment in [chosen.uniform(0.5, 3.0) for _ in range(10)]:
        with running(command, tmp_path) as process:
            time.sleep(moment)
            process.kill()
            process.communicate(timeout=30)
        assert set(endings(out)) <= {"summary.md", "tar.zst"}
        check_bundles(out)
    out.mkdir(exist_ok=True)  # on a slow machine no run may have come so far
    (out / "conductor-diag-conductor-20261120T000000Z-0000.summary.md.partial").touch()
    done = subprocess.run(
        command, env=environment(tmp_path), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == ExitStatus.OK, done.stderr
    assert "of a run that was killed" in done.stderr
    assert set(endings(out)) == {"summary.md", "tar.zst"}
    assert check_bundles(out) >= 1
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (signal.SIGINT, ExitStatus.INTERRUPTED, "interrupted by Ctrl-C"),
        (signal.SIGTERM, ExitStatus.TERMINATED, "terminated by SIGTERM"),
        (signal.SIGHUP, ExitStatus.TERMINATED, "its terminal went away"),
    ],
)
def test_the_first_signal_keeps_what_was_collected_and_says_what_is_missing(
    api: tuple[FaultyApi, str],
    command: list[str],
    tmp_path: Path,
    sent: signal.Signals,
    status: ExitStatus,
    words: str,
) -> None:
    api[0].on("/api/v1/namespaces/*/log*", faulty.silent())
    out = tmp_path / "out"
    with running(command, tmp_path) as process:
        while process.stderr and process.stderr.readline().split()[:2] != ["conductor", "ok"]:
            pass
        process.send_signal(sent)
        told, err = process.communicate(timeout=30)
    assert process.returncode == status
    assert words in err
    assert endings(out) == ["summary.md", "tar.zst"]
    with BundleReader(Path(told.strip())) as reader:
        assert reader.verify().problems == ()
        assert "cluster-resources/pods/conductor.json" in reader.names()
        assert words in reader.read("run/gaps.json").decode()
        assert b"CND-RUN-001" in reader.read("findings.json")


def test_the_second_signal_ends_it_at_once_and_leaves_nothing(
    api: tuple[FaultyApi, str], command: list[str], tmp_path: Path
) -> None:
    api[0].on("/api/v1/events*", faulty.silent())
    out = tmp_path / "out"
    with running(command, tmp_path) as process:
        wait_until(lambda: any(served.path.startswith("/api/v1/events") for served in api[0].requests))
        process.send_signal(signal.SIGINT)
        while process.stderr and "once more: give up" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        asked = time.monotonic()
        told, err = process.communicate(timeout=30)
    assert time.monotonic() - asked < 2
    assert process.returncode == ExitStatus.INTERRUPTED
    assert "no bundle was written" in err
    assert (told, endings(out)) == ("", [])
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_signal_while_the_server_is_looked_for_ends_it_at_once(
    api: tuple[FaultyApi, str], command: list[str], tmp_path: Path
) -> None:
    api[0].on("*", faulty.silent())
    with running(command, tmp_path) as process:
        wait_until(lambda: bool(api[0].requests))
        process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        _, err = process.communicate(timeout=30)
    assert time.monotonic() - asked < 2
    assert process.returncode == ExitStatus.TERMINATED
    assert "no bundle was written" in err
    assert endings(tmp_path / "out") == []


@pytest.mark.parametrize("short_of", [1.0, 0.5, 0.02])
def test_a_full_disk_ends_the_run_with_one_sentence(
    command: list[str], tmp_path: Path, short_of: float
) -> None:
    whole = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, check=True)
    size = Path(whole.stdout.strip()).stat().st_size
    for path in (tmp_path / "out").iterdir():
        path.unlink()
    limit = max(int(size * (1 - short_of)), 1000)
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(limit), *command[3:]],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == ExitStatus.USAGE
    assert done.stdout == ""
    said = [line for line in done.stderr.splitlines() if line.startswith("conductor-diag: ")]
    assert len(said) == 1
    assert "cannot write" in said[0]
    assert "why: File too large" in done.stderr
    assert "--dest-dir" in done.stderr
    assert "Traceback" not in done.stderr
    assert endings(tmp_path / "out") == []
    assert list((tmp_path / "temporary").iterdir()) == []
