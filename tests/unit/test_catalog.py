"""The catalogue of resources is sound, and a damaged one is refused with a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from collector.collectors import COLLECTORS
from collector.core.errors import SpecError
from collector.core.resources import config_path
from collector.spec import catalog, load_catalog
from collector.spec.schema import catalog_schema

ROW = "{name: pods, groups: [''], collector: workloads}"


def written(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    path = folder / "resources.yaml"
    path.write_text(text)
    monkeypatch.setattr(catalog, "config_path", lambda *parts: path)


def file_of(rows: str = ROW, secrets: str = "[]", head: str = "kind: ResourceCatalog") -> str:
    return f"apiVersion: conductor-diag/v1\n{head}\nresources:\n  - {rows}\nsecrets: {secrets}\n"


def test_every_row_names_a_collector_that_exists() -> None:
    names = {collector.name for collector in COLLECTORS}
    assert {row.collector for row in load_catalog().rows} <= names


def test_secrets_are_in_no_row_and_are_known() -> None:
    loaded = load_catalog()
    assert ("", "secrets") in loaded.secrets
    assert not loaded.secrets & {(group, row.name) for row in loaded.rows for group in row.groups}


def test_rows_are_given_by_collector_in_their_order() -> None:
    loaded = load_catalog()
    names = [row.name for row in loaded.of("workloads")]
    assert names[:2] == ["pods", "events"]
    assert [row for row in loaded.rows if row.collector == "workloads"] == list(loaded.of("workloads"))


def test_what_a_diagnosis_needs_first_comes_before_what_it_may_do_without() -> None:
    rows = load_catalog().of("workloads")
    needed = [at for at, row in enumerate(rows) if row.name in ("pods", "events", "deployments")]
    assert needed == [0, 1, 2]
    assert all(rows[at].minimal for at in needed)


def test_no_row_is_a_wildcard() -> None:
    for row in load_catalog().rows:
        assert row.groups
        assert "*" not in (row.name, *row.groups)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (file_of(rows=f"{ROW}\n  - {ROW}"), "stands twice"),
        (file_of(rows="{name: pods, groups: ['', ''], collector: workloads}"), "stands twice"),
        (file_of(rows="{name: pods, groups: [''], collector: logs}"), "Invalid enum value 'logs'"),
        (file_of(rows="{name: pods, collector: workloads}"), "`groups`"),
        (file_of(rows="{name: pods, groups: [''], collector: workloads, verb: watch}"), "`verb`"),
        (file_of(head="kind: Spec"), "'Spec'"),
        (file_of(secrets="[{name: secrets}]"), "`groups`"),
    ],
)
def test_a_damaged_catalogue_is_refused_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    written(tmp_path, monkeypatch, text)
    with pytest.raises(SpecError) as caught:
        load_catalog()
    assert why in caught.value.why
    assert "resources.yaml" in caught.value.message


def test_a_sound_catalogue_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, monkeypatch, file_of())
    assert [row.name for row in load_catalog().rows] == ["pods"]


def test_the_shipped_schema_is_the_models() -> None:
    shipped = json.loads(config_path("schemas", "resources.schema.json").read_bytes())
    assert shipped == catalog_schema()


def test_the_shipped_catalogue_follows_its_schema() -> None:
    shipped = yaml.safe_load(config_path("collection", "resources.yaml").read_text())
    jsonschema.validate(shipped, catalog_schema(), jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("key", "value"), [("resources", [{"name": "pods"}]), ("secrets", "all"), ("kind", "Spec"), ("more", 1)]
)
def test_the_schema_refuses(key: str, value: object) -> None:
    shipped = yaml.safe_load(config_path("collection", "resources.yaml").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**shipped, key: value}, catalog_schema(), jsonschema.Draft202012Validator)
