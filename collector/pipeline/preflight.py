"""Works out what a run would ask for and whether it may: discovery and reviews of our own rights, no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from collector.collectors import COLLECTORS, Choice, Collector, choose
from collector.core import ids, quantity
from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.core.log import Logger
from collector.kube.api import Api
from collector.kube.config import Connection
from collector.kube.discovery import Discovery
from collector.kube.errors import UnauthorizedError
from collector.kube.manners import Manners
from collector.kube.reach import Refusal
from collector.kube.requestlog import RequestLog
from collector.kube.rights import Answered, Reviewer
from collector.pipeline.selection import selected
from collector.pipeline.survey import survey
from collector.pipeline.unreachable import unreachable
from collector.records.rights import Allowed, PlannedRight, Right, RightsPlan
from collector.spec import Spec, load_catalog

_UNKNOWN = Answered(right=Right(resource="", verb=""), allowed=None)


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """What was found out. ``choices`` has every listable resource of the server, read or not."""

    rights: RightsPlan
    choices: tuple[Choice, ...]
    collectors: tuple[Collector, ...]


@dataclass(frozen=True, kw_only=True)
class _Wish:
    """A right that a collector needs, before it is known where; ``local``: where Conductor runs alone."""

    right: Right
    collector: str
    namespaced: bool
    local: bool = False

    def at(self, namespace: str) -> Right:
        """Returns the right in one namespace."""
        return Right(
            verb=self.right.verb, group=self.right.group, resource=self.right.resource, namespace=namespace
        )


def preflight(
    connection: Connection,
    spec: Spec,
    *,
    clock: Clock,
    log: Logger,
    collectors: tuple[Collector, ...] = COLLECTORS,
) -> Preflight:
    """Returns what a run with this spec needs, and what of it the user has.

    Raises:
        UsageError: the spec names a collector that there is not.
        UnreachableError: the server cannot be read.
    """
    chosen = selected(spec, collectors)
    limits = spec.limits
    api = Api(
        connection,
        clock=clock,
        deadline=Deadline(clock, quantity.seconds(limits.run)),
        log=RequestLog(),
        bundle_id=ids.new_bundle_id(clock.now()),
        collector="preflight",
        manners=Manners(
            clock, requests_per_second=limits.requests_per_second, parallel=limits.parallel_requests
        ),
    )
    found = survey(api, log)
    if found.refusal:
        raise unreachable(connection, found.refusal)
    choices = choose(found.discovery, load_catalog(), spec)
    wishes = tuple(dict.fromkeys(_wishes(chosen, choices, found.discovery, spec)))
    fallback = tuple(dict.fromkeys((*spec.conductor_namespaces, connection.namespace)))
    own = spec.conductor_namespaces or fallback
    try:
        rights = tuple(_planned(Reviewer(api), wishes, _namespaces(spec), fallback, own))
    except UnauthorizedError as error:
        refusal = Refusal(message=error.message, status=error.status)
        raise unreachable(connection, refusal) from error
    return Preflight(
        rights=RightsPlan(
            server=connection.server,
            context=connection.context,
            user=connection.user,
            rights=rights,
            fallback=fallback,
            gaps=found.discovery.gaps,
        ),
        choices=choices,
        collectors=chosen,
    )


def _namespaces(spec: Spec) -> tuple[str, ...]:
    """Returns the namespaces that the plan names; empty if it reads all."""
    return tuple(name for name in spec.namespaces if name not in spec.exclude_namespaces)


def _wishes(
    collectors: Sequence[Collector], choices: Sequence[Choice], discovery: Discovery, spec: Spec
) -> Iterator[_Wish]:
    """Yields what is needed on this server, by collector in the order of the run."""
    listed: set[Right] = set()
    for collector in collectors:
        for choice in choices:
            if choice.collector == collector.name and not choice.skipped:
                right = Right(verb="list", group=choice.resource.group, resource=choice.resource.plural)
                listed.add(right)
                yield _Wish(right=right, collector=collector.name, namespaced=choice.resource.namespaced)
        for need in (*collector.needs, *collector.needs_with(spec)):
            right = Right(verb=need.verb, group=need.group, resource=need.resource)
            if right.is_path:
                yield _Wish(right=right, collector=collector.name, namespaced=False)
            elif right not in listed and (
                resource := discovery.find(need.resource.partition("/")[0], need.group)
            ):
                yield _Wish(right=right, collector=collector.name, namespaced=resource.namespaced)
        for need in collector.where_conductor_runs(spec):
            right = Right(verb=need.verb, group=need.group, resource=need.resource)
            yield _Wish(right=right, collector=collector.name, namespaced=True, local=True)


def _planned(
    reviewer: Reviewer,
    wishes: Sequence[_Wish],
    namespaces: Sequence[str],
    fallback: Sequence[str],
    own: Sequence[str],
) -> Iterator[PlannedRight]:
    """Asks everywhere first, then in the fallback namespaces for what is not granted everywhere.

    ``own`` are Conductor's namespaces, in which alone the local wishes are asked for.
    """
    asked = [(wish, right) for wish in wishes for right in _places(wish, namespaces, own)]
    answers = reviewer.ask([right for _, right in asked])
    again = [
        wish.at(name)
        for (wish, right), answer in zip(asked, answers, strict=True)
        if wish.namespaced and not right.namespace and not answer.allowed
        for name in fallback
    ]
    inside = {answer.right: answer for answer in reviewer.ask(again)}
    for (wish, right), answer in zip(asked, answers, strict=True):
        known = tuple(name for name in fallback if inside.get(wish.at(name), _UNKNOWN).allowed)
        yield PlannedRight(
            right=right,
            collector=wish.collector,
            namespaced=wish.namespaced,
            allowed=_allowed(answer, known),
            inside=() if answer.allowed else known,
            reason=answer.reason,
        )


def _places(wish: _Wish, namespaces: Sequence[str], own: Sequence[str]) -> list[Right]:
    named = own if wish.local else namespaces
    return [wish.at(name) for name in named] if wish.namespaced and named else [wish.right]


def _allowed(answer: Answered, inside: Sequence[str]) -> Allowed:
    if answer.allowed:
        return Allowed.YES
    if inside:
        return Allowed.PARTLY
    return Allowed.UNKNOWN if answer.allowed is None else Allowed.NO
