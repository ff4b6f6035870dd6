"""The policy quotes the vendor letter for letter, and its schema is the one that ships."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import jsonschema
import pytest
import yaml

from collector.core.resources import config_path
from collector.findings import Scope
from collector.support import load_policy
from collector.support.schema import policy_schema
from tests.lib.policies import DATA

POLICY = load_policy()
TEXTS = {
    "C": "conductor-support.md",
    "V": "version-support-policy.md",
    "R": "conductor-1.1-release-notes.excerpt.md",
    "I": "conductor-1.1-introduction.excerpt.md",
    "P": "conductor-1.0-setup.excerpt.md",
    "L": "conductor-1.1-resources.excerpt.md",
    "B": "conductor-1.1-troubleshooting.excerpt.md",
    "G": "conductor-1.1-adminguide.excerpt.md",
    "K": "kommander-2.2-policy.excerpt.md",
}
SPECIFIED = {
    *("C1", "C1e", "C2", "C2a", "C2b", "C2c", "C2d", "C2e", "C2f", "C3", "C3a", "C3b", "C4"),
    *("V1", "V2", "V3", "V4", "V5", "S0", "S1", "S2a", "S2b", "S2c", "S2n", "S2d", "S3", "S4"),
}


def folded(text: str) -> str:
    return " ".join(text.split())


def source_of(clause_id: str) -> str:
    """Returns the id of the document that a clause is quoted from."""
    title = POLICY.clauses[clause_id].document
    return next(document.id for document in POLICY.documents if document.title == title)


@pytest.mark.parametrize("clause_id", sorted(POLICY.clauses))
def test_words_stand_in_the_document(clause_id: str) -> None:
    text = (DATA / TEXTS[source_of(clause_id)]).read_text("utf-8")
    assert folded(POLICY.clauses[clause_id].words) in folded(text)


def test_every_clause_of_the_two_pages_is_there() -> None:
    assert set(POLICY.clauses) >= SPECIFIED


@pytest.mark.parametrize("document_id", ["C", "V"])
def test_the_pages_are_the_ones_that_were_read(document_id: str) -> None:
    stated = next(document.sha256 for document in POLICY.documents if document.id == document_id)
    assert hashlib.sha256((DATA / TEXTS[document_id]).read_bytes()).hexdigest() == stated


def test_severities_come_from_the_konvoy_page_alone() -> None:
    assert [document.id for document in POLICY.documents if document.severities_stated] == ["V"]
    for row in POLICY.rows:
        if row.severities not in ((), "not stated"):
            assert {source_of(clause_id) for clause_id in row.clauses} <= {"V", "K"}
            assert "V" in {source_of(clause_id) for clause_id in row.clauses}


def test_all_of_it_is_for_those_entitled_to_support() -> None:
    assert b"holds only for those entitled to support" in POLICY.source


def test_nothing_is_invented_about_severities() -> None:
    assert not POLICY.terms.severity_definitions
    assert not POLICY.terms.service_levels


def test_what_is_excluded_quotes_the_exclusion() -> None:
    for row in POLICY.rows:
        if row.scope is Scope.UNSUPPORTED:
            assert row.clauses, row.id


def test_texts_are_one_sentence_each() -> None:
    for row in POLICY.rows:
        for text in (row.why, row.would_change):
            assert text.endswith("."), (row.id, text)
            assert ". " not in text, (row.id, text)


SCHEMA = json.loads(config_path("schemas", "support-policy.schema.json").read_text("utf-8"))
SHIPPED: dict[str, Any] = yaml.safe_load(config_path("policy", "support-policy.yaml").read_text("utf-8"))


def test_the_shipped_schema_is_the_models() -> None:
    assert policy_schema() == SCHEMA


def test_the_shipped_policy_follows_its_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(SHIPPED)


@pytest.mark.parametrize(
    ("key", "value"),
    [("scope", "covered"), ("severities", [0]), ("severities", "1-4"), ("colour", "red"), ("why", "")],
)
def test_the_schema_refuses(key: str, value: object) -> None:
    wrong = copy.deepcopy(SHIPPED)
    wrong["rows"][0][key] = value
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(wrong)
