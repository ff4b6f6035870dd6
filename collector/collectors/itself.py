"""What the agent did to the API server and what came of it: requests, sizes, refusals, resources read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from collector.bundle import layout
from collector.collectors.base import Collector, Context
from collector.collectors.choice import Choice
from collector.core.clock import rfc3339
from collector.records import Document, Json, Lines, Record

_LIMIT = 64 * 1024 * 1024


def collect(context: Context) -> Iterator[Record]:
    """Yields run/resources.json, run/api.json (the sums) and run/api-requests.jsonl (every attempt)."""
    yield Document(path=layout.READ, value=[_read(context, choice) for choice in context.choices])
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
            "waited_seconds": round(log.waited, 1),
            "flow_schemas": dict(log.flow_schemas),
            "priority_levels": dict(log.priority_levels),
            "statuses": dict(sorted(statuses.items())),
            "denied": denied[:500],
            "clock_skew_seconds": round(skew, 1) if skew is not None else None,
            "objects_listed": dict(context.digest.listed),
        },
    )
    yield Lines(path=layout.API_REQUESTS, chunks=_lines(context), limit=_LIMIT)


def _read(context: Context, choice: Choice) -> Json:
    """Returns what became of one listable resource: read, skipped and why, or missing (see the gaps)."""
    name = choice.resource.full_name
    count = context.digest.listed.get(name)
    state = "skipped" if choice.skipped else "missing" if count is None else "read"
    return {
        "resource": name,
        "version": choice.resource.version,
        "kind": choice.resource.kind,
        "collector": choice.collector,
        "state": state,
        "why": choice.skipped,
        "objects": count,
        "metadata_only": choice.metadata_only,
    }


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
    after=("cluster", "workloads", "resources", "conductor", "versions", "postgres", "logs", "facts"),
    always=True,
)
