"""The cluster itself: server version, what its API offers, nodes, namespaces, storage, resource types."""

from __future__ import annotations

from collections.abc import Iterator

from collector.bundle import layout
from collector.collectors.base import Collector, Context, Need, listing
from collector.collectors.objects import read_resource
from collector.records import Document, Gap, Record, Status

_RESOURCES = (
    ("nodes", ("",)),
    ("namespaces", ("",)),
    ("customresourcedefinitions", ("apiextensions.k8s.io",)),
    ("persistentvolumes", ("",)),
    ("storageclasses", ("storage.k8s.io",)),
)


def collect(context: Context) -> Iterator[Record]:
    """Yields the version, the discovery documents and the cluster-scoped objects."""
    if context.version:
        version = {"info": context.version, "string": context.version.get("gitVersion", "")}
        yield Document(path=layout.CLUSTER_VERSION, value=version)
    else:
        yield Gap(subject="get /version", status=Status.FAILED, reason="the server did not state its version")
    yield Document(path=layout.GROUPS, value=list(context.discovery.groups))
    yield Document(path=layout.RESOURCES, value=list(context.discovery.documents))
    yield from context.discovery.gaps
    for plural, groups in _RESOURCES:
        resource = context.discovery.find(plural, *groups)
        if resource:
            yield from read_resource(context, resource)


CLUSTER = Collector(
    name="cluster",
    collect=collect,
    needs=(
        Need(verb="get", group="", resource="/version"),
        *listing("", "nodes", "namespaces", "persistentvolumes"),
        *listing("apiextensions.k8s.io", "customresourcedefinitions"),
        *listing("storage.k8s.io", "storageclasses"),
    ),
)
