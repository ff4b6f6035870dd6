"""The cluster itself: server version, what its API offers, nodes, namespaces, storage, resource types."""

from __future__ import annotations

from collections.abc import Iterator

from collector.bundle import layout
from collector.collectors.base import Collector, Context, Need, lists
from collector.collectors.chosen import chosen
from collector.records import Document, Gap, Record, Status

NAME = "cluster"
_DISCOVERY = ("/version", "/api", "/api/*", "/apis", "/apis/*")


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
    yield from chosen(context, NAME)


CLUSTER = Collector(
    name=NAME,
    collect=collect,
    needs=tuple(Need(verb="get", group="", resource=path) for path in _DISCOVERY),
    width=lists,
)
