"""What lint says of a policy, and that the shipped one leaves nothing unsaid that it could say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.analysis import load_rule_texts
from collector.core.resources import config_path
from collector.releases import load_conductor
from collector.support import lint, load_unseen, read_policy_file
from collector.support.matching import members, topics
from collector.support.model import FactType, PolicyFile

SHIPPED = read_policy_file()[1]
STATED = {text.topic for text in load_rule_texts().values()}
UNSEEN = load_unseen().topics
UNSEEN_FACTS = load_unseen().facts
SOURCES = [
    path.read_text("utf-8")
    for folder in ("analysis", "collectors")
    for path in (Path(__file__).parents[2] / "collector" / folder).glob("*.py")
]


def said(policy: PolicyFile, *, problem: bool) -> list[str]:
    return [remark.text for remark in lint(policy, STATED, UNSEEN) if remark.problem == problem]


def with_row(at: int, **changes: Any) -> PolicyFile:
    row = msgspec.structs.replace(SHIPPED.rows[at], **changes)
    return msgspec.structs.replace(SHIPPED, rows=(*SHIPPED.rows[:at], row, *SHIPPED.rows[at + 1 :]))


def test_the_shipped_policy_has_no_problem() -> None:
    assert said(SHIPPED, problem=True) == []


def test_what_is_left_to_note_is_missing_in_the_sources_alone() -> None:
    assert {note.partition(" ")[0] for note in said(SHIPPED, problem=False)} == {"document", "terms:"}


def test_every_topic_is_stated_by_a_rule_or_has_a_reason_why_not() -> None:
    known = frozenset[str]().union(*(topics(row) for row in SHIPPED.rows)) - {"*"}
    assert known - STATED - UNSEEN.keys() == set()
    assert UNSEEN.keys() & STATED == set()
    assert UNSEEN.keys() - known == set()
    assert all(reason.endswith(".") for reason in UNSEEN.values())


def test_every_value_of_a_fact_that_a_row_asks_for_is_stated_by_a_rule_or_has_a_reason() -> None:
    asked = {
        f"{name}={value}": value
        for row in SHIPPED.rows
        if not topics(row) <= UNSEEN.keys()
        for name, wanted in row.when.facts.items()
        for value in members(wanted) or ()
    }
    literal = {key for key, value in asked.items() if any(f'"{value}"' in source for source in SOURCES)}
    tables = Path(config_path("releases", "applications.yaml")).read_text("utf-8")
    doubtful = load_conductor().prerequisites.cert_manager_doubtful
    tabled = {key for key, value in asked.items() if f": {value}" in tables or value in doubtful}
    assert asked.keys() - literal - tabled - UNSEEN_FACTS.keys() == set()
    declared = {f"{name}={value}" for name, fact in SHIPPED.facts.items() for value in fact.values}
    assert UNSEEN_FACTS.keys() - declared == set()


def test_every_topic_of_a_rule_is_spoken_of() -> None:
    known = frozenset[str]().union(*(topics(row) for row in SHIPPED.rows))
    assert STATED - known == set()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scope": "unsupported"}, "never reached"),
        ({"clauses": ()}, "needs a clause that says so"),
        ({"severities": "not stated", "fix_severities": (3,)}, "fix_severities must be some of"),
        ({"severities": (1, 2), "fix_severities": ()}, "fix_severities must be some of"),
        ({"severities": (3, 4), "fix_severities": (1,)}, "fix_severities must be some of"),
    ],
)
def test_problems(changes: dict[str, Any], words: str) -> None:
    at = next(at for at, row in enumerate(SHIPPED.rows) if row.id == "61")
    policy = with_row(at, **changes)
    if words == "never reached":
        policy = msgspec.structs.replace(policy, rows=(*policy.rows, SHIPPED.rows[at]))
    assert any(words in text for text in said(policy, problem=True))


def test_an_order_that_contradicts_the_steps_is_a_problem() -> None:
    rows = list(SHIPPED.rows)
    exclusion = next(at for at, row in enumerate(rows) if row.id == "60-code")
    supported = next(at for at, row in enumerate(rows) if row.id == "76")
    moved = msgspec.structs.replace(
        rows[supported], when=msgspec.structs.replace(rows[supported].when, facts={})
    )
    rows.insert(exclusion, msgspec.structs.replace(moved, id="early"))
    found = said(msgspec.structs.replace(SHIPPED, rows=tuple(rows)), problem=True)
    (text,) = (text for text in found if "(row early)" in text and "row 60-code" in text)
    assert "must be asked first (step exclusion before step conductor)" in text
    assert "Move row 60-code above row early, or say supported in row 60-code too" in text


def test_what_is_said_to_do_about_the_order_ends_the_problem() -> None:
    rows = list(SHIPPED.rows)
    at = next(at for at, row in enumerate(rows) if row.id == "37")
    documented = rows.pop(at - 1)
    assert documented.id == "37-documented"
    rows[at - 1] = msgspec.structs.replace(rows[at - 1], scope="undetermined")
    below = msgspec.structs.replace(SHIPPED, rows=(*rows[:at], documented, *rows[at:]))
    assert any("Move row 37-documented above row 37" in text for text in said(below, problem=True))
    above = msgspec.structs.replace(SHIPPED, rows=(*rows[: at - 1], documented, *rows[at - 1 :]))
    assert said(above, problem=True) == []


def test_a_fact_that_nobody_declared_and_a_value_it_never_has_are_problems() -> None:
    odd = with_row(
        0, when=msgspec.structs.replace(SHIPPED.rows[0].when, facts={"colour": "red", "cause": "moon"})
    )
    found = said(odd, problem=True)
    assert any("fact 'colour' is not declared" in text for text in found)
    assert any("fact 'cause' is never 'moon'" in text for text in found)
    silent = msgspec.structs.replace(odd, facts={})
    assert not any("fact" in text for text in said(silent, problem=True))


def test_what_is_idle_is_noted() -> None:
    facts = {**SHIPPED.facts, "colour": FactType(values=("red",), says="Which colour it is.")}
    clause = msgspec.structs.replace(SHIPPED.clauses[0], id="Z1")
    document = msgspec.structs.replace(SHIPPED.documents[0], id="Z")
    row = msgspec.structs.replace(SHIPPED.rows[0], id="stepless", topic="moon.phase", step=None)
    policy = msgspec.structs.replace(
        SHIPPED,
        facts=facts,
        clauses=(*SHIPPED.clauses, clause),
        documents=(*SHIPPED.documents, document),
        rows=(*SHIPPED.rows, row),
    )
    notes = said(policy, problem=False)
    assert "fact colour: no row tests it" in notes
    assert "clause Z1: no row quotes it" in notes
    assert "document Z: no clause is from it" in notes
    assert "row stepless: states no step" in notes
    assert "topic moon.phase: no rule states it, and no reason is given" in notes


def test_terms_that_are_filled_in_are_not_noted() -> None:
    terms = msgspec.structs.replace(
        SHIPPED.terms, severity_definitions={"1": "All is lost."}, service_levels={"Gold": "1 h"}
    )
    assert not any(
        text.startswith("terms")
        for text in said(msgspec.structs.replace(SHIPPED, terms=terms), problem=False)
    )


def test_every_row_states_its_step() -> None:
    assert [row.id for row in SHIPPED.rows if row.step is None] == []
