"""An installed copy finds its data and runs: the wheel is built, unpacked and used away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.lib.granted import Watcher
from tests.lib.recordings import recording

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--no-index", "-q", "-w", str(folder)], check=True, capture_output=True)
    (wheel,) = folder.glob("conductor_diag-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "collector", *arguments],
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=installed.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_both_commands_are_installed(installed: Path) -> None:
    (points,) = installed.glob("*.dist-info/entry_points.txt")
    assert "conductor-diag = collector.cli.main:main" in points.read_text()
    assert "kubectl-conductor_diagnose = collector.cli.main:main" in points.read_text()


def test_the_data_is_inside(installed: Path) -> None:
    inside = installed / "collector" / "_configs"
    checkout = {
        path.relative_to(ROOT / "configs") for path in (ROOT / "configs").rglob("*") if path.is_file()
    }
    assert {path.relative_to(inside) for path in inside.rglob("*") if path.is_file()} == checkout


def test_the_demo_runs_from_the_installed_copy(installed: Path, watcher: Watcher) -> None:
    done = run(installed, "demo", "--dest-dir", "out")
    assert done.returncode == 0, done.stderr
    watcher.read(installed.parent / done.stdout.strip(), recording())
