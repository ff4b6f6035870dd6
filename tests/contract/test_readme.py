"""What the README says is so: its sample output, its table of exit statuses, its commands, its files."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from collector.bundle.reader import BundleReader
from collector.cli.main import VERBS
from collector.core.clock import OffsetClock
from collector.core.errors import ExitStatus
from collector.demo.apiserver import RecordedApi, serve, write_kubeconfig
from tests.lib.granted import Watcher
from tests.lib.receivers import KEY
from tests.lib.recordings import recording

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TOKEN = "readertoken000000000"
ERRBIT = "https://errbit.example.com"
# What a command of the README needs beside what stands there, to be run on its own.
COMPLETED = {
    "conductor-diag bundle show --redactions": "conductor-diag bundle show --redactions BUNDLE",
    "conductor-diag clean": "conductor-diag clean BUNDLE",
    "conductor-diag upload": f"conductor-diag upload --errbit-url {ERRBIT} --errbit-key-file key.txt",
    "conductor-diag upload BUNDLE": (
        f"conductor-diag upload BUNDLE --errbit-url {ERRBIT} --errbit-key-file key.txt"
    ),
    "conductor-diag fetch-bundle ID": (
        f"conductor-diag fetch-bundle ID --errbit-url {ERRBIT} --token-file token.txt --dest-dir back"
    ),
    "conductor-diag receiver": "conductor-diag receiver --listen 127.0.0.1:0",
}
# Those that work on what another has made come after it.
LAST = ("conductor-diag upload BUNDLE", "conductor-diag fetch-bundle ID")
# These change the machine, or repeat what this very test does.
NOT_RUN = ("python3 -m venv", "venv/bin/", "scripts/", "kubectl ")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    return [line.partition("  #")[0].strip() for text in blocks("sh") for line in text.splitlines() if line]


def spoken() -> list[str]:
    """Returns the commands that stand within sentences."""
    return re.findall(r"`(conductor-diag [^`]*)`", README)


def runnable() -> list[str]:
    found = [line for line in dict.fromkeys([*commands(), *spoken()]) if not line.startswith(NOT_RUN)]
    return sorted(found, key=lambda line: LAST.index(line) if line in LAST else -1)


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
    screen = "\n".join(README.splitlines()[:45])
    assert "scripts/demo" in screen
    assert "conductor-diag collect -n conductor" in screen


def test_the_manifests_that_are_to_be_applied_are_kubernetes_objects() -> None:
    applied = [word for line in commands() if line.startswith("kubectl apply") for word in line.split()]
    files = [word for word in applied if word.endswith(".yaml")]
    assert len(files) >= 5
    for file in files:
        objects = [found for found in yaml.safe_load_all((ROOT / file).read_text()) if found]
        assert objects
        assert all(found["apiVersion"] and found["kind"] and found["metadata"]["name"] for found in objects)


@pytest.mark.parametrize("line", [line for line in runnable() if "|" not in line])
def test_every_flag_it_names_exists(line: str) -> None:
    words = shlex.split(COMPLETED.get(line, line))
    verb = next(verb for verb in VERBS if verb.name == words[1])
    made = importlib.import_module(verb.module).parser(verb.name)
    assert isinstance(made.parse_args(words[2:]), argparse.Namespace)


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
    (folder / "key.txt").write_text(KEY)
    (folder / "token.txt").write_text(TOKEN)
    return folder


@pytest.fixture(scope="module")
def environment(workplace: Path) -> Iterator[dict[str, str]]:
    """A recorded cluster that kubectl would talk to, and no setting of this machine."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CONDUCTOR_DIAG_", "KUBE"))}
    kubeconfig = workplace / "kubeconfig"
    with serve(RecordedApi(recording(), OffsetClock(recording().recorded_at))) as url:
        write_kubeconfig(kubeconfig, url, "token-of-the-operator")
        yield {
            **kept,
            "PATH": f"{workplace / 'bin'}:{os.environ['PATH']}",
            "KUBECONFIG": str(kubeconfig),
            "HOME": str(workplace),
            "COLUMNS": "80",
            "NO_COLOR": "1",
        }


@pytest.fixture(scope="module")
def errbit(workplace: Path, environment: dict[str, str]) -> Iterator[str]:
    """The receiver that takes the place of the Errbit in the README."""
    flags = "--listen 127.0.0.1:0 --key-file key.txt --token-file token.txt --data-dir notices"
    command = ["conductor-diag", "receiver", *flags.split()]
    with subprocess.Popen(command, cwd=workplace, env=environment, stderr=-1, text=True) as process:
        try:
            assert process.stderr is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
            assert found
            yield found[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


Runner = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def run(workplace: Path, environment: dict[str, str]) -> Runner:
    def runs(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", line],
            cwd=workplace,
            env=environment,
            input="password: correct-horse-battery\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return runs


@pytest.fixture(scope="module")
def demo(workplace: Path, run: Runner, watcher: Watcher) -> tuple[Path, str]:
    """The demo's bundle, and what a terminal of 80 columns showed."""
    done = run("conductor-diag demo --dest-dir first")
    assert done.returncode == 0, done.stderr
    bundle = workplace / done.stdout.strip()
    watcher.read(bundle, recording())
    return bundle, done.stderr


def test_the_sample_output_is_that_of_the_demo(demo: tuple[Path, str]) -> None:
    (sample,) = blocks("text")
    real = _lasting(demo[1])
    for part in sample.split("[...]\n"):
        assert _lasting(part) in real
        real = real.partition(_lasting(part))[2]


def _lasting(text: str) -> str:
    """Returns the text without what differs from run to run: the bundle's id, where it is, its size."""
    text = re.sub(r"(\S*/)?(conductor-diag-conductor-\w+)-[0-9a-f]{4}\.", r"\2-XXXX.", text)
    return re.sub(r"[0-9.]+ KiB · \d+ values", "SIZE · COUNT values", text)


@pytest.mark.parametrize("line", runnable())
def test_its_commands_run_in_their_order(
    line: str, workplace: Path, run: Runner, errbit: str, demo: tuple[Path, str]
) -> None:
    bundle = demo[0]
    typed = COMPLETED.get(line, line).replace(ERRBIT, errbit)
    with BundleReader(bundle) as reader:
        bundle_id = reader.manifest().run["bundle_id"]
    for word, value in (
        ("BUNDLE", str(bundle)),
        ("FINDING", "CND-PG-003"),
        ("DIR", str(_unpacked(bundle, workplace))),
        ("ID", bundle_id),
    ):
        typed = re.sub(rf"(?<= ){word}(?= |$)", value, typed)
    if line == "conductor-diag receiver":
        typed = f"{typed} & sleep 2; kill $!; wait $!"
    done = run(typed)
    assert done.returncode == 0, done.stderr
    assert done.stdout or done.stderr


def _unpacked(bundle: Path, workplace: Path) -> Path:
    folder = workplace / "unpacked"
    if not folder.exists():
        with BundleReader(bundle) as reader:
            for name in reader.names():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(reader.read(name))
    return folder
