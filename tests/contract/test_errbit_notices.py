"""Every notice our client makes is taken by an Errbit, whatever a cluster puts into its findings."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.delivery.chunks import Parcel, Piece, chunk_notice, commit_notice
from collector.delivery.clean import MAX_VALUE_BYTES
from collector.delivery.notice import MAX_BODY, Notice, Origin, Site
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


def _accepted(made: list[Notice], limit: int | None = None) -> Receiver:
    receiver = Receiver(KEY, store=Store(), clock=FakeClock(), app_version="0")
    headers = {"content-type": "application/json", "x-airbrake-token": KEY}
    for notice in made:
        for body in (notice.body(), notice.minimal().body()):
            assert len(body) <= (MAX_BODY if limit is None else limit)
            _strictest(json.loads(body))
            request = Request(method="POST", target="/api/v3/projects/1/notices", headers=headers, body=body)
            answer = receiver.handle(request, "http://127.0.0.1")
            assert answer.status == 201, answer.body
    return receiver


def _strictest(document: dict[str, Any]) -> None:
    """What other servers of the protocol ask for beyond Errbit, and what breaks Errbit's own pages."""
    assert set(document) == {"notifier", "errors", "context", "environment", "session", "params"}
    (error,) = document["errors"]
    (frame,) = error["backtrace"]
    assert isinstance(frame["line"], int)
    assert all(isinstance(frame[key], str) and "\x00" not in frame[key] for key in ("file", "function"))
    assert isinstance(error["message"], str)
    assert error["message"]
    assert all(isinstance(document[key], dict) for key in ("notifier", "environment", "session", "params"))
    assert document["notifier"]
    assert all(isinstance(value, str) for value in document["context"].values())
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)*", document["context"]["version"])
    assert "key" not in document
    assert "project_id" not in document


_UNHURRIED = settings(deadline=None)


@_UNHURRIED
@given(_HOSTILE, _ANY_TEXT, _ANY_TEXT)
def test_hostile_findings_are_accepted(hostile: dict[str, Any], label: str, version: str) -> None:
    made = notices(report(judged(**hostile), label=label, agent_version=version), Bundle(), _SITE)
    assert len(made) == 2
    _accepted(made)


@_UNHURRIED
@given(_ANY_TEXT, _ANY_TEXT, _ANY_TEXT, st.binary(min_size=1, max_size=45_000), st.integers(0, 400))
def test_pieces_of_bundles_are_accepted_and_fit_the_smallest_limit(
    label: str, case: str, policy: str, data: bytes, seq: int
) -> None:
    origin = Origin(
        bundle_id="cnd20261120t220041z0a1b2c3d",
        label=label,
        case=case,
        policy_id=policy,
        agent_version="0.3.1",
    )
    parcel = Parcel(bundle_id=origin.bundle_id, sha256="ab" * 32, size=16 * 2**20, plain_sha256="cd" * 32)
    pieces = [Piece(offset=n, size=1, notice=f"{n:024x}") for n in range(seq)]
    made = [
        chunk_notice(parcel, seq * 45_000 % 2**24, data, seq=seq, origin=origin, site=_SITE),
        commit_notice(parcel, pieces, origin=origin, site=_SITE),
    ]
    receiver = _accepted(made, 64_000)
    assert len({problem.id for problem in receiver.problems()}) == 1


@_UNHURRIED
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


def test_ten_megabytes_of_evidence_are_cut_to_size() -> None:
    big = judged(
        evidence=(Evidence(path="logs/api.log", line=1, excerpt="\x1b[31m\u202e\U0001f4a3" * 2_500_000),),
        facts={"log": "x" * 10_000_000, "number": 10**4000, "list": [1] * 100_000},
    )
    _accepted(notices(report(big), Bundle(), _SITE))


def test_deep_facts_are_cut() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = {"k": [deep]}
    receiver = _accepted(notices(report(judged(facts={"deep": deep})), Bundle(), _SITE))
    params = receiver.notices()[0].params
    assert "nested too deeply" in json.dumps(params)
    _only_objects(params, 0)
