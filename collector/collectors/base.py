"""How a collector is declared and what it is given.

A collector is a name, the rights it needs, what it may cost, and a generator of records. It reads and
yields; redaction, writing, retries, time limits and failures are the framework's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from collector.collectors.digest import Digest
from collector.core.clock import Clock
from collector.kube.api import Api
from collector.kube.discovery import Discovery
from collector.kube.errors import ApiError
from collector.records import Gap, Json, Record
from collector.spec import Spec


@dataclass(frozen=True, kw_only=True)
class Need:
    """One right: what RBAC manifests are checked against. ``group`` is empty for the core group."""

    verb: str
    group: str
    resource: str


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a collector may look at. ``version`` is the server's /version answer, empty if unreadable."""

    api: Api
    clock: Clock
    spec: Spec
    discovery: Discovery
    version: Json
    digest: Digest
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Collector:
    """A declaration.

    ``after`` names collectors whose digest this one reads; ``seconds`` is the most it may take and
    ``bulky`` marks one whose records may be read in parallel (their contents are independent streams).
    """

    name: str
    collect: Callable[[Context], Iterator[Record]]
    needs: tuple[Need, ...] = ()
    after: tuple[str, ...] = ()
    seconds: float = 120.0
    bulky: bool = False
    always: bool = field(default=False)


def listing(group: str, *resources: str) -> tuple[Need, ...]:
    """Returns the needs for listing resources of one group."""
    return tuple(Need(verb="list", group=group, resource=resource) for resource in resources)


def gap_of(error: ApiError, subject: str, *, needs: str = "", namespace: str = "") -> Gap:
    """Returns the gap that an API error leaves."""
    return Gap(subject=subject, status=error.outcome, reason=error.message, needs=needs, namespace=namespace)
