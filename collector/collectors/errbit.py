"""Conductor's own error tracker as evidence: where it is, and which exceptions it holds for the window.

Whose workload it is follows from the release, never from a name. It is read only with a user's token, which
the operator gives; without one its place is noted and nothing is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.bundle import layout
from collector.collectors.base import Collector, Context, Need, Reread
from collector.collectors.digest import ObjectDigest
from collector.core.clock import as_shown, rfc3339
from collector.kube.errors import ApiError
from collector.kube.lists import ListRead
from collector.records import Document, Gap, Json, Record, Status
from collector.records.access import integer, mapping, sequence, string
from collector.releases.images import parse_image
from collector.spec import Spec
from collector.web.errbit import ErrbitReader, ListedNotice, ListedProblem, explained
from collector.web.errors import BrokenError, DeliveryError
from collector.web.http import HttpClient
from collector.web.target import host_of

_IMAGE = "errbit"
_QUIET = timedelta(days=7)
_MAX_PROBLEMS = 200
_MAX_TEXT = 1000
_OURS = ("finding.", "diagnostic.bundle")
_NEEDS = "the address of Conductor's Errbit and a user's token: --errbit-source-url, --errbit-token-file"


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """What was read. ``state``: not asked, read, failing (it answered with an error), failed."""

    state: str
    says: str = ""
    problems: tuple[ListedProblem, ...] = ()
    notices: tuple[ListedNotice, ...] = ()


def collect(context: Context) -> Iterator[Record]:
    """Yields conductor/errbit.json, and a gap where an Errbit that was to be asked could not be."""
    found = _workload(context)
    address = _address(context, found)
    now = as_shown(context.clock.now(), context.api.log.clock_skew)
    if context.errbit is None:
        reading = _Reading(state="not asked", says=f"to read it, give {_NEEDS}" if found else "")
    elif not address:
        reading = _Reading(
            state="failed", says="no Errbit with a service was found, and no address was given"
        )
    else:
        reading = _read(context, address, now)
    if reading.state in ("failed", "failing"):
        yield Gap(
            subject="exceptions in Conductor's Errbit",
            status=Status.FAILED,
            reason=reading.says,
            needs=_NEEDS,
        )
    yield Document(
        path=layout.ERRBIT,
        value={
            "workload": _described(context, found),
            "address": host_of(address) if address else "",
            "state": reading.state,
            "says": reading.says,
            "since": rfc3339(context.since),
            "until": rfc3339(now),
            "problems_total": len(reading.problems),
            "problems": _problems(context, reading),
        },
    )


def _workload(context: Context) -> ObjectDigest | None:
    """Returns the workload that runs an Errbit, Conductor's before any other."""
    found = [
        item
        for item in context.digest.of("Deployment", "StatefulSet")
        if any(not c.init and parse_image(c.image).name == _IMAGE for c in item.containers)
    ]
    own = [item for item in found if context.digest.ownership.get(item.key) == "conductor"]
    return next(iter([*own, *found]), None)


def _described(context: Context, found: ObjectDigest | None) -> Json:
    if found is None:
        return None
    return {
        "kind": found.kind,
        "namespace": found.namespace,
        "name": found.name,
        "owner": context.digest.ownership.get(found.key, "unknown"),
        "path": found.path,
        "pointer": found.pointer,
    }


def _address(context: Context, found: ObjectDigest | None) -> str:
    """Returns the address given, or that of the workload's service as seen from inside the cluster."""
    if context.errbit is None or context.errbit.url:
        return context.errbit.url if context.errbit else ""
    services = context.discovery.find("services")
    if found is None or services is None or context.digest.ownership.get(found.key) != "conductor":
        return ""
    try:
        for service in ListRead(context.api, services, found.namespace):
            selector = mapping(mapping(service, "spec"), "selector")
            name = string(mapping(service, "metadata"), "name")
            if name == found.name or (selector and selector.items() <= dict(found.labels).items()):
                ports = sequence(mapping(service, "spec"), "ports")
                port = integer(ports[0], "port") if ports else 80
                return f"http://{name}.{found.namespace}.svc:{port}"
    except ApiError:
        return ""
    return ""


def _read(context: Context, address: str, now: datetime) -> _Reading:
    source = context.errbit
    if source is None:
        return _Reading(state="not asked")
    deadline = context.api.deadline
    try:
        with HttpClient(ca_file=source.ca_file, allow_http=source.allow_http) as http:
            reader = ErrbitReader(address, source.token, http, context.clock)
            return _Reading(
                state="read",
                problems=tuple(reader.problems(context.since, now, deadline)),
                notices=tuple(reader.notices(context.since - _QUIET, now, deadline)),
            )
    except DeliveryError as error:
        why, hint = explained(error)
        state = "failing" if isinstance(error, BrokenError) else "failed"
        return _Reading(state=state, says="; ".join(part for part in (why, hint) if part))


def _problems(context: Context, reading: _Reading) -> list[Json]:
    recent: Counter[str] = Counter()
    earlier: Counter[str] = Counter()
    classes: dict[str, set[str]] = {}
    for notice in reading.notices:
        (recent if notice.created >= context.since else earlier)[notice.message] += 1
        classes.setdefault(notice.message, set()).add(notice.error_class)
    chosen = [p for p in reading.problems if not _ours(classes.get(p.message, set()))]
    return [
        {
            "app": problem.app[:_MAX_TEXT],
            "environment": problem.environment[:_MAX_TEXT],
            "classes": sorted(name[:_MAX_TEXT] for name in classes.get(problem.message, set()))[:5],
            "message": problem.message[:_MAX_TEXT],
            "where": problem.where[:_MAX_TEXT],
            "first": rfc3339(problem.first),
            "last": rfc3339(problem.last),
            "count": problem.count,
            "in_window": recent[problem.message],
            "in_week_before": earlier[problem.message],
            "resolved": problem.resolved,
        }
        for problem in sorted(chosen, key=lambda p: (-recent[p.message], p.id))[:_MAX_PROBLEMS]
    ]


def _ours(classes: set[str]) -> bool:
    """True for what this program told an Errbit: that is no exception of Conductor's."""
    return bool(classes) and all(name.startswith(_OURS) for name in classes)


def _rereads(_: Spec) -> tuple[Reread, ...]:
    return (Reread(resource="services", part="where an Errbit runs, if one is to be read"),)


ERRBIT = Collector(
    name="errbit",
    collect=collect,
    needs=(Need(verb="list", group="", resource="services"),),
    rereads=_rereads,
    after=("workloads", "conductor"),
    part=0.2,
    seconds=60,
)
