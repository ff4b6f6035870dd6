"""The parts of the bench: each measures one thing, prints it, and yields what that says about the goals."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from scripts.benchlib import commands, goals
from scripts.benchlib.bench import Bench, Measured, derived_row, heading, missing, row
from scripts.benchlib.goals import Reached
from scripts.benchlib.measure import MB, CommandError, Cost, median, run, until_first_contact
from scripts.benchlib.served import Served, served

_LOG_PODS = 64
_LIST_PODS = 5000
_TIMES = 5
_UNSEEN = {"requests": 0.0, "logs": 0.0, "log_bytes": 0.0, "other_bytes": 0.0}


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is measured.

    Attributes:
        logs: bytes of log text for the rate, over 64 pods.
        sample: bytes of log text for redaction alone.
        pods, memory: the smaller of the two clusters whose peak memory is compared, and its bytes of log.
        clusters: pods and bytes of log of the clusters that other tools read as well.
    """

    logs: int
    sample: int
    pods: int
    memory: int
    clusters: tuple[tuple[int, int], ...]


def start_up(bench: Bench, _sizes: Sizes) -> Iterator[Reached]:
    """What it costs before anything is read."""
    heading("Start-up")
    dearest = 0.0
    for flag in ("--version", "--help"):
        cost = _often(bench, partial(_once, bench, commands.program(flag)))
        dearest = max(dearest, cost.cpu)
        row(flag, Measured(cost=cost, counters=_UNSEEN))
    with served(bench.folder / "start", bench.corpus, pods=0, log_bytes=0) as server:
        cost = _often(bench, partial(_first_contact, bench, server))
    row("collect, until the first request", Measured(cost=cost, counters=_UNSEEN))
    yield Reached(goal=goals.HELP, figure=1000 * dearest)
    yield Reached(goal=goals.FIRST_REQUEST, figure=1000 * cost.cpu)


def redaction(bench: Bench, sizes: Sizes) -> Iterator[Reached]:
    """Redaction alone against SHA-256 of the same bytes."""
    answer = bench.folder / "speed"
    command = [sys.executable, "-m", "scripts.benchlib.speed", "--corpus", str(bench.corpus)]
    run([*command, "--bytes", str(sizes.sample)], env=bench.environment, log=answer)
    speeds = json.loads(answer.read_text())
    told = ", ".join(f"{name} {speed:.1f}" for name, speed in speeds.items())
    print(f"\nIn memory, MB per CPU second: {told}", flush=True)
    yield Reached(goal=goals.REDACTION, figure=speeds["redact"] / speeds["sha256"])


def logs(bench: Bench, sizes: Sizes) -> Iterator[Reached]:
    """Logs through the whole run, one stream after the other and several at once, against bare pipelines."""
    heading(f"Logs: {_LOG_PODS} pods, {sizes.logs / MB:.0f} MB")
    with served(bench.folder / "logs", bench.corpus, pods=_LOG_PODS, log_bytes=sizes.logs) as server:
        rest = bench.collect(server, "--skip", "logs")
        row("collect --skip logs", rest)
        spent: dict[str, float] = {}
        size = 0.0
        for streams in sorted({1, bench.streams}):
            whole = replace(bench, streams=streams).collect(server)
            _complete(whole, server)
            row(f"collect, {_streams(streams)}", whole)
            spent[f"whole run, {_streams(streams)}"] = whole.cost.cpu
            alone = whole.cost.cpu - rest.cost.cpu
            spent[f"the logs alone, {_streams(streams)}"] = alone
            size = whole.counters["log_bytes"] / MB
            derived_row("  the logs alone (the difference)", cpu=alone, size=size)
        for way, cpu in spent.items():
            yield Reached(goal=goals.LOG_RATE.of(way), figure=size / cpu)
        for compressor, goal in (("zstd -3", goals.AGAINST_ZSTD), ("gzip -6", goals.AGAINST_GZIP)):
            command = partial(commands.bare_pipeline, server, compressor)
            bare = _compared(bench, server, f"curl | {compressor}", command)
            if bare:
                for way, cpu in spent.items():
                    yield Reached(goal=goal.of(way), figure=cpu / bare.cost.cpu)


