"""The newest events of the whole cluster in order of time, each as one short line of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice

import msgspec

from collector.core.clock import parse_rfc3339, rfc3339
from collector.core.packed import PackedLines
from collector.records import Json
from collector.records.access import integer, mapping, string

_KEPT = 5_000  # some 1.5 MB as text; the full objects are in the bundle whatever is kept here
_KEPT_BYTES = 16 * 1024 * 1024
_LONGEST = 1024
_LONGEST_NAME = 256
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_KEY = len("2026-11-20T22:00:41.000000+00:00")  # each row starts with its moment, by which it is sorted


class EventLog:
    """Takes events in any order; one thread adds, another may read afterwards."""

    def __init__(self) -> None:
        self._rows = PackedLines()
        self._size = 0
        self._oldest = b""

    def add(self, event: Mapping[str, Json]) -> None:
        """Takes note of an event, core/v1 or events.k8s.io/v1."""
        moment = _moment(event)
        key = moment.isoformat(timespec="microseconds").encode()
        if key < self._oldest:
            return
        self._append(key + _line(event, moment))
        if len(self._rows) >= 2 * _KEPT or self._size >= 2 * _KEPT_BYTES:
            self._trim()

    def __len__(self) -> int:
        self._trim()
        return len(self._rows)

    def lines(self) -> Iterator[bytes]:
        """Yields the events, oldest first, each with its newline."""
        self._trim()
        for row in self._rows:
            yield row[_KEY:] + b"\n"

    def _append(self, row: bytes) -> None:
        self._rows.append(row)
        self._size += len(row)

    def _trim(self) -> None:
        """Puts the rows in order and lets go of the oldest ones that are too many."""
        ordered = sorted(self._rows, key=lambda row: row[:_KEY])
        over, size = max(len(ordered) - _KEPT, 0), sum(map(len, islice(reversed(ordered), _KEPT)))
        while size > _KEPT_BYTES:
            size -= len(ordered[over])
            over += 1
        self._rows, self._size = PackedLines(), 0
        for row in islice(ordered, over, None):
            self._append(row)
        if over:
            self._oldest = ordered[over][:_KEY]


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
    return msgspec.json.encode(value)


def _name(value: Json, key: str) -> str:
    return string(value, key)[:_LONGEST_NAME]
