"""Container logs: of Conductor's namespaces and of pods in trouble anywhere, current and previous."""

from __future__ import annotations

from collections.abc import Iterator

from collector.bundle import layout
from collector.collectors.base import Collector, Context, Need
from collector.collectors.digest import ContainerDigest, ObjectDigest
from collector.core import quantity
from collector.kube.errors import ApiError, RejectedError
from collector.kube.logs import LogRequest, open_log
from collector.records import ContentError, Gap, Lines, Record, Status

_HEALTHY_PHASES = ("Running", "Succeeded")


def collect(context: Context) -> Iterator[Record]:
    """Yields one record a log; each is opened only when its content is read."""
    if "pods" not in context.digest.listed:
        yield Gap(
            subject="container logs",
            status=Status.SKIPPED,
            reason="no pods could be listed, so there is nothing to ask logs of",
            needs="ClusterRole: verbs get, list on pods, pods/log",
        )
        return
    chosen = [pod for pod in context.digest.of("Pod") if _wanted(context, pod)]
    for pod in sorted(chosen, key=lambda pod: _rank(context, pod)):
        for container in pod.containers:
            yield from _logs(context, pod, container)


def _wanted(context: Context, pod: ObjectDigest) -> bool:
    return pod.namespace in context.digest.conductor_namespaces or _in_trouble(pod)


def _in_trouble(pod: ObjectDigest) -> bool:
    if pod.phase not in _HEALTHY_PHASES:
        return True
    if pod.phase == "Succeeded":
        return False
    return any(
        container.restarts > 0 or (not container.ready and not container.init) for container in pod.containers
    )


def _rank(context: Context, pod: ObjectDigest) -> tuple[bool, bool, str, str]:
    return (
        pod.namespace not in context.digest.conductor_namespaces,
        not _in_trouble(pod),
        pod.namespace,
        pod.name,
    )


def _logs(context: Context, pod: ObjectDigest, container: ContainerDigest) -> Iterator[Record]:
    if container.restarts > 0:
        yield _record(context, pod, container, previous=True)
    if container.waiting and container.restarts == 0:
        yield Gap(
            subject=f"log of {pod.name}/{container.name}",
            status=Status.ABSENT,
            reason=f"the container has not started: {container.waiting}",
            namespace=pod.namespace,
        )
    else:
        yield _record(context, pod, container, previous=False)


def _record(context: Context, pod: ObjectDigest, container: ContainerDigest, *, previous: bool) -> Lines:
    spec = context.spec.logs
    request = LogRequest(
        namespace=pod.namespace,
        pod=pod.name,
        container=container.name,
        previous=previous,
        since=context.since,
        tail_lines=spec.tail_lines,
    )

    def chunks() -> Iterator[bytes]:
        try:
            with open_log(context.api, request) as stream:
                yield from stream
        except ApiError as error:
            # The node keeps the log of a past run only for a while; that it is gone is no failure.
            gone = previous and isinstance(error, RejectedError)
            raise ContentError(
                Gap(
                    subject=f"{'previous log' if previous else 'log'} of {pod.name}/{container.name}",
                    status=Status.ABSENT if gone else error.outcome,
                    reason=error.message,
                    namespace=pod.namespace,
                    needs="verb get on pods/log" if error.outcome is Status.DENIED else "",
                )
            ) from error

    return Lines(
        path=layout.log_path(pod.namespace, pod.name, container.name, previous=previous),
        chunks=chunks(),
        limit=quantity.size(spec.bytes_per_container),
    )


LOGS = Collector(
    name="logs",
    collect=collect,
    needs=(Need(verb="get", group="", resource="pods/log"),),
    after=("workloads", "conductor"),
    seconds=180.0,
    bulky=True,
)
