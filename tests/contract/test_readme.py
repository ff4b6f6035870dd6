"""What the README says is so: its table of exit statuses, its commands, its files."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from collector.core.errors import ExitStatus

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    return [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines() if line]


def test_the_table_of_exit_statuses_is_the_one_of_the_code() -> None:
    rows = {
        int(number): meaning for number, meaning in re.findall(r"^\| (\d+) \| (.*) \|$", README, re.MULTILINE)
    }
    assert rows == {status.value: status.meaning for status in ExitStatus}


def test_the_files_it_names_are_there() -> None:
    named = set(re.findall(r"`((?:configs|collector|scripts)/[\w./-]+)`", README))
    named |= {
        part for line in commands() for part in line.split() if part.startswith(("configs/", "scripts/"))
    }
    assert len(named) > 8
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_first_screen_says_what_it_is_and_shows_the_two_commands() -> None:
    screen = "\n".join(README.splitlines()[:40])
    assert "scripts/demo" in screen
    assert "conductor-diag collect -n conductor" in screen


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the program on the PATH, as after an installation."""
    folder = tmp_path_factory.mktemp("readme")
    script = folder / "bin" / "conductor-diag"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {sys.executable} -m collector "$@"\n'
    )
    script.chmod(0o755)
    return folder


OFFLINE = [line for line in commands() if "demo-bundles" in line]


def test_the_block_of_offline_commands_is_complete() -> None:
    assert len(OFFLINE) == 6


@pytest.mark.parametrize("line", OFFLINE)
def test_the_commands_run_in_their_order(workplace: Path, line: str) -> None:
    environment = {**os.environ, "PATH": f"{workplace / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", line], cwd=workplace, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
