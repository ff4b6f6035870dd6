"""Every notice our client makes is taken by an Errbit, whatever a cluster puts into its findings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.delivery.clean import MAX_VALUE_BYTES
from collector.delivery.notice import MAX_BODY, Notice, Site
from collector.delivery.notices import notices
from collector.findings import Clause, Evidence, Impact, Outcome, Scope, Subject
from collector.receiver import Receiver, Store
from collector.receiver.model import Request
from tests.lib.receivers import KEY, Bundle, FakeClock, judged, report

_SITE = Site(environment="production", hostname="prod-eu")
_ANY_TEXT = st.text(st.characters(), max_size=60)  # surrogates, NUL and other controls included
_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-(10**60), 10**60) | st.floats() | _ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)
_EVIDENCE = st.builds(
    Evidence, path=_ANY_TEXT, pointer=_ANY_TEXT, line=st.integers(0, 10**30), excerpt=_ANY_TEXT
)
_HOSTILE = st.fixed_dictionaries(
    {
        "rule": _ANY_TEXT,
        "topic": _ANY_TEXT,
        "title": _ANY_TEXT,
        "summary": _ANY_TEXT,
        "outcome": st.sampled_from([Outcome.FAIL, Outcome.WARN, Outcome.UNKNOWN]),
        "impact": st.sampled_from(Impact),
        "scope": st.sampled_from(Scope),
        "subject": st.builds(Subject, kind=_ANY_TEXT, name=_ANY_TEXT, namespace=_ANY_TEXT),
        "evidence": st.lists(_EVIDENCE, max_size=3).map(tuple),
        "facts": st.dictionaries(_ANY_TEXT, _ANY_JSON, max_size=4),
        "clauses": st.lists(
            st.builds(Clause, id=_ANY_TEXT, document=_ANY_TEXT, words=_ANY_TEXT), max_size=2
        ).map(tuple),
        "remedy": _ANY_TEXT,
        "needs": _ANY_TEXT,
        "count": st.integers(0, 10**30),
    }
)


def _accepted(made: list[Notice]) -> Receiver:
    receiver = Receiver(KEY, store=Store(), clock=FakeClock(), app_version="0")
    headers = {"content-type": "application/json", "x-airbrake-token": KEY}
    for notice in made:
        for body in (notice.body(), notice.minimal().body()):
            assert len(body) <= MAX_BODY
            request = Request(method="POST", target="/api/v3/projects/1/notices", headers=headers, body=body)
            answer = receiver.handle(request, "http://127.0.0.1")
            assert answer.status == 201, answer.body
    return receiver


@given(_HOSTILE, _ANY_TEXT, _ANY_TEXT)
def test_hostile_findings_are_accepted(hostile: dict[str, Any], label: str, version: str) -> None:
    made = notices(report(judged(**hostile), label=label, agent_version=version), Bundle(), _SITE)
    assert len(made) == 2
    _accepted(made)


@given(_HOSTILE)
def test_hostile_notices_keep_the_form(hostile: dict[str, Any]) -> None:
    document = json.loads(notices(report(judged(**hostile)), Bundle(), _SITE)[0].body())
    assert set(document) == {"notifier", "errors", "context", "environment", "session", "params"}
    (error,) = document["errors"]
    assert len(error["message"].encode()) <= 200
    assert len(error["message"]) >= 1
    assert len(error["backtrace"]) == 1
    _only_objects(document["params"], 0)


def _only_objects(value: Any, depth: int) -> None:
    assert depth <= 20
    assert not isinstance(value, list)
    if isinstance(value, dict):
        for key, child in value.items():
            assert key
            assert all(mark.isascii() and (mark.isalnum() or mark in "_-") for mark in key)
            _only_objects(child, depth + 1)
    if isinstance(value, str):
        assert len(value.encode()) <= MAX_VALUE_BYTES
    if isinstance(value, int):
        assert abs(value) <= 2**53


@pytest.mark.parametrize("letter", ["a", "é", '"', "\x00", "\\", "😀", "\ud800"])
def test_the_largest_finding_fits_and_is_accepted(letter: str) -> None:
    huge = letter * 200_000
    big = judged(
        title=huge,
        summary=huge,
        remedy=huge,
        needs=huge,
        ask=(huge, huge),
        facts={f"fact {number}": huge for number in range(50)},
        evidence=tuple(Evidence(path=huge, excerpt=huge) for _ in range(30)),
        clauses=(Clause(id=huge, document=huge, words=huge),),
    )
    receiver = _accepted(notices(report(big, label=huge, case=huge, agent_version=huge), Bundle(), _SITE))
    assert "to keep the notice small" in receiver.notices()[0].params["dropped"]


def test_deep_facts_are_cut() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = {"k": [deep]}
    receiver = _accepted(notices(report(judged(facts={"deep": deep})), Bundle(), _SITE))
    params = receiver.notices()[0].params
    assert "nested too deeply" in json.dumps(params)
    _only_objects(params, 0)
