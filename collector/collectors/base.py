"""How a collector is declared and what it is given.

A collector is a name, the rights it needs, what it may cost, and a generator of records. It reads and
yields; redaction, writing, retries, time limits and failures are the framework's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from collector.collectors.choice import Choice
from collector.collectors.digest import Digest
from collector.core.clock import Clock
from collector.kube.api import Api
from collector.kube.discovery import ApiResource, Discovery
from collector.kube.errors import ApiError
from collector.records import Gap, Json, Record, Status
from collector.spec import Catalog, Spec
from collector.sql import Database
from collector.web.errbit import ErrbitSource

LISTS_AT_ONCE = 4
"""Lists read at the same time: a page of 500 pods takes some 30 MB while it is redacted."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """One right: what RBAC manifests are generated from. ``group`` is empty for the core group."""

    verb: str
    group: str
    resource: str


@dataclass(frozen=True, kw_only=True)
class Reread:
    """A list that another collector reads whole, and this one asks for again; it takes no further right.

    ``groups`` are tried in turn; ``part`` says in words which part of the list, and when.
    """

    resource: str
    groups: tuple[str, ...] = ("",)
    part: str


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a collector may look at. ``version`` is the server's /version answer, empty if unreadable.

    ``errbit`` is None when no Errbit is to be read, ``database`` when none is named by a DSN.
    """

    api: Api
    clock: Clock
    spec: Spec
    catalog: Catalog
    discovery: Discovery
    choices: tuple[Choice, ...]
    version: Json
    digest: Digest
    since: datetime
    errbit: ErrbitSource | None = None
    database: Database | None = None

    def wanted(self, plural: str, *groups: str) -> ApiResource | None:
        """Returns the resource as ``discovery.find`` does, None as well where the spec leaves it out."""
        found = self.discovery.find(plural, *groups)
        return found if any(c.resource == found and not c.skipped for c in self.choices) else None


@dataclass(frozen=True, kw_only=True)
class Collector:
    """A declaration.

    Attributes:
        name: also what rows of the resource catalogue name.
        collect: reads and yields.
        needs: rights beyond listing the catalogue's rows.
        needs_with: rights that the spec asks for beyond these.
        where_conductor_runs: rights that the spec asks for beyond these, in Conductor's namespaces alone.
        rereads: lists that it asks for although another collector has read them.
        after: collectors whose digest this one reads.
        part: the part of the time for collecting that it may take, 0 to 1.
        seconds: the most it may take whatever its part is.
        width: how many of its batches and texts may be read at the same time.
        vital: its records are kept even when the bundle's budget is used up.
        always: it runs whatever ``only`` and ``skip`` say, and gets time even when the run's is over.
    """

    name: str
    collect: Callable[[Context], Iterator[Record]]
    needs: tuple[Need, ...] = ()
    needs_with: Callable[[Spec], tuple[Need, ...]] = lambda _: ()
    where_conductor_runs: Callable[[Spec], tuple[Need, ...]] = lambda _: ()
    rereads: Callable[[Spec], tuple[Reread, ...]] = lambda _: ()
    after: tuple[str, ...] = ()
    part: float = 0.5
    seconds: float = math.inf
    width: Callable[[Spec], int] = lambda _: 1
    vital: bool = True
    always: bool = False

    def needs_by(self, catalog: Catalog) -> tuple[Need, ...]:
        """Returns every right it needs, those of its rows of the catalogue included."""
        rows = ((group, row.name) for row in catalog.of(self.name) for group in row.groups)
        return (*self.needs, *(Need(verb="list", group=group, resource=name) for group, name in rows))


def lists(spec: Spec) -> int:
    """Returns how many lists are read at the same time."""
    return min(LISTS_AT_ONCE, spec.limits.parallel_requests)


def gap_of(error: ApiError, subject: str, *, needs: str = "", namespace: str = "") -> Gap:
    """Returns the gap that an API error leaves."""
    return Gap(subject=subject, status=error.outcome, reason=error.message, needs=needs, namespace=namespace)


def refused_name(subject: str, *, namespace: str = "") -> Gap:
    """Returns the gap of what cannot be asked for: a name in it would make the request another one."""
    return Gap(
        subject=subject,
        status=Status.SKIPPED,
        reason="no API server may use such a name",
        namespace=namespace,
    )
