"""The agent as a process of its own: what it printed, and how much memory and disk it took at most."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from collector.core.clock import OffsetClock
from collector.demo.apiserver import RecordedApi, serve, write_kubeconfig
from collector.demo.recording import Recording
from tests.lib.faulty import FaultyApi
from tests.lib.runs import Faults

_LOOK_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One finished run. ``memory`` is the largest resident set, ``disk`` what lay in the folder at most."""

    status: int
    bundle: Path
    said: str
    memory: int
    disk: int


def collect_apart(known: Recording, folder: Path, *flags: str, faults: Faults) -> Measured:
    """Runs ``collect`` against a recording with faults and returns what that took."""
    faulty = FaultyApi(RecordedApi(known, OffsetClock(known.recorded_at)))
    faults(faulty)
    out = folder / "out"
    out.mkdir()
    with (
        serve(faulty) as url,
        (folder / "said").open("w+b") as said,
        (folder / "answer").open("w+b") as answer,
    ):
        write_kubeconfig(folder / "kubeconfig", url, "")
        words = (sys.executable, "-m", "collector", "collect", "--kubeconfig", str(folder / "kubeconfig"))
        process = subprocess.Popen([*words, "--dest-dir", str(out), *flags], stdout=answer, stderr=said)
        with _watched(process.pid, out) as peaks:
            status = process.wait()
        answer.seek(0)
        said.seek(0)
        return Measured(
            status=status,
            bundle=Path(answer.read().decode().strip()),
            said=said.read().decode(),
            memory=peaks.memory,
            disk=peaks.disk,
        )


@dataclass
class _Peaks:
    memory: int = 0
    disk: int = 0


@contextlib.contextmanager
def _watched(pid: int, folder: Path) -> Iterator[_Peaks]:
    """Yields the most that the process took so far; of what lies in a folder, unnamed files count too."""
    peaks = _Peaks()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_SECONDS):
            peaks.memory = max(peaks.memory, _resident(pid))
            peaks.disk = max(peaks.disk, _held(pid, folder))

    thread = threading.Thread(target=watch, name="peaks", daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def _resident(pid: int) -> int:
    """Returns the largest resident set so far. What wait4 tells of a child includes its parent's."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "VmHWM":
                return int(value.split()[0]) * 1024
    return 0


def _held(pid: int, folder: Path) -> int:
    total = 0
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # it may be closed by now
                if str(entry.readlink()).startswith(str(folder)):
                    total += entry.stat().st_size
    return total
