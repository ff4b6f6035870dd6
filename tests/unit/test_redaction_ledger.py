"""The ledger counts rules by entry, in bounded memory, and believes no other bundle's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import jsonschema
import pytest

from collector.core.errors import BundleError
from collector.core.resources import config_path
from collector.redaction.causes import Counts, customers, structural
from collector.redaction.ledger import MAX_LEDGER, Ledger, parse_ledger

TWO: Counts = Counter({customers("site"): 2, structural("password", "telling-key"): 1})
ONE: Counts = Counter({customers("site"): 1})


def test_rules_are_counted_by_entry_and_added_up() -> None:
    ledger = Ledger(apart="canary")
    ledger.note("b.log", "logs", TWO)
    ledger.note("a.json", "lists", ONE)
    content = ledger.content()
    assert content["entries"] == {
        "a.json": {"customer:site": 1},
        "b.log": {"customer:site": 2, "structure:telling-key": 1},
    }
    assert content["rules"] == {
        "customer:site": {"values": 3, "entries": 2},
        "structure:telling-key": {"values": 1, "entries": 1},
    }
    assert content["kinds"] == {"password": 1, "site": 3}
    assert content["others"] == {}


def test_the_canaries_are_listed_and_not_added_up() -> None:
    ledger = Ledger(apart="canary")
    ledger.note("redaction/canary.log", "canary", TWO)
    ledger.note("a.log", "logs", Counter())
    content = ledger.content()
    assert list(content["entries"]) == ["redaction/canary.log"]
    assert (content["kinds"], content["rules"]) == ({}, {})


def test_too_many_to_list_are_added_up_by_collector_and_totals_stay_exact() -> None:
    ledger = Ledger(apart="canary", most_cells=5)
    for number in range(10):
        ledger.note(f"{number}.log", "logs", TWO)
    ledger.note("a.json", "lists", ONE)
    content = ledger.content()
    assert list(content["entries"]) == ["0.log", "1.log"]
    assert content["others"] == {
        "lists": {"entries": 1, "rules": {"customer:site": 1}},
        "logs": {"entries": 8, "rules": {"customer:site": 16, "structure:telling-key": 8}},
    }
    assert content["rules"]["customer:site"] == {"values": 21, "entries": 11}


def test_a_copy_goes_on_from_the_ledger_of_its_original() -> None:
    old = Ledger(apart="canary", most_cells=3)
    old.note("a.log", "logs", TWO)
    old.note("b.log", "logs", TWO)
    new = Ledger(apart="canary")
    new.resume(parse_ledger([json.dumps(old.content()).encode()]))
    assert new.content() == old.content()
    new.note("a.log", "logs", ONE)
    assert new.content()["entries"]["a.log"] == {"customer:site": 3, "structure:telling-key": 1}


def test_the_ledger_follows_its_schema() -> None:
    ledger = Ledger(apart="canary", most_cells=2)
    ledger.note("a.log", "logs", TWO)
    ledger.note("b.log", "logs", TWO)
    schema = json.loads(config_path("schemas", "redaction-ledger.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(ledger.content())


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"{",
        b'{"schema":"conductor-diag/redaction-ledger/v1","kinds":{"a":-1},"rules":{},"entries":{}}',
        b'{"schema":"conductor-diag/redaction-ledger/v1","kinds":{},"rules":{},"entries":{"a":3}}',
        b'{"schema":"conductor-diag/redaction-ledger/v9","kinds":{},"rules":{},"entries":{}}',
    ],
)
def test_a_ledger_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="ledger"):
        parse_ledger([data])


def test_a_ledger_without_end_is_not_read_to_the_end() -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b" " * (16 * 1024 * 1024)

    with pytest.raises(BundleError, match="ledger"):
        parse_ledger(pieces())
    assert taken <= MAX_LEDGER // (16 * 1024 * 1024) + 1
