"""The newest events of a cluster in order of time, whatever API served them and whatever is in them."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.collectors import eventlog
from collector.collectors.eventlog import EventLog
from collector.core.clock import rfc3339

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NEVER = "0001-01-01T00:00:00Z"


def core(minutes: int, **changes: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "conductor", "name": f"web.{minutes}"},
        "involvedObject": {"kind": "Pod", "name": "web", "namespace": "conductor"},
        "type": "Warning",
        "reason": "BackOff",
        "message": "Back-off restarting failed container",
        "count": minutes,
        "source": {"component": "kubelet", "host": "node-1"},
        "firstTimestamp": rfc3339(NOON),
        "lastTimestamp": rfc3339(NOON + timedelta(minutes=minutes)),
        "eventTime": None,
        **changes,
    }


def lines(*events: Any) -> list[dict[str, Any]]:
    log = EventLog()
    for event in events:
        log.add(event)
    made = list(log.lines())
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in made)
    return [json.loads(line) for line in made]


def test_an_event_of_the_core_api_becomes_one_line() -> None:
    assert lines(core(5)) == [
        {
            "time": "2026-11-20T12:05:00Z",
            "type": "Warning",
            "namespace": "conductor",
            "kind": "Pod",
            "name": "web",
            "reason": "BackOff",
            "message": "Back-off restarting failed container",
            "count": 5,
            "source": "kubelet",
            "node": "node-1",
        }
    ]


def test_an_event_of_the_newer_api_says_the_same_in_other_fields() -> None:
    event = {
        "metadata": {"namespace": "conductor", "name": "web.1"},
        "regarding": {"kind": "Pod", "name": "web"},
        "type": "Warning",
        "reason": "BackOff",
        "note": "Back-off restarting failed container",
        "deprecatedCount": 5,
        "deprecatedSource": {"component": "kubelet", "host": "node-1"},
        "deprecatedFirstTimestamp": rfc3339(NOON),
        "deprecatedLastTimestamp": "2026-11-20T12:05:00Z",
        "eventTime": None,
    }
    assert lines(event) == lines(core(5))


@pytest.mark.parametrize(
    ("fields", "time"),
    [
        ({"series": {"lastObservedTime": "2026-11-20T13:00:00.123456Z"}}, "2026-11-20T13:00:00Z"),
        ({"lastTimestamp": None, "eventTime": "2026-11-20T14:00:00.000001Z"}, "2026-11-20T14:00:00Z"),
        ({"lastTimestamp": None}, "2026-11-20T12:00:00Z"),
        ({"lastTimestamp": "soon", "firstTimestamp": 5, "metadata": {}}, ""),
        (
            {
                "lastTimestamp": None,
                "firstTimestamp": None,
                "metadata": {"creationTimestamp": "2026-11-20T11:00:00Z"},
            },
            "2026-11-20T11:00:00Z",
        ),
        ({"lastTimestamp": "2026-11-20T14:00:00+02:00"}, "2026-11-20T12:00:00Z"),
    ],
)
def test_the_time_is_the_last_that_the_event_states(fields: dict[str, Any], time: str) -> None:
    assert lines(core(5, **fields))[0]["time"] == time


def test_events_come_in_order_of_time_however_they_were_listed() -> None:
    events = [core(minutes) for minutes in range(50)]
    random.Random(1).shuffle(events)
    assert [line["count"] for line in lines(*events)] == [1, *range(1, 50)]


def test_events_of_the_same_moment_keep_the_order_of_the_list() -> None:
    events = [core(1, reason=f"R{number}") for number in range(20)]
    assert [line["reason"] for line in lines(*events)] == [f"R{number}" for number in range(20)]


def test_events_without_a_time_come_first() -> None:
    timeless = core(9, lastTimestamp=None, firstTimestamp=None, reason="Timeless")
    assert [line["reason"] for line in lines(core(1), timeless)] == ["Timeless", "BackOff"]


def test_of_too_many_events_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventlog, "_KEPT", 10)
    events = [core(minutes) for minutes in range(1, 100)]
    random.Random(2).shuffle(events)
    assert [line["count"] for line in lines(*events)] == list(range(90, 100))


def test_of_events_that_take_too_much_memory_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventlog, "_KEPT_BYTES", 10_000)
    events = [core(minutes, message="\x00" * 1000) for minutes in range(1, 100)]
    assert [line["count"] for line in lines(*events)] == [99]


def test_a_long_message_is_cut() -> None:
    assert len(lines(core(1, message="x" * 100_000))[0]["message"]) == 1024


def test_a_line_is_bounded_whatever_field_is_long() -> None:
    endless = "x" * 1_000_000
    event = core(
        1,
        type=endless,
        reason=endless,
        involvedObject={"kind": endless, "name": endless},
        source={"component": endless, "host": endless},
        metadata={"namespace": endless},
    )
    log = EventLog()
    log.add(event)
    assert sum(map(len, log.lines())) < 10_000


@pytest.mark.parametrize(
    "moment", [NEVER, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z"]
)
def test_times_at_the_ends_of_the_calendar_harm_nothing(moment: str) -> None:
    found = lines(core(1), core(2, lastTimestamp=moment), core(3))
    assert sorted(line["count"] for line in found) == [1, 2, 3]


ANYTHING: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, 0, -1, 10**30, 1.5, "", "soon", NEVER, "\x00\x1b\u2028", "x" * 2000),
        *([], {}, ["a"], [{}], {"name": 5}, {"component": None}, {"lastObservedTime": [NEVER]}),
        *({"name": ["web"], "kind": {}}, {"creationTimestamp": 1}, {"namespace": "\ud7ff"}),
    ]
)
FIELDS = st.dictionaries(st.sampled_from([*core(1), "series", "regarding", "note"]), ANYTHING)


@given(st.lists(FIELDS, max_size=5))
def test_whatever_is_in_an_event_it_is_one_line_of_json(events: list[dict[str, Any]]) -> None:
    assert len(lines(*events)) == len(events)
