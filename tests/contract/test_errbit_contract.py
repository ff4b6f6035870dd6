"""The receiver answers as two real Errbit servers did, and takes every notice that our client makes."""

from __future__ import annotations

import base64
import http.client
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from collector.receiver import Receiver, Store, serve
from collector.receiver.model import Request
from tests.lib.receivers import KEY, FakeClock, running

_CASES = json.loads((Path(__file__).parent.parent / "data/errbit/contract.json").read_text())["cases"]
_VERSIONED_KEY = "1" * 32
_SERVERS = ("errbit_0_10_8", "errbit_0_11_3")


def _receiver(path: str) -> Receiver:
    """The recording had two applications; the one with a latest version is known by its key."""
    if _VERSIONED_KEY in path:
        return Receiver(_VERSIONED_KEY, store=Store(), clock=FakeClock(), app_version="2.0")
    return Receiver(KEY, store=Store(), clock=FakeClock())


def _send(base: str, recorded: dict[str, Any]) -> tuple[int, str, str]:
    """Replays a recorded request byte for byte; a library would repair some of them."""
    if "body_base64" in recorded:
        body = base64.b64decode(recorded["body_base64"])
    else:
        body = recorded.get("body", "").replace("{api_key}", KEY).encode()
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=10)
    try:
        connection.putrequest(recorded["method"], recorded["path"].replace("{api_key}", KEY))
        for name, value in recorded["headers"].items():
            connection.putheader(name, value.replace("{api_key}", KEY))
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type", ""), response.read().decode()
    finally:
        connection.close()


def _generic(body: str, base: str) -> str:
    return re.sub(r"[0-9a-f]{24}", "<id>", body.replace(base, "<base>"))


@pytest.mark.parametrize("server", _SERVERS)
@pytest.mark.parametrize("case", _CASES, ids=[case["case"] for case in _CASES])
def test_answers_as_recorded(case: dict[str, Any], server: str) -> None:
    expected = case[server]
    receiver = _receiver(case["request"]["path"])
    with serve(receiver) as base:
        status, content_type, body = _send(base, case["request"])
    assert (status, content_type) == (expected["status"], expected["content_type"])
    if "body" in expected:
        assert _generic(body, base) == expected["body"]
    assert len(receiver.notices()) == (1 if expected["status"] == 201 else 0)


def test_the_recording_is_whole() -> None:
    assert len(_CASES) == 134
    assert {case[server]["status"] for case in _CASES for server in _SERVERS} == {
        201,
        400,
        404,
        406,
        422,
        500,
    }


_REPORT = _CASES[0]["request"]["body"].encode()


def _status(path: str, receiver: Receiver | None = None, body: bytes = _REPORT, **headers: str) -> int:
    receiver = receiver or Receiver(KEY, store=Store(), clock=FakeClock())
    sent = {
        "content-type": "application/json",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    request = Request(method="POST", target=path, headers=sent, body=body)
    return receiver.handle(request, "http://127.0.0.1").status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/api/v3/projects/1/notices/?key={KEY}", 201),
        (f"//api/v3/projects/1/notices?key={KEY}", 201),
        (f"/api/v3/projects/1/notices.json?key={KEY}", 201),
        (f"/api/v3/projects/1/create-notice.json?key={KEY}", 201),
        (f"/api/v3/projects/{KEY}/notices", 201),
        (f"/api/v3/projects/1/notices?key={KEY}&auth_token=x", 404),
        (f"/errbit/api/v3/projects/1/notices?key={KEY}", 404),
        (f"/api/v2/projects/1/notices?key={KEY}", 404),
    ],
)
def test_routes(path: str, status: int) -> None:
    assert _status(path) == status


def test_a_header_beats_the_body_and_the_body_beats_the_address() -> None:
    with_key = json.dumps({**json.loads(_REPORT), "key": KEY}).encode()
    wrong = json.dumps({**json.loads(_REPORT), "key": "other"}).encode()
    path = "/api/v3/projects/1/notices"
    assert _status(f"{path}?key=other", body=with_key) == 201
    assert _status(f"{path}?key={KEY}", body=wrong) == 422
    assert _status(path, body=wrong, x_airbrake_token=KEY) == 201
    assert _status(path, x_airbrake_token=KEY, authorization="Bearer other") == 422


def test_errors_come_as_json_to_who_asks_for_it() -> None:
    receiver = Receiver(KEY, store=Store(), clock=FakeClock())
    headers = {"content-type": "application/json", "accept": "application/json"}
    request = Request(method="POST", target="/api/v3/projects/1/notices", headers=headers, body=b"{")
    answer = receiver.handle(request, "http://127.0.0.1")
    assert answer.status == 400
    assert json.loads(answer.body) == {"status": 400, "error": "Bad Request"}


