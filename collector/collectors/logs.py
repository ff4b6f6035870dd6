"""Container logs, current and previous: most telling first, as much of each as the bundle has room for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collector.bundle import layout
from collector.collectors.base import Collector, Context, Need, Reread, refused_name
from collector.collectors.digest import ContainerDigest, ObjectDigest
from collector.core import quantity
from collector.kube.api import RefusedRequestError
from collector.kube.errors import ApiError, ForbiddenError, RejectedError
from collector.kube.lists import ListRead
from collector.kube.logs import LogRequest, open_log
from collector.records import ContentError, Gap, Lines, Record, Status
from collector.records.access import mapping, string
from collector.spec import Spec

_HEALTHY_PHASES = ("Running", "Succeeded")
_LOG_SECONDS = 60.0
"""The most one log may take, so that a few endless ones do not keep the others waiting."""


@dataclass(frozen=True, kw_only=True)
class _Log:
    """One log to read. ``worth``: 4 Conductor in trouble, 3 others in trouble, 2 Conductor, 1 the rest."""

    pod: ObjectDigest
    container: ContainerDigest
    previous: bool
    worth: int

    @property
    def subject(self) -> str:
        """What gaps call it."""
        return f"{'previous log' if self.previous else 'log'} of {self.pod.name}/{self.container.name}"


def collect(context: Context) -> Iterator[Record]:
    """Yields one record a log; each is opened only when its content is read."""
    if "pods" not in context.digest.listed:
        yield _without_pods(context)
        return
    try:
        pods = _chosen(context)
    except ApiError as error:
        yield Gap(subject="container logs", status=error.outcome, reason=error.message)
        return
    except RefusedRequestError:
        yield refused_name("container logs")
        return
    for pod in pods:
        yield from _not_started(pod)
    logs = sorted(
        (log for pod in pods for log in _logs_of(context, pod)),
        key=lambda log: (-log.worth, not log.previous, log.pod.namespace, log.pod.name, log.container.name),
    )
    yield from _records(context, logs)


def _without_pods(context: Context) -> Gap:
    unwanted = next((c.skipped for c in context.choices if c.resource.full_name == "pods" and c.skipped), "")
    return Gap(
        subject="container logs",
        status=Status.SKIPPED,
        reason=f"pods are not listed: {unwanted}"
        if unwanted
        else "no pods could be listed, so there is nothing to ask logs of",
        needs="" if unwanted else "ClusterRole: verb list on pods, get on pods/log",
    )


def _records(context: Context, logs: list[_Log]) -> Iterator[Record]:
    weight = sum(log.worth for log in logs)
    for at, log in enumerate(logs):
        if context.api.deadline.expired:
            yield Gap(
                subject="container logs",
                status=Status.TIMEOUT,
                reason=f"{len(logs) - at} of {len(logs)} logs were not begun, the least telling ones",
                needs="more time: set limits.run in the spec, or --timeout",
            )
            return
        yield _record(context, log, share=log.worth / weight)
        weight -= log.worth


def _chosen(context: Context) -> list[ObjectDigest]:
    """Returns the pods whose logs are read, by profile and selector. Raises ApiError."""
    pods = context.digest.of("Pod")
    if context.spec.profile == "minimal":
        pods = [pod for pod in pods if _in_trouble(pod)]
    elif context.spec.profile == "standard":
        pods = [pod for pod in pods if _is_ours(context, pod) or _in_trouble(pod)]
    if context.spec.logs.selector:
        selected = _selected(context, context.spec.logs.selector)
        pods = [pod for pod in pods if (pod.namespace, pod.name) in selected]
    return pods


def _selected(context: Context, selector: str) -> set[tuple[str, str]]:
    """Returns namespace and name of the pods with these labels: the server judges, as it does for kubectl."""
    try:
        return set(_labelled(context, selector, context.spec.namespaces or (None,)))
    except ForbiddenError:
        # Where not all namespaces may be listed, pods are known of those alone that may.
        known = sorted({pod.namespace for pod in context.digest.of("Pod")})
        return set(_labelled(context, selector, tuple(known)))


def _labelled(
    context: Context, selector: str, namespaces: tuple[str | None, ...]
) -> Iterator[tuple[str, str]]:
    resource = context.discovery.find("pods")
    if resource is None:
        return
    params = {"labelSelector": selector}
    for namespace in namespaces:
        for item in ListRead(context.api, resource, namespace, params=params, metadata_only=True):
            metadata = mapping(item, "metadata")
            yield string(metadata, "namespace"), string(metadata, "name")


def _is_ours(context: Context, pod: ObjectDigest) -> bool:
    return pod.namespace in context.digest.conductor_namespaces


def _in_trouble(pod: ObjectDigest) -> bool:
    if pod.phase not in _HEALTHY_PHASES:
        return True
    return pod.phase != "Succeeded" and any(map(_troubled, pod.containers))


def _troubled(container: ContainerDigest) -> bool:
    return container.restarts > 0 or not (container.ready or container.init)


def _worth(context: Context, pod: ObjectDigest, container: ContainerDigest) -> int:
    troubled = pod.phase not in _HEALTHY_PHASES or (pod.phase == "Running" and _troubled(container))
    return 1 + _is_ours(context, pod) + 2 * troubled


def _logs_of(context: Context, pod: ObjectDigest) -> Iterator[_Log]:
    for container in pod.containers:
        worth = _worth(context, pod, container)
        if container.restarts > 0:
            yield _Log(pod=pod, container=container, previous=True, worth=worth)
        if not _never_ran(container):
            yield _Log(pod=pod, container=container, previous=False, worth=worth)


def _never_ran(container: ContainerDigest) -> bool:
    return bool(container.waiting) and container.restarts == 0


def _not_started(pod: ObjectDigest) -> Iterator[Gap]:
    for container in filter(_never_ran, pod.containers):
        yield Gap(
            subject=f"log of {pod.name}/{container.name}",
            status=Status.ABSENT,
            reason=f"the container has not started: {container.waiting}",
            namespace=pod.namespace,
        )


def _record(context: Context, log: _Log, *, share: float) -> Lines:
    spec = context.spec.logs
    request = LogRequest(
        namespace=log.pod.namespace,
        pod=log.pod.name,
        container=log.container.name,
        previous=log.previous,
        since=context.since,
        tail_lines=spec.tail_lines,
    )

    def chunks() -> Iterator[bytes]:
        try:
            with open_log(context.api.within(_LOG_SECONDS), request) as stream:
                yield from stream
        except ApiError as error:
            raise ContentError(_gap(log, error)) from error
        except RefusedRequestError as error:
            raise ContentError(refused_name(log.subject, namespace=log.pod.namespace)) from error

    return Lines(
        path=layout.log_path(log.pod.namespace, log.pod.name, log.container.name, previous=log.previous),
        chunks=chunks(),
        limit=quantity.size(spec.bytes_per_container),
        share=share,
        subject=log.subject,
        namespace=log.pod.namespace,
    )


def _gap(log: _Log, error: ApiError) -> Gap:
    # A log that does not exist yet, or that the node kept only for a while, is refused; that is no failure.
    gone = isinstance(error, RejectedError)
    return Gap(
        subject=log.subject,
        status=Status.ABSENT if gone else error.outcome,
        reason=error.message,
        namespace=log.pod.namespace,
        needs="verb get on pods/log" if error.outcome is Status.DENIED else "",
    )


def _rereads(spec: Spec) -> tuple[Reread, ...]:
    selector = spec.logs.selector
    return (Reread(resource="pods", part=f"names of those with {selector}"),) if selector else ()


LOGS = Collector(
    name="logs",
    collect=collect,
    needs=(Need(verb="get", group="", resource="pods/log"),),
    rereads=_rereads,
    after=("workloads", "conductor"),
    part=1.0,
    width=lambda spec: spec.logs.streams,
    vital=False,
)
