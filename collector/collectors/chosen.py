"""Reads the resources that were chosen for a collector, each as a batch of its own."""

from __future__ import annotations

from collections.abc import Iterator

from collector.collectors.base import Context, refused_name
from collector.collectors.choice import Choice, missing
from collector.collectors.objects import grant, read_resource
from collector.kube.api import RefusedRequestError
from collector.kube.discovery import ApiResource
from collector.records import Batch, Gap, Record, Status


def chosen(context: Context, collector: str) -> Iterator[Record]:
    """Yields one batch a resource, then a gap for each that the server should have and has not."""
    for choice in context.choices:
        if choice.collector == collector and not choice.skipped:
            yield Batch(records=_read(context, choice))
    for row in missing(context.discovery, context.catalog, collector):
        absent = ApiResource(
            group=row.groups[0], version="", plural=row.name, kind="", namespaced=True, verbs=frozenset()
        )
        yield Gap(
            subject=f"list {absent.full_name}",
            status=Status.ABSENT,
            reason="the server does not offer this resource, or its API group could not be read",
            needs=grant(absent),
        )


def _read(context: Context, choice: Choice) -> Iterator[Record]:
    try:
        yield from read_resource(context, choice.resource, metadata_only=choice.metadata_only)
    except RefusedRequestError:
        yield refused_name(f"list {choice.resource.full_name}")
