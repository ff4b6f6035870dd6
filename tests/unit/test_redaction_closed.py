"""Whatever breaks inside the engine ends with a withheld piece, never with a leak."""

from __future__ import annotations

import dataclasses
import html
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from collector.records import Objects
from collector.redaction import RedactionError, Redactor, Rules
from collector.redaction.causes import Span
from collector.redaction.rules import Scan, TextRule
from tests.lib.planted import by_kind, secrets_of, shipped_rules, unmarked

RULES = shipped_rules()


@dataclasses.dataclass(frozen=True)
class Broken:
    """A rule whose search fails, its words holding what it was given."""

    whole: TextRule

    @property
    def id(self) -> str:
        return self.whole.id

    @property
    def literals(self) -> tuple[str, ...]:
        return self.whole.literals

    @property
    def scan(self) -> Scan | None:
        return self.whole.scan

    @property
    def formal(self) -> bool:
        return self.whole.formal

    def spans(self, line: bytes) -> Iterator[Span]:
        raise ValueError(line)


def breaking(rule_id: str) -> Rules:
    text = tuple(Broken(rule) if rule.id == rule_id else rule for rule in RULES.text)
    return dataclasses.replace(RULES, text=text)


def ways(redactor: Redactor, line: str) -> dict[str, Callable[[], object]]:
    """Every way in which a line can reach a redactor."""
    record = Objects(path="x", kind="L", api_version="v1", item_kind="X", items=[{"spec": {"note": line}}])
    return {
        "lines": lambda: list(redactor.lines([line.encode()], Counter())),
        "objects": lambda: list(redactor.objects(record, Counter())),
        "text": lambda: redactor.text(line, Counter()),
        "document": lambda: redactor.document({"note": line}, Counter()),
        "finished": lambda: redactor.finished(line.encode(), Counter()),
        "page": lambda: redactor.finished(f"<!DOCTYPE html><p>{html.escape(line)}</p>".encode(), Counter()),
    }


def outcome(way: Callable[[], object], secret: str) -> str:
    """Tells how it ended, having seen that the secret is neither in the result nor in the error."""
    failure: RedactionError | None = None
    result: object = None
    try:
        result = way()
    except RedactionError as error:
        failure = error
    assert secret not in repr(result) + str(failure)
    assert failure is None or (failure.__cause__ is None and failure.__suppress_context__)
    return "redacted" if failure is None else "withheld"


@pytest.mark.parametrize("rule", [rule.id for rule in RULES.text])
def test_breaking_a_rule_withholds_and_never_leaks(rule: str) -> None:
    redactor = Redactor(breaking(rule), key=b"k")
    written = next(entry for entry in RULES.written if entry.id == rule)
    withheld = 0
    for example in written.examples.masked:
        for secret in secrets_of(example):
            outcomes = {outcome(way, secret) for way in ways(redactor, unmarked(example)).values()}
            withheld += "withheld" in outcomes
    assert withheld


@dataclasses.dataclass(frozen=True)
class Mute(Broken):
    """A rule that finds nothing any more, and says nothing of it."""

    def spans(self, line: bytes) -> Iterator[Span]:
        return iter(())


MASKED_BY_OTHERS = {
    "authorization-header",
    "bootstrap-token",
    "cookie-header",
    "session-id",
    "url-userinfo-escaped",
}
"""What these rules' first examples hold, other rules find too."""


def muted(rule_id: str) -> Rules:
    text = tuple(Mute(rule) if rule.id == rule_id else rule for rule in RULES.text)
    return dataclasses.replace(RULES, text=text)


@pytest.mark.parametrize("rule", sorted({rule.id for rule in RULES.text} - MASKED_BY_OTHERS))
def test_a_rule_that_fails_without_a_sound_is_noticed_before_anything_is_redacted(rule: str) -> None:
    with pytest.raises(RedactionError, match=f"{rule}.* was not redacted"):
        Redactor(muted(rule))


@pytest.mark.parametrize("rule", sorted(MASKED_BY_OTHERS))
def test_a_rule_beside_others_that_find_the_same_may_be_missed(rule: str) -> None:
    example = next(entry for entry in RULES.written if entry.id == rule).examples.masked[0]
    clean = Redactor(muted(rule)).text(unmarked(example), Counter())
    assert not any(secret in clean for secret in secrets_of(example))


def test_a_rule_that_is_left_out_is_noticed_before_anything_is_redacted() -> None:
    text = tuple(rule for rule in RULES.text if rule.id != "jwt")
    with pytest.raises(RedactionError, match="'jwt' was not redacted"):
        Redactor(dataclasses.replace(RULES, text=text))


ENGINE: dict[str, Callable[[Redactor], tuple[object, str]]] = {
    "gate": lambda redactor: (redactor._engine.gate, "rules"),
    "armour": lambda redactor: (redactor._engine.armour, "inline"),
    "names": lambda redactor: (redactor._engine.names, "kind"),
    "marker": lambda redactor: (redactor._engine.marker, "mark"),
    "text": lambda redactor: (redactor._engine, "line"),
}


@pytest.mark.parametrize("part", sorted(ENGINE))
@pytest.mark.parametrize("error", [ValueError("hunter2"), RecursionError("hunter2"), MemoryError("hunter2")])
def test_breaking_the_engine_withholds_and_never_leaks(
    part: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    redactor = Redactor(RULES, key=b"k")
    place, name = ENGINE[part](redactor)

    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(place, name, fail)
    line = "password=hunter2 is set"
    assert {outcome(way, "hunter2") for way in ways(redactor, line).values()} == {"withheld"}


def test_a_line_that_takes_too_long_is_withheld_and_the_next_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    redactor = Redactor(RULES, key=b"k")
    monkeypatch.setattr("collector.redaction.text.LINE_SECONDS", -1.0)
    slow = redactor.text("x\npassword=hunter2", Counter())
    monkeypatch.undo()
    assert by_kind(slow) == "x\n<line>"
    assert by_kind(redactor.text("x\npassword=hunter2", Counter())) == "x\npassword=<password>"


def test_an_error_of_the_source_passes_through_as_it_is() -> None:
    def source() -> Iterator[bytes]:
        yield b"one\n"
        raise OSError("connection lost")

    with pytest.raises(OSError, match="connection lost"):
        list(Redactor(RULES).lines(source(), Counter()))


def test_a_log_event_that_cannot_be_redacted_is_replaced_by_words_that_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    redactor = Redactor(RULES)

    def fail(*_: Any, **__: Any) -> Any:
        raise ValueError("hunter2")

    monkeypatch.setattr(redactor._engine, "line", fail)
    event = {"ts": "now", "level": "info", "run_id": "r", "msg": "password=hunter2", "error": "hunter2"}
    assert redactor.redact_event(event) == {
        "ts": "now",
        "level": "info",
        "run_id": "r",
        "msg": "a line of the log could not be redacted and was withheld",
    }
