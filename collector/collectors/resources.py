"""Everything else the server lists, custom resources included; nothing needs a name in advance."""

from __future__ import annotations

from collections.abc import Iterator

from collector.collectors.base import Collector, Context, lists
from collector.collectors.chosen import chosen
from collector.records import Record

NAME = "resources"


def collect(context: Context) -> Iterator[Record]:
    """Yields the lists: those of the catalogue first, the unknown ones by name."""
    yield from chosen(context, NAME)


RESOURCES = Collector(name=NAME, collect=collect, after=("cluster", "workloads"), width=lists, vital=False)