def _streams(count: int) -> str:
    return "1 stream" if count == 1 else f"{count} streams"


def memory(bench: Bench, sizes: Sizes) -> Iterator[Reached]:
    """Peak memory of two clusters, one five times the other in pods and in logs."""
    peaks = []
    for times in (1, _TIMES):
        pods, size = times * sizes.pods, times * sizes.memory
        heading(f"Memory: {pods} pods, {size / MB:.0f} MB of logs, {_streams(bench.streams)}")
        with served(bench.folder / f"memory-{times}", bench.corpus, pods=pods, log_bytes=size) as server:
            measured = bench.collect(server)
            _complete(measured, server)
        row("collect", measured)
        peaks.append(measured.cost.peak)
    yield Reached(goal=goals.PEAK, figure=peaks[1])
    yield Reached(goal=goals.GROWTH, figure=100 * (peaks[1] / peaks[0] - 1))


def lists(bench: Bench, _sizes: Sizes) -> Iterator[Reached]:
    """A list of 5,000 pods and nothing else: fetched, redacted, written."""
    heading(f"List of {_LIST_PODS} pods, without logs")
    found = []
    for pods in (_LIST_PODS, 0):
        with served(bench.folder / f"list-{pods}", bench.corpus, pods=pods, log_bytes=0) as server:
            found.append(bench.collect(server, "--only", "workloads", kinds=["pods"]))
        row(f"collect, {pods} pods", found[-1])
    many, none = found
    yield Reached(goal=goals.LIST_CPU, figure=many.cost.cpu - none.cost.cpu)
    yield Reached(goal=goals.LIST_CPU.of("whole run"), figure=many.cost.cpu)
    yield Reached(goal=goals.LIST_PEAK, figure=many.cost.peak)


def clusters(bench: Bench, sizes: Sizes) -> Iterator[Reached]:
    """Whole clusters, read by us and by the tools people use today."""
    for pods, size in sizes.clusters:
        heading(f"Cluster: {pods} pods, {size / MB:.0f} MB of logs, {_streams(bench.streams)}")
        with served(bench.folder / f"cluster-{pods}", bench.corpus, pods=pods, log_bytes=size) as server:
            row("collect", bench.collect(server))
            for name, command in _OTHERS:
                _compared(bench, server, name, partial(command, server))
    yield from ()


_OTHERS: tuple[tuple[str, Callable[[Served, Path], list[str] | None]], ...] = (
    ("kubectl cluster-info dump", commands.cluster_info_dump),
    ("support-bundle", commands.support_bundle),
)

SECTIONS: dict[str, Callable[[Bench, Sizes], Iterator[Reached]]] = {
    "start": start_up,
    "redaction": redaction,
    "logs": logs,
    "memory": memory,
    "lists": lists,
    "clusters": clusters,
}


def _compared(
    bench: Bench, server: Served, name: str, command: Callable[[Path], Sequence[str] | None]
) -> Measured | None:
    """Measures another tool and prints its row; None when it is not there or does not work."""
    if command(bench.folder) is None:
        missing(name, "not installed")
        return None
    try:
        measured = bench.measure(server, lambda output: command(output) or ())
    except CommandError as error:
        missing(name, f"failed: {error}")
        return None
    row(name, measured)
    return measured


def _complete(measured: Measured, server: Served) -> None:
    """Raises CommandError when a run left logs out: its figures would flatter."""
    if measured.counters["logs"] != server.pods:
        raise CommandError(f"{measured.counters['logs']:.0f} of {server.pods} logs were read")


def _often(bench: Bench, measure: Callable[[], Cost]) -> Cost:
    return median([measure() for _ in range(2 * bench.runs + 1)])


def _once(bench: Bench, command: Sequence[str]) -> Cost:
    return run(command, env=bench.environment, log=bench.folder / "log")


def _first_contact(bench: Bench, server: Served) -> Cost:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"https://127.0.0.1:{listener.getsockname()[1]}"
        command = commands.collect(server, bench.spec(), bench.folder, ("--server", address))
        return until_first_contact(command, listener, env=bench.environment, log=bench.folder / "log")
