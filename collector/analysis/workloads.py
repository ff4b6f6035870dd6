"""What rules ask of workloads more than once, gathered in one pass and kept small."""

from __future__ import annotations

from collections.abc import Iterator

from collector.analysis.evidence import BundleView, Item
from collector.records import Json
from collector.records.access import integer, mapping, sequence, string

_KEPT = 20_000
_STATUSES = ("initContainerStatuses", "containerStatuses")
_HEALTHY = ("Running", "Succeeded")

Key = tuple[str, str, str]
"""Kind, namespace and name."""


def troubled_pods(view: BundleView) -> list[Item]:
    """Returns pods with a restart, an unready container, an odd phase or a dead node, without their specs.

    Of each, metadata, status and the node's name are kept; at most 20,000 pods are.
    """
    return view.once(_troubled)


def dead_nodes(view: BundleView) -> frozenset[str]:
    """Returns the names of nodes that are not ready."""
    return view.once(_dead)


def replicas_left(view: BundleView) -> dict[Key, int]:
    """Returns how many replicas of each Deployment and StatefulSet are available."""
    return view.once(_left)


def pull_failures(view: BundleView) -> dict[tuple[str, str], list[str]]:
    """Returns the messages of events with the reason Failed, by namespace and name of their pod."""
    return view.once(_failures)


def node_ready(item: Item) -> bool:
    """True if a node's Ready condition is True."""
    conditions = sequence(mapping(item.body, "status"), "conditions")
    return any(string(c, "type") == "Ready" and string(c, "status") == "True" for c in conditions)


def containers(pod: Item) -> Iterator[tuple[str, int, Json]]:
    """Yields the field, index and content of every container status."""
    status = mapping(pod.body, "status")
    for where in _STATUSES:
        for index, container in enumerate(sequence(status, where)):
            yield where, index, container


def _troubled(view: BundleView) -> list[Item]:
    dead = dead_nodes(view)
    found: list[Item] = []
    for pod in view.objects("pods"):
        node = string(mapping(pod.body, "spec"), "nodeName")
        if len(found) < _KEPT and (node in dead or _in_trouble(pod)):
            body = {
                "metadata": mapping(pod.body, "metadata"),
                "spec": {"nodeName": node},
                "status": mapping(pod.body, "status"),
            }
            found.append(Item(body=body, path=pod.path, pointer=pod.pointer))
    return found


def _in_trouble(pod: Item) -> bool:
    if string(mapping(pod.body, "status"), "phase") not in _HEALTHY:
        return True
    return any(
        integer(container, "restartCount") or mapping(container, "lastState") or _not_running(container)
        for _, _, container in containers(pod)
    )


def _not_running(container: Json) -> bool:
    state = mapping(container, "state")
    return "waiting" in state or string(mapping(state, "terminated"), "reason") not in ("", "Completed")


def _dead(view: BundleView) -> frozenset[str]:
    return frozenset(item.name for item in view.objects("nodes") if not node_ready(item))


def _left(view: BundleView) -> dict[Key, int]:
    left: dict[Key, int] = {}
    for kind, plural in (("Deployment", "deployments"), ("StatefulSet", "statefulsets")):
        for item in view.objects(plural, "apps"):
            status = mapping(item.body, "status")
            available = integer(status, "availableReplicas") or integer(status, "readyReplicas")
            left[kind, item.namespace, item.name] = available
    return left


def _failures(view: BundleView) -> dict[tuple[str, str], list[str]]:
    messages: dict[tuple[str, str], list[str]] = {}
    for event in view.objects("events"):
        if string(event.body, "reason") == "Failed" and len(messages) < _KEPT:
            about = mapping(event.body, "involvedObject")
            key = string(about, "namespace"), string(about, "name")
            messages.setdefault(key, []).append(string(event.body, "message"))
    return messages
