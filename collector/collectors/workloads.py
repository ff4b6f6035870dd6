"""What runs: pods, their controllers, services and claims, events, and the platform's own add-ons."""

from __future__ import annotations

from collections.abc import Iterator

from collector.collectors.base import Collector, Context, lists
from collector.collectors.chosen import chosen
from collector.records import Record

NAME = "workloads"


def collect(context: Context) -> Iterator[Record]:
    """Yields the lists, most telling first, so that a run cut short holds what a diagnosis needs."""
    yield from chosen(context, NAME)


WORKLOADS = Collector(name=NAME, collect=collect, part=0.6, width=lists)
