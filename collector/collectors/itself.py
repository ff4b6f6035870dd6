"""What the agent did to the API server: requests, sizes, throttling, refusals; and the clock skew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from collector.bundle import layout
from collector.collectors.base import Collector, Context
from collector.core.clock import rfc3339
from collector.records import Document, Lines, Record

_LIMIT = 64 * 1024 * 1024


def collect(context: Context) -> Iterator[Record]:
    """Yields run/api-requests.jsonl (every attempt) and run/api.json (the sums)."""
    log = context.api.log
    statuses: Counter[str] = Counter()
    denied: list[str] = []
    for request in log:
        statuses[str(request.status)] += 1
        if request.status in (401, 403):
            denied.append(f"{request.method} {request.path}")
    skew = log.clock_skew
    yield Document(
        path=layout.API_COST,
        value={
            "server": context.api.connection.server,
            "context": context.api.connection.context,
            "tls_verified": context.api.connection.tls_verified,
            "requests": log.total,
            "bytes": log.size,
            "throttled": log.throttled,
            "statuses": dict(sorted(statuses.items())),
            "denied": denied[:500],
            "clock_skew_seconds": round(skew, 1) if skew is not None else None,
            "objects_listed": dict(context.digest.listed),
        },
    )
    yield Lines(path=layout.API_REQUESTS, chunks=_lines(context), limit=_LIMIT)


def _lines(context: Context) -> Iterator[bytes]:
    for request in context.api.log:
        line = {
            "ts": rfc3339(request.started),
            "collector": request.collector,
            "method": request.method,
            "path": request.path,
            "status": request.status,
            "bytes": request.size,
            "ms": round(request.seconds * 1000),
            "error": request.error,
        }
        yield msgspec.json.encode(line) + b"\n"


ITSELF = Collector(
    name="itself",
    collect=collect,
    after=("cluster", "workloads", "conductor", "versions", "postgres", "logs"),
    always=True,
)
