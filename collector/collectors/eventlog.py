"""The newest events of the whole cluster in order of time, each as one short line of JSON."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import msgspec

from collector.core.clock import parse_rfc3339, rfc3339
from collector.records import Json
from collector.records.access import integer, mapping, string

_KEPT = 5_000  # some 3 MB; the full objects are in the bundle whatever is kept here
_KEPT_BYTES = 16 * 1024 * 1024
_LONGEST = 1024
_LONGEST_NAME = 256
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class EventLog:
    """Takes events in any order; one thread adds, another may read afterwards."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, bytes]] = []
        self._count = 0
        self._size = 0

    def add(self, event: Mapping[str, Json]) -> None:
        """Takes note of an event, core/v1 or events.k8s.io/v1."""
        self._count += 1
        moment = _moment(event)
        line = _line(event, moment)
        heapq.heappush(self._heap, (moment, self._count, line))
        self._size += len(line)
        while len(self._heap) > _KEPT or self._size > _KEPT_BYTES:
            self._size -= len(heapq.heappop(self._heap)[2])

    def __len__(self) -> int:
        return len(self._heap)

    def lines(self) -> Iterator[bytes]:
        """Yields the events, oldest first, each with its newline."""
        for _, _, line in sorted(self._heap):
            yield line


def _moment(event: Mapping[str, Json]) -> datetime:
    """Returns when the event was last seen; servers fill different fields."""
    series = mapping(event, "series")
    for holder, key in (
        (series, "lastObservedTime"),
        (event, "lastTimestamp"),
        (event, "deprecatedLastTimestamp"),
        (event, "eventTime"),
        (event, "firstTimestamp"),
        (mapping(event, "metadata"), "creationTimestamp"),
    ):
        moment = parse_rfc3339(string(holder, key))
        if moment is not None:
            return moment
    return _BEFORE_ALL


def _line(event: Mapping[str, Json], moment: datetime) -> bytes:
    about = mapping(event, "involvedObject") or mapping(event, "regarding")
    source = mapping(event, "source") or mapping(event, "deprecatedSource")
    value = {
        "time": rfc3339(moment) if moment is not _BEFORE_ALL else "",
        "type": _name(event, "type"),
        "namespace": _name(mapping(event, "metadata"), "namespace"),
        "kind": _name(about, "kind"),
        "name": _name(about, "name"),
        "reason": _name(event, "reason"),
        "message": (string(event, "message") or string(event, "note"))[:_LONGEST],
        "count": integer(event, "count") or integer(event, "deprecatedCount") or 1,
        "source": _name(source, "component") or _name(event, "reportingComponent"),
        "node": _name(source, "host"),
    }
    return msgspec.json.encode(value) + b"\n"


def _name(value: Json, key: str) -> str:
    return string(value, key)[:_LONGEST_NAME]
