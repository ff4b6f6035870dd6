"""Namespaces, events and deployments of a synthetic cluster, as servers send them."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.benchlib.names import (
    PODS_IN_NAMESPACE,
    PODS_ON_NODE,
    REPLICAS,
    Object,
    metadata,
    moment,
    namespace_of,
    pod_name,
    uid,
)
from scripts.benchlib.pods import pod_spec


def namespaces(pods: int) -> Iterator[Object]:
    """Yields one namespace for each 50 pods."""
    for number in range(0, pods, PODS_IN_NAMESPACE):
        name = namespace_of(number)
        yield {
            "metadata": {**metadata(name, None, "Namespace", number), "labels": {"team": name}},
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        }


def events(pods: int) -> Iterator[Object]:
    """Yields two events for each pod."""
    for number in range(pods):
        for reason in ("Scheduled", "Pulled"):
            name = pod_name(number)
            yield {
                "metadata": metadata(
                    f"{name}.{uid(reason, number)[:16]}", namespace_of(number), "Event", number
                ),
                "involvedObject": {
                    "kind": "Pod",
                    "namespace": namespace_of(number),
                    "name": name,
                    "uid": uid("Pod", name),
                    "apiVersion": "v1",
                    "resourceVersion": str(1000 + number),
                    "fieldPath": "spec.containers{app}",
                },
                "reason": reason,
                "message": f"Successfully handled {name} in 1.2{number % 10}s",
                "source": {"component": "kubelet", "host": f"node-{number // PODS_ON_NODE:03d}"},
                "firstTimestamp": moment(number),
                "lastTimestamp": moment(number + 30),
                "count": 1 + number % 5,
                "type": "Normal",
                "eventTime": None,
                "reportingComponent": "kubelet",
                "reportingInstance": "",
            }


def deployments(pods: int) -> Iterator[Object]:
    """Yields one deployment for each five pods."""
    for number in range(0, pods, REPLICAS):
        name = f"worker-{number // REPLICAS:05d}"
        yield {
            "metadata": metadata(name, namespace_of(number), "Deployment", number),
            "spec": {
                "replicas": REPLICAS,
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec(number)},
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
                },
            },
            "status": {"replicas": REPLICAS, "readyReplicas": REPLICAS, "availableReplicas": REPLICAS},
        }
