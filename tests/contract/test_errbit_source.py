"""Conductor's own Errbit as evidence: what is read, what is said of it, and what happens when it fails."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.bundle import layout
from collector.core.secret import Secret
from collector.demo.recording import Recording
from collector.receiver import Fault, Receiver, Store, serve
from collector.receiver.model import Request
from collector.web.errbit import ErrbitSource
from tests.lib.edits import plant
from tests.lib.receivers import KEY, FakeClock, closed_port, no_proxy
from tests.lib.recordings import recording
from tests.lib.runs import collect, entry, verdicts, whole

_no_proxy = pytest.fixture(autouse=True)(no_proxy)
TOKEN = "readertoken000000000"
NOW = recording().recorded_at


def released() -> Recording:
    """The recorded cluster, with its Errbit labelled as part of Conductor's release."""
    path = "/apis/apps/v1/deployments"
    items = recording().answers[path].json["items"]
    place = next(at for at, item in enumerate(items) if item["metadata"]["name"] == "errbit")
    labels = {**items[place]["metadata"]["labels"], "release": "conductor"}
    return plant(recording(), path, f"/items/{place}/metadata/labels", labels)


class SetClock(FakeClock):
    """Stands where it is put."""

    def __init__(self) -> None:
        super().__init__()
        self.at = NOW

    def now(self) -> datetime:
        return self.at


class Errbit:
    """A receiver whose notices can be of any time, served under an application's name."""

    def __init__(self, app: str = "conductor-production") -> None:
        self.clock = SetClock()
        self.receiver = Receiver(KEY, store=Store(), clock=self.clock, token=TOKEN, app_name=app)

    def report(self, message: str, *ago: timedelta, kind: str = "PG::ConnectionBad") -> None:
        for age in ago:
            self.clock.at = NOW - age
            document = {
                "notifier": {"name": "airbrake"},
                "errors": [{"type": kind, "message": message, "backtrace": []}],
                "context": {"component": "labs", "action": "start", "environment": "production"},
            }
            request = Request(
                method="POST",
                target="/api/v3/projects/1/notices",
                headers={"content-type": "application/json", "x-airbrake-token": KEY},
                body=json.dumps(document).encode(),
            )
            assert self.receiver.handle(request, "").status == 201


HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def _source(url: str, token: str = TOKEN) -> ErrbitSource:
    return ErrbitSource(url=url, token=Secret(token))


def _run(errbit: Errbit, folder: Path, **changes: Any) -> Any:
    with serve(errbit.receiver) as url:
        return collect(released(), folder, errbit_source=_source(url, **changes))


def test_new_frequent_and_returned_exceptions_are_told_apart(tmp_path: Path) -> None:
    errbit = Errbit()
    errbit.report("a new one", HOUR)
    errbit.report("an old and steady one", 20 * DAY, 4 * DAY, HOUR)
    errbit.report("one that came back", 20 * DAY, HOUR)
    errbit.report("a frequent one", 20 * DAY, *[HOUR] * 120)
    errbit.report("gone for long", 20 * DAY)
    errbit.report("what we said ourselves", HOUR, kind="finding.CND-APP-001")
    result = _run(errbit, tmp_path)
    found = {key: value for key, value in verdicts(result).items() if key.startswith("CND-ERR")}
    assert {key.split(": ")[0].split()[0] + " " + key.split(": ")[1] for key in found} == {
        "CND-ERR-001 a new one",
        "CND-ERR-002 a frequent one",
        "CND-ERR-003 one that came back",
    }
    document = entry(result.bundle.path, layout.ERRBIT)
    assert document["state"] == "read"
    assert document["workload"]["owner"] == "conductor"
    assert {
        p["message"]: (p["count"], p["in_window"], p["in_week_before"]) for p in document["problems"]
    } == {
        "a new one": (1, 1, 0),
        "an old and steady one": (3, 1, 1),
        "one that came back": (2, 1, 0),
        "a frequent one": (121, 120, 0),
    }
    marks = [mark.label for mark in result.report.timeline if mark.lane == "exceptions"]
    assert "first conductor-production labs#start: a new one" in marks


