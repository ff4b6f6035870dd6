from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from collector.bundle import manifest
from collector.core.errors import BundleError
from collector.core.resources import config_path
from collector.records import Entry, EntryStatus

_DIGEST = "0" * 64
_ENTRIES = (
    Entry(path="findings.json", size=12, sha256=_DIGEST, collector="report", tar_offset=512),
    Entry(
        path="cluster-resources/pods/logs/a/b/c.log",
        size=0,
        sha256=_DIGEST,
        collector="logs",
        status=EntryStatus.TRUNCATED,
        note="cut at 25 MiB",
        tar_offset=1536,
        redactions={"password": 2, "jwt": 1},
    ),
)


def _valid() -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(manifest.build({"bundle_id": "cnd1"}, _ENTRIES)))
    return plain


def _schema() -> Draft202012Validator:
    schema = json.loads(config_path("schemas", "manifest.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_what_is_built_follows_the_shipped_schema() -> None:
    _schema().validate(_valid())


def test_what_is_built_is_read_back() -> None:
    found = manifest.parse(json.dumps(_valid()).encode())
    assert found.run == {"bundle_id": "cnd1"}
    assert found.entries == _ENTRIES


def test_empty_notes_and_redactions_are_left_out() -> None:
    plain = _valid()["entries"][0]
    assert "note" not in plain
    assert "redactions" not in plain


def test_a_note_of_any_length_and_content_is_one_that_readers_take() -> None:
    noted = Entry(path="a", size=0, sha256=_DIGEST, collector="c", note="\udcff\x1b" + "x" * 50_000)
    built = manifest.build({}, [noted])
    _schema().validate(built)
    assert len(manifest.parse(json.dumps(built).encode()).entries[0].note) <= 20_000


@pytest.mark.parametrize(
    "change",
    [
        {"path": "../x"},
        {"path": "/x"},
        {"path": "a\\b"},
        {"path": "./a"},
        {"path": ""},
        {"size": -1},
        {"size": 2**40},
        {"size": "12"},
        {"sha256": "x" * 64},
        {"status": "fine"},
        {"tar_offset": -5},
        {"redactions": {"jwt": -1}},
        {"surprise": 1},
    ],
)
def test_reader_and_schema_refuse_the_same(change: dict[str, object]) -> None:
    forged = _valid()
    forged["entries"][0].update(change)
    assert not _schema().is_valid(forged)
    with pytest.raises(BundleError):
        manifest.parse(json.dumps(forged).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"null",
        b'{"schema": "conductor-diag/manifest/v9", "run": {}, "entries": []}',
        b'{"schema": "conductor-diag/manifest/v1", "run": {}, "entries": [], "more": 1}',
        b'{"schema": "conductor-diag/manifest/v1", "entries": [], "run": ' + b'{"a":' * 100_000,
    ],
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError):
        manifest.parse(data)


@pytest.mark.parametrize("twin", ["findings.json", "FINDINGS.json"])
def test_double_entries_are_refused(twin: str) -> None:
    forged = _valid()
    forged["entries"].append(forged["entries"][0] | {"path": twin})
    with pytest.raises(BundleError, match="manifest"):
        manifest.parse(json.dumps(forged).encode())