@pytest.mark.parametrize(
    ("version", "status"),
    [("1.9.9", 422), ("2.0-rc1", 422), ("2.0rc1", 422), ("2.0.rc1", 422), ("2.0.0", 201), ("2.0.0.1", 201)],
)
def test_versions_compare_as_rubygems_does(version: str, status: int) -> None:
    receiver = Receiver(KEY, store=Store(), clock=FakeClock(), app_version="2.0")
    report = json.loads(_REPORT)
    report["context"]["version"] = version
    body = json.dumps(report).encode()
    assert _status(f"/api/v3/projects/1/notices?key={KEY}", receiver, body) == status


@pytest.mark.parametrize(
    "damage",
    [
        {"errors": [0]},
        {"errors": "s"},
        {"errors": None},
        {"errors": [{"message": "m", "backtrace": 0}]},
        {"context": 5},
        {"params": {"\udce9": 1}},
        {"params": {"a": -(2**63) - 1}},
    ],
)
def test_what_ruby_trips_over_is_a_server_error(damage: dict[str, Any]) -> None:
    body = json.dumps({**json.loads(_REPORT), **damage}).encode()
    assert _status(f"/api/v3/projects/1/notices?key={KEY}", body=body) == 500


def _group(receiver: Receiver, **changes: Any) -> str:
    report = json.loads(_REPORT)
    report["errors"][0]["backtrace"] = changes.pop("backtrace", [{"file": "f", "function": "g", "line": 1}])
    report["errors"][0].update(changes.pop("error", {}))
    report["context"].update(changes.pop("context", {}))
    report.update(changes)
    body = json.dumps(report).encode()
    assert _status(f"/api/v3/projects/1/notices?key={KEY}", receiver, body) == 201
    return receiver.notices()[-1].problem_id


@pytest.mark.parametrize(
    "change",
    [
        {"context": {"hostname": "other", "version": "9", "url": "http://x", "userAgent": "y"}},
        {"params": {"a": 2}},
        {"session": {"s": 1}},
        {"environment": {"e": 1}},
        {"notifier": {"name": "other"}},
        {"backtrace": [{"line": 1, "function": "g", "file": "f", "code": {"1": "x"}}]},
        {"error": {"message": "m" * 1000 + "tail"}},
    ],
)
def test_what_does_not_count_for_grouping(change: dict[str, Any]) -> None:
    receiver = Receiver(KEY, store=Store(), clock=FakeClock())
    start = {"error": {"message": "m" * 1000}} if "error" in change else {}
    assert _group(receiver, **start) == _group(receiver, **change)
    assert [problem.count for problem in receiver.problems()] == [2]


@pytest.mark.parametrize(
    "change",
    [
        {"context": {"component": "other"}},
        {"context": {"action": "other"}},
        {"context": {"environment": "other"}},
        {"error": {"type": "other"}},
        {"error": {"message": "other"}},
        {"backtrace": [{"file": "f", "function": "g", "line": "1"}]},
        {"backtrace": []},
    ],
)
def test_what_counts_for_grouping(change: dict[str, Any]) -> None:
    receiver = Receiver(KEY, store=Store(), clock=FakeClock())
    assert _group(receiver) != _group(receiver, **change)


def test_notices_are_kept_on_disk_and_bounded(tmp_path: Path) -> None:
    with running(store=Store(tmp_path / "kept", max_notices=2)) as (receiver, _):
        for number in range(3):
            _group(receiver, params={"number": number})
    kept = [json.loads(path.read_text())["params"]["number"] for path in (tmp_path / "kept").iterdir()]
    assert sorted(kept) == [1, 2]
    assert [notice.params["number"] for notice in receiver.notices()] == [1, 2]
    assert receiver.problems()[0].count == 3


def test_the_page_escapes_what_it_shows() -> None:
    receiver = Receiver(KEY, store=Store(), clock=FakeClock())
    _group(receiver, error={"message": "<script>x</script>"}, params={"<b>": "</pre><i>\x1b[2J"})
    page = receiver.handle(Request(method="GET", target="/"), "http://127.0.0.1").body.decode()
    assert "<script>" not in page
    assert "<i>" not in page
    assert "<b>" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;" in page


def test_a_body_without_a_stated_length_or_too_long_is_not_read() -> None:
    with running() as (receiver, base):
        for headers, status in (
            ({"Transfer-Encoding": "chunked"}, 411),
            ({"Content-Length": str(2**24 + 1)}, 413),
        ):
            connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=10)
            connection.putrequest("POST", f"/api/v3/projects/1/notices?key={KEY}")
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            assert connection.getresponse().status == status
            connection.close()
    assert receiver.notices() == []
