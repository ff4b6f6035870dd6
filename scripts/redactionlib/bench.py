"""Speed of redaction in one process, in megabytes of input a CPU second, beside zstd -3 and SHA-256."""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import zstandard

from collector.records import Objects
from collector.redaction import Redactor, load_rules
from collector.redaction.engines import installed
from scripts.benchlib.pods import pods
from scripts.benchlib.text import SHARES, lines

_MEGA = 1_000_000
_CHUNK = 256 * 1024
_START = datetime(2026, 11, 20, tzinfo=UTC)
_POD_BYTES = 8_200
_TIMES = 3

Work = Callable[[], object]


def main() -> None:
    """Prints one line for each kind of input."""
    parser = argparse.ArgumentParser(prog="scripts/bench-redaction", description=__doc__)
    parser.add_argument("--size", type=int, default=32, help="megabytes of each kind of input (default: 32)")
    size = parser.parse_args().size * _MEGA
    engines = installed()
    print(f"literals: {_named(engines.literals)}   patterns: {_named(engines.patterns)}")
    print(f"{'':18}{'redaction':>12}{'zstd -3':>12}{'SHA-256':>12}{'share of SHA-256':>20}   MB a CPU second")
    redactor = Redactor(load_rules())
    for name, kinds in (("application logs", SHARES), ("klog", {"klog": 100})):
        text = b"".join(_text(kinds, size))
        chunks = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
        _report(name, text, functools.partial(_redact, redactor, chunks))
    items = [json.loads(json.dumps(pod)) for pod in pods(size // _POD_BYTES)]
    raw = b"\n".join(json.dumps(item, separators=(",", ":")).encode() for item in items)
    record = Objects(path="x", kind="PodList", api_version="v1", item_kind="Pod", items=items)
    _report("Kubernetes JSON", raw, lambda: _drain(redactor.objects(record, Counter())))
    for item in items:
        item["spec"]["containers"] = [{**one, "env": []} for one in item["spec"]["containers"]]
    _report("the same, no env", raw, lambda: _drain(redactor.objects(record, Counter())))


def _redact(redactor: Redactor, chunks: Sequence[bytes]) -> None:
    _drain(redactor.lines(chunks, Counter()))


def _text(kinds: Mapping[str, int], size: int) -> Iterator[bytes]:
    for seed, (kind, share) in enumerate(kinds.items()):
        wanted = size * share // 100
        done = 0
        for line in lines(kind, seed, _START):
            yield line.encode()
            done += len(line)
            if done >= wanted:
                break


def _report(name: str, raw: bytes, redact: Work) -> None:
    speeds = [
        len(raw) / _MEGA / _fastest(work)
        for work in (
            redact,
            lambda: zstandard.ZstdCompressor(level=3).compress(raw),
            lambda: hashlib.sha256(raw).digest(),
        )
    ]
    share = speeds[0] / speeds[2]
    print(f"{name:18}{speeds[0]:>12.0f}{speeds[1]:>12.0f}{speeds[2]:>12.0f}{share:>20.2f}")


def _fastest(work: Work) -> float:
    """Returns CPU seconds."""
    taken: list[float] = []
    for _ in range(_TIMES):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


def _drain(pieces: Iterator[object]) -> None:
    for _ in pieces:
        pass


def _named(engine: object) -> str:
    return getattr(engine, "__name__", "none")


if __name__ == "__main__":
    main()
