"""What keeps pods from being made at all: quotas, limit ranges and admission rules, as events tell of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from collector.analysis.evidence import BundleView, Item
from collector.core import quantity
from collector.core.clock import parse_rfc3339
from collector.findings import Evidence, Subject
from collector.records.access import integer, mapping, sequence, string

_REASON = "FailedCreate"
_QUOTA = re.compile(r"exceeded quota: ([a-z0-9][a-z0-9.-]{0,252})", re.IGNORECASE)
_KINDS = (
    ("quota", re.compile(r"exceeded quota|failed quota", re.IGNORECASE)),
    ("admission", re.compile(r"admission webhook|denied the request|denied by", re.IGNORECASE)),
    ("pod security", re.compile(r"pod ?security", re.IGNORECASE)),
    ("limit range", re.compile(r"(?:minimum|maximum) \S+ usage per|limit to request ratio", re.IGNORECASE)),
)
_COUNTED = re.compile(r"(?:count/)?pods|(?:requests\.|limits\.)?(?:cpu|memory)")
_KEPT = 5_000


@dataclass(frozen=True, kw_only=True)
class Block:
    """A rule of the cluster's that refuses a workload's pods.

    ``by`` is quota, admission, pod security or limit range; ``quota`` the ResourceQuota's name, if it is one.
    """

    workload: Subject
    by: str
    quota: str
    message: str
    last: datetime | None
    count: int
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class FullQuota:
    """A ResourceQuota that is used up. ``used`` holds sentences such as ``pods 60 of 60``."""

    item: Item
    used: tuple[str, ...]
    pointer: str


def blocks(view: BundleView) -> dict[Subject, Block]:
    """Returns, for each workload that is short of pods, the newest event that says why none is made."""
    return view.once(_blocks)


def full_quotas(view: BundleView, namespaces: tuple[str, ...]) -> Iterator[FullQuota]:
    """Yields the quotas of these namespaces whose pods, processors or memory are used up.

    A quota of nothing forbids on purpose and is left out.
    """
    for item in view.objects("resourcequotas"):
        if item.namespace not in namespaces:
            continue
        status = mapping(item.body, "status")
        hard, used = mapping(status, "hard"), mapping(status, "used")
        full = tuple(
            f"{name} {string(used, name)} of {string(hard, name)}"
            for name in sorted(hard)
            if _COUNTED.fullmatch(name) and _used_up(string(used, name), string(hard, name))
        )
        if full:
            yield FullQuota(item=item, used=full, pointer="/status/used")


def _used_up(used: str, hard: str) -> bool:
    have, most = quantity.amount(used), quantity.amount(hard)
    return have is not None and most is not None and 0 < most <= have


def _blocks(view: BundleView) -> dict[Subject, Block]:
    short = view.once(_short)
    found: dict[Subject, Block] = {}
    for event in view.objects("events"):
        message = string(event.body, "message")
        by = next((by for by, pattern in _KINDS if pattern.search(message)), "")
        if string(event.body, "reason") != _REASON or not by:
            continue
        about = mapping(event.body, "involvedObject")
        key = string(about, "kind"), string(about, "namespace"), string(about, "name")
        workload = short.get(key)
        if workload is None or (workload not in found and len(found) >= _KEPT):
            continue
        named = _QUOTA.search(message)
        last = parse_rfc3339(event.body.get("lastTimestamp") or event.body.get("eventTime"))
        known = found.get(workload)
        if known is None or (last is not None and (known.last is None or last > known.last)):
            found[workload] = Block(
                workload=workload,
                by=by,
                quota=named[1] if named else "",
                message=message,
                last=last,
                count=integer(event.body, "count"),
                evidence=event.at("/message", message),
            )
    return found


def _short(view: BundleView) -> dict[tuple[str, str, str], Subject]:
    """Returns what has fewer pods than it should, each with the workload at the top of it."""
    found = {}
    for kind, plural, group in (
        ("ReplicaSet", "replicasets", "apps"),
        ("StatefulSet", "statefulsets", "apps"),
        ("DaemonSet", "daemonsets", "apps"),
        ("Job", "jobs", "batch"),
    ):
        for item in view.objects(plural, group):
            if _is_short(kind, item):
                found[kind, item.namespace, item.name] = _top(view, kind, item)
    return found


def _is_short(kind: str, item: Item) -> bool:
    spec, status = mapping(item.body, "spec"), mapping(item.body, "status")
    if kind == "Job":
        ended = any(string(c, "type") in ("Complete", "Failed") for c in sequence(status, "conditions"))
        return not ended and not integer(status, "active") and not integer(status, "succeeded")
    if kind == "DaemonSet":
        return integer(status, "currentNumberScheduled") < integer(status, "desiredNumberScheduled")
    wanted = integer(spec, "replicas") if "replicas" in spec else 1
    return integer(status, "replicas") < wanted


def _top(view: BundleView, kind: str, item: Item) -> Subject:
    """Returns the workload that an object belongs to, as if the object were one of its pods."""
    owner = {"kind": kind, "name": item.name, "controller": True}
    pod = {"metadata": {"namespace": item.namespace, "ownerReferences": [owner]}}
    return view.workload_of(Item(body=pod, path="", pointer=""))