def test_what_it_holds_is_redacted(tmp_path: Path) -> None:
    errbit = Errbit()
    errbit.report("no connection: postgres://lab:Hunter2Hunter2@db/labs password=S3cretS3cretS3cret", HOUR)
    result = _run(errbit, tmp_path)
    bundle = whole(result.bundle.path)
    assert b"Hunter2Hunter2" not in bundle
    assert b"S3cretS3cretS3cret" not in bundle
    assert TOKEN.encode() not in bundle
    assert b"no connection" in bundle


def test_another_application_is_a_fact_for_the_policy(tmp_path: Path) -> None:
    errbit = Errbit(app="shop")
    errbit.report("a new one", HOUR)
    (judged,) = (j for j in _run(errbit, tmp_path).report.findings if j.finding.rule.startswith("CND-ERR"))
    assert (judged.finding.rule, judged.finding.subject.name) == ("CND-ERR-005", "shop")
    assert judged.finding.topic == "alteration.foreign_errbit"
    assert judged.finding.facts == {"application": "foreign"}


def test_an_errbit_that_answers_with_errors_is_a_finding(tmp_path: Path) -> None:
    errbit = Errbit()
    errbit.receiver.faults_on_reading = True
    errbit.receiver.faults.add(Fault(status=500), times=50)
    result = _run(errbit, tmp_path)
    found = verdicts(result)
    assert found["CND-ERR-004 errbit"][0] == "fail"
    assert entry(result.bundle.path, layout.ERRBIT)["state"] == "failing"
    assert any(gap.subject == "exceptions in Conductor's Errbit" for gap in result.report.run.gaps)


@pytest.mark.parametrize("trouble", ["nobody", "token"])
def test_an_errbit_that_cannot_be_read_is_a_gap_that_says_what_is_needed(
    tmp_path: Path, trouble: str
) -> None:
    errbit = Errbit()
    if trouble == "token":
        result = _run(errbit, tmp_path, token="wrong")
    else:
        result = collect(recording(), tmp_path, errbit_source=_source(closed_port()))
    (gap,) = (gap for gap in result.report.run.gaps if gap.subject == "exceptions in Conductor's Errbit")
    assert "--errbit-token-file" in gap.needs
    assert ("token" if trouble == "token" else "could not be reached") in gap.reason
    assert not any(key.startswith("CND-ERR") for key in verdicts(result))


def test_without_a_token_its_place_is_noted_and_nothing_asked(tmp_path: Path) -> None:
    result = collect(recording(), tmp_path)
    document = entry(result.bundle.path, layout.ERRBIT)
    assert (document["state"], document["workload"]["name"]) == ("not asked", "errbit")
    assert "--errbit-token-file" in document["says"]


def test_without_an_address_the_service_is_found_and_plain_http_needs_leave(tmp_path: Path) -> None:
    result = collect(released(), tmp_path, errbit_source=ErrbitSource(token=Secret(TOKEN)))
    document = entry(result.bundle.path, layout.ERRBIT)
    assert document["address"] == "errbit.conductor.svc"
    assert "plain http" in document["says"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "[1, null]",
        "[" * 5000,
        '[{"_id": 5}]',
        '[{"first_notice_at": "x", "_id": "' + "a" * 24 + '"}]',
    ],
)
def test_nonsense_from_an_errbit_breaks_nothing(tmp_path: Path, body: str) -> None:
    errbit = Errbit()
    errbit.receiver.faults_on_reading = True
    errbit.receiver.faults.add(Fault(status=200, body=body), times=50)
    result = _run(errbit, tmp_path)
    assert entry(result.bundle.path, layout.ERRBIT)["problems"] == []
