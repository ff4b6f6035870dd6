"""Measures what a run costs on a synthetic cluster, and says which goals it meets."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.benchlib import goals
from scripts.benchlib.bench import Bench
from scripts.benchlib.measure import MB, CommandError
from scripts.benchlib.sections import SECTIONS, Sizes

_SIZE = re.compile(r"(\d+)([MG])", re.IGNORECASE)
_UNITS = {"M": MB, "G": 1000 * MB}
_CORPUS = 48 * MB
_FULL = Sizes(
    logs=1000 * MB,
    sample=_CORPUS,
    pods=1000,
    memory=1000 * MB,
    clusters=((50, 50 * MB), (1000, 1000 * MB), (5000, 2500 * MB)),
)


def main() -> int:
    """Runs the chosen sections and prints the verdict; exit status 1 when something could not be measured."""
    given = _arguments()
    sizes = _FULL if given.full else _small(given.logs)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=given.folder) as name:
        folder = Path(name)
        corpus = folder / "corpus"
        corpus.mkdir()
        _write_corpus(corpus, given.chunk)
        bench = Bench(folder=folder, corpus=corpus, runs=given.runs, streams=given.streams)
        reached = []
        try:
            for section in given.section or SECTIONS:
                reached += list(SECTIONS[section](bench, sizes))
        except CommandError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
        print("", *goals.table(reached), sep="\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    option = parser.add_argument
    option("--section", action="append", choices=list(SECTIONS), help="measure only this (repeatable)")
    option(
        "--logs", type=_size, default=_size("128M"), help="log text for the rate, such as 512M (default 128M)"
    )
    option("--runs", type=int, default=3, help="runs of each command; the median counts (default 3)")
    option("--streams", type=int, default=4, help="logs read at the same time (default 4)")
    option("--chunk", type=int, default=8192, help="bytes of log in one HTTP chunk (default 8192)")
    option("--full", action="store_true", help="1 GB and 5 GB of logs, up to 5,000 pods: takes many minutes")
    option("--folder", type=Path, help="where to put temporary files (default: the system's place)")
    return parser.parse_args()


def _size(text: str) -> int:
    found = _SIZE.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; try: 256M or 1G")
    return int(found[1]) * _UNITS[found[2].upper()]


def _small(logs: int) -> Sizes:
    return Sizes(logs=logs, sample=16 * MB, pods=100, memory=logs // 8, clusters=((50, logs // 8),))


def _write_corpus(folder: Path, chunk: int) -> None:
    """Writes the log text in a process of its own, whose memory is then not the bench's."""
    command = [sys.executable, "-m", "scripts.benchlib.corpus", "--folder", str(folder)]
    command += ["--size", str(_CORPUS), "--chunk", str(chunk)]
    subprocess.run(command, check=True)  # noqa: S603 - our own module


if __name__ == "__main__":
    sys.exit(main())
