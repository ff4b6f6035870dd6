"""What can be read back from the receiver has the form that two real Errbit servers gave it."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from collector.cli.main import main
from collector.core.errors import ExitStatus
from collector.receiver import Receiver, Store
from collector.receiver.model import Answer, Request
from tests.lib.receivers import KEY, FakeClock

SAMPLES = json.loads((Path(__file__).parent.parent / "data/errbit/read-api.json").read_text())["samples"]
TOKEN = "u" * 20
PARAMS = {
    "bundle_id": "b1",
    "chunk_sha256": "ab",
    "data_crypt": "QUJDREVGRw==",
    "seq": 0,
    "text": 'line1\nline2 "q" #{x} <b>',
    "total": 2,
}


def _receiver(**changes: Any) -> Receiver:
    return Receiver(
        KEY, store=changes.pop("store", None) or Store(), clock=FakeClock(), token=TOKEN, **changes
    )


def _get(receiver: Receiver, target: str) -> Answer:
    return receiver.handle(Request(method="GET", target=target), "http://base")


def _post(receiver: Receiver, params: Any = None, message: str = "Disk is almost full") -> str:
    document = {
        "notifier": {"name": "n"},
        "errors": [{"type": "finding.disk", "message": message}],
        "context": {"component": "disk", "action": "node", "environment": "production"},
        "params": PARAMS if params is None else params,
    }
    headers = {"content-type": "application/json", "x-airbrake-token": KEY}
    request = Request(
        method="POST",
        target="/api/v3/projects/1/notices",
        headers=headers,
        body=json.dumps(document).encode(),
    )
    answer = receiver.handle(request, "http://base")
    assert answer.status == 201
    return str(json.loads(answer.body)["id"])


def _sample(name: str) -> list[Any]:
    return [sample for sample in SAMPLES if sample["name"].startswith(name)]


def _shape(value: Any) -> Any:
    """Keys and types, and for times their form."""
    if isinstance(value, dict):
        return {key: _shape(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_shape(value[-1])]
    if isinstance(value, str):
        value = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>", value)
        return re.sub(r"[0-9a-f]{24}", "<id>", value)
    return type(value).__name__


_SAME = {"finding.disk", "Disk is almost full", "production", "disk#node", "<time>", "<id>"}


@pytest.mark.parametrize("name", ["/api/v1/problems.json", "/api/v1/notices.json", "stats"])
def test_lists_have_the_recorded_form(name: str) -> None:
    receiver = _receiver()
    _post(receiver)
    for sample in _sample(name):
        if sample["status"] != 200:
            continue
        target = sample["request"].removeprefix("GET ").replace("KEY", KEY)
        answer = _get(
            receiver, target + ("" if name == "stats" else f"{'&?'['?' not in target]}auth_token={TOKEN}")
        )
        assert (answer.status, answer.content_type) == (200, sample["content_type"])
        mine, theirs = _shape(json.loads(answer.body)), _shape(json.loads(sample["body"]))
        if name == "stats":
            mine["name"] = theirs["name"]
        else:
            mine[0]["app_name"] = theirs[0].get("app_name")
            theirs[0].setdefault("app_name", None)
        assert mine == theirs


@pytest.mark.parametrize(
    "name", ["problems without login", "stats wrong key", "key tester", "key tester wrong"]
)
def test_small_answers_are_the_recorded_ones(name: str) -> None:
    for sample in (s for s in SAMPLES if s["name"] == name):
        answer = _get(_receiver(), sample["request"].removeprefix("GET ").replace("KEY", KEY))
        assert answer.status == sample["status"]
        assert answer.content_type == sample["content_type"]
        assert answer.body.decode() == sample["body"]


def test_a_notice_leads_to_its_problem_and_the_page_shows_params_as_recorded() -> None:
    receiver = _receiver()
    notice = _post(receiver)
    answer = _get(receiver, f"/notices/{notice}?auth_token={TOKEN}")
    for sample in _sample("notice by id"):
        assert answer.status == sample["status"]
        assert _shape(answer.headers["Location"]) == _shape(
            sample["location"].replace("<base>", "http://base")
        )
    page = _get(receiver, answer.headers["Location"].removeprefix("http://base") + f"&auth_token={TOKEN}")
    shown = _hash(page.body.decode())
    for sample in _sample("problem page"):
        assert shown == _hash(sample["body"])


def _hash(page: str) -> str:
    found = re.search(r"id=['\"]params['\"].*?<pre class=['\"]hash['\"]>(.*?)</pre>", page, re.DOTALL)
    assert found
    return html.unescape(found[1])


def test_notices_of_a_problem_are_paged_newest_first() -> None:
    receiver = _receiver()
    first, second = (_post(receiver, {"seq": number}) for number in range(2))
    target = _get(receiver, f"/locate/{first}?auth_token={TOKEN}").headers["Location"]
    page = target.removeprefix("http://base").partition("?")[0]
    pages = [_get(receiver, f"{page}?notice={n}&auth_token={TOKEN}") for n in (1, 2, 3)]
    assert ['"seq" => 1' in _hash(pages[0].body.decode()), '"seq" => 0' in _hash(pages[1].body.decode())] == [
        True
    ] * 2
    assert pages[2].status == 404
    assert second in pages[0].body.decode()


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/up", 200),
        ("/", 302),
        (f"/?auth_token={TOKEN}", 200),
        ("/?auth_token=wrong", 404),
        ("/up?auth_token=wrong", 404),
        ("/api/v1/problems.json?auth_token=wrong", 404),
        (f"/api/v1/problems/{'0' * 24}.json?auth_token={TOKEN}", 404),
        (f"/notices/{'0' * 24}?auth_token={TOKEN}", 404),
        (f"/notices/{'0' * 24}", 302),
        ("/health/liveness", 404),
        ("/nothing", 404),
    ],
)
def test_who_may_read_what(target: str, status: int) -> None:
    assert _get(_receiver(), target).status == status


def test_a_period_narrows_the_lists() -> None:
    receiver = _receiver()
    _post(receiver)
    for period, count in (
        ("start_date=2026-11-20T00:00:00Z&end_date=2026-11-21T00:00:00Z", 1),
        ("start_date=2026-11-21T00:00:00Z&end_date=2026-11-22T00:00:00Z", 0),
        ("start_date=nonsense", 1),
    ):
        for what in ("notices", "problems"):
            answer = _get(receiver, f"/api/v1/{what}.json?{period}&auth_token={TOKEN}")
            assert len(json.loads(answer.body)) == count


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    receiver = _receiver(store=Store(tmp_path))
    _post(receiver, {"a": 1})
    notice = _post(receiver, {"a": 2})
    (tmp_path / f"{'f' * 24}.json").write_text("{ cut short")
    again = _receiver(store=Store(tmp_path))
    assert [kept.params for kept in again.notices()] == [{"a": 1}, {"a": 2}]
    assert [problem.count for problem in again.problems()] == [2]
    assert again.problems()[0].id == receiver.problems()[0].id
    _post(again, {"a": 3})
    assert [problem.count for problem in again.problems()] == [3]
    assert _get(again, f"/notices/{notice}?auth_token={TOKEN}").status == 302


def _xml(**changes: str) -> bytes:
    key, version, root = changes.get("key", KEY), changes.get("version", "2.4"), changes.get("root", "notice")
    return (
        f'<?xml version="1.0"?><{root} version="{version}"><api-key>{escape(key)}</api-key>'
        "<notifier><name>n</name><version>1</version><url/></notifier>"
        "<error><class>RuntimeError</class><message>m &amp; m</message>"
        '<backtrace><line method="g" file="f" number="1"/></backtrace></error>'
        "<request><url/><component>c</component><action>a</action>"
        '<params><var key="p">v</var><var key="q"><var key="r">w</var></var></params></request>'
        "<server-environment><environment-name>production</environment-name><hostname>h</hostname>"
        f"<app-version>1.0</app-version></server-environment>{changes.get('more', '')}</{root}>"
    ).encode()


def _older(receiver: Receiver, body: bytes) -> Answer:
    return receiver.handle(
        Request(method="POST", target="/notifier_api/v2/notices", body=body), "http://base"
    )


def test_a_report_of_the_older_protocol_is_kept() -> None:
    receiver = _receiver()
    answer = _older(receiver, _xml())
    (notice,) = receiver.notices()
    assert (answer.status, answer.body.decode()) == (
        200,
        f"<notice><id>{notice.id}</id><url>http://base/apps/{receiver.app_id}/problems/{notice.problem_id}</url></notice>",
    )
    assert (notice.error_class, notice.message, notice.where) == ("RuntimeError", "m & m", "c#a")
    assert notice.params == {"p": "v", "q": {"r": "w"}}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "Need a data params in GET or raw post data"),
        (b"<notice", 422, "The provided XML was not well-formed"),
        (
            b'<!DOCTYPE n [<!ENTITY a "b">]><notice version="2.4">&a;</notice>',
            422,
            "The provided XML was not well-formed",
        ),
        (_xml(key="other"), 422, "Your API key is unknown"),
        (_xml(version="3.0"), 500, ""),
        (_xml(root="report"), 500, ""),
        (b'<notice version="2.4"/>', 500, ""),
    ],
)
def test_other_reports_of_the_older_protocol_are_turned_away(body: bytes, status: int, words: str) -> None:
    receiver = _receiver()
    answer = _older(receiver, body)
    assert answer.status == status
    assert words in answer.body.decode()
    assert receiver.notices() == []


def test_an_older_version_is_ignored_with_200() -> None:
    answer = _older(_receiver(app_version="2.0"), _xml())
    assert (answer.status, answer.body) == (200, b"Notice for old app version ignored")


def test_the_page_says_what_it_is_not() -> None:
    assert "not an Errbit" in _get(_receiver(), f"/?auth_token={TOKEN}").body.decode()


def test_who_shows_no_token_is_told_how_and_not_which() -> None:
    receiver = _receiver()
    where = _get(receiver, "/").headers["Location"]
    answer = _get(receiver, where.removeprefix("http://base"))
    assert answer.status == 200
    assert "/?auth_token=TOKEN" in answer.body.decode()
    assert TOKEN not in answer.body.decode()
    without = Receiver(KEY, store=Store(), clock=FakeClock())
    assert "without one" in _get(without, "/users/sign_in").body.decode()


def test_a_piece_of_a_bundle_does_not_fill_the_page() -> None:
    receiver = _receiver()
    _post(receiver, {**PARAMS, "data_crypt": "QUJD" * 17_500})
    page = _get(receiver, f"/?auth_token={TOKEN}").body.decode()
    assert "(70000 characters, cut here)" in page
    assert len(page) < 4000


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:80", "errbit.example.com:80", "127.0.0.1", "127.0.0.1:99999", "[::]:1"]
)
def test_the_verb_listens_on_this_machine_only(
    listen: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["receiver", "--listen", listen, "--data-dir", str(tmp_path)]) == ExitStatus.USAGE
    assert "try: --listen 127.0.0.1:8080" in capsys.readouterr().err
