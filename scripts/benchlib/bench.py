"""What every section of the bench needs: where things lie, how often to run, and how to print a row."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benchlib import commands
from scripts.benchlib.measure import MB, Cost, median, run
from scripts.benchlib.served import Served

_HEAD = f"{'':<42} {'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'wire MB':>8} {'MB/CPU s':>9} {'requests':>9}"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Median cost of a command, and what the server saw of one run of it."""

    cost: Cost
    counters: Mapping[str, float]

    @property
    def wire(self) -> float:
        """Bytes of the bodies as they crossed the wire: logs plain, lists compressed."""
        return self.counters["log_bytes"] + self.counters["other_bytes"]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One call of the bench. ``folder`` is private and goes at the end; ``corpus`` holds the log text."""

    folder: Path
    corpus: Path
    runs: int
    streams: int

    @property
    def environment(self) -> Mapping[str, str]:
        """The caller's environment without what would point a tool to another cluster."""
        return {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}

    def spec(self, *kinds: str) -> Path:
        """Returns a file with a spec that reads everything, or these kinds only."""
        path = self.folder / f"spec-{'-'.join(kinds)}.json"
        path.write_text(json.dumps(commands.spec(self.streams, *kinds)))
        return path

    def collect(self, server: Served, *flags: str, kinds: Sequence[str] = ()) -> Measured:
        """Measures our collection, of everything or of these kinds only."""
        spec = self.spec(*kinds)
        return self.measure(server, lambda output: commands.collect(server, spec, output, flags))

    def measure(self, server: Served, command: Callable[[Path], Sequence[str]]) -> Measured:
        """Runs a command that gets a fresh folder each time. Raises CommandError."""
        costs = []
        counters: Mapping[str, float] = {}
        for _ in range(self.runs):
            output = self.folder / "output"
            output.mkdir()
            server.counters()
            try:
                costs.append(run(command(output), env=self.environment, log=self.folder / "log"))
            finally:
                shutil.rmtree(output)
            counters = server.counters()
        return Measured(cost=median(costs), counters=counters)


def heading(title: str) -> None:
    """Starts a table."""
    print(f"\n{title}\n{_HEAD}", flush=True)


def row(name: str, measured: Measured) -> None:
    """Prints one line of a table."""
    cost, wire = measured.cost, measured.wire / MB
    rate = f"{wire / cost.cpu:.1f}" if wire and cost.cpu else ""
    print(
        f"{name:<42} {cost.wall:>8.2f} {cost.cpu:>8.2f} {cost.peak:>8.1f} {wire:>8.1f} {rate:>9}"
        f" {measured.counters['requests']:>9.0f}",
        flush=True,
    )


def derived_row(name: str, *, cpu: float, size: float) -> None:
    """Prints a line that is derived: CPU seconds and MB only."""
    print(f"{name:<42} {'':>8} {cpu:>8.2f} {'':>8} {size:>8.1f} {size / cpu:>9.1f}", flush=True)


def missing(name: str, why: str) -> None:
    """Says that a tool to compare with gave no figures."""
    print(f"{name:<42} {why}", flush=True)
