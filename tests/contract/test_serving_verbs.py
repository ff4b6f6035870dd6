"""The verbs that serve until they are told to end: what they say then, and what the receiver shows."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def serving(tmp_path: Path, *arguments: str, until: str) -> Iterator[subprocess.Popen[str]]:
    """Runs a verb and gives it once its standard error said ``until``."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "collector", *arguments]
    with subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True) as process:
        try:
            assert process.stderr is not None
            while until not in (line := process.stderr.readline()):
                assert line, "it ended before it served"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("wanted", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_the_ordinary_end_of_the_receiver(tmp_path: Path, wanted: signal.Signals) -> None:
    flags = ("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "notices"))
    with serving(tmp_path, "receiver", *flags, until="API key") as process:
        process.send_signal(wanted)
        _, err = process.communicate(timeout=20)
    assert (err, process.returncode) == ("ended\n", 0)


def test_a_signal_to_the_demo_that_keeps_running_does_not_deny_its_bundle(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with serving(tmp_path, "demo", "--keep-running", "--dest-dir", str(out), until="receiver: http") as demo:
        demo.send_signal(signal.SIGTERM)
        path, err = demo.communicate(timeout=20)
    assert (err, demo.returncode) == ("ended\n", 0)
    assert Path(path.strip()).is_file()
