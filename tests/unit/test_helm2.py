"""Helm 2 release records: real layout decoded, everything else an error and nothing worse."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.collectors.helm2 import decode_release
from collector.collectors.release import ReleaseError
from tests.lib.recordings import recording


def records() -> dict[str, str]:
    items = json.loads(recording().answers["/api/v1/configmaps"].body)["items"]
    return {
        item["metadata"]["name"]: item["data"]["release"]
        for item in items
        if "release" in (item.get("data") or {})
    }


def packed(message: bytes) -> bytes:
    return base64.b64encode(gzip.compress(message))


def test_a_deployed_and_a_failed_revision() -> None:
    good, bad = decode_release(records()["conductor.v11"]), decode_release(records()["conductor.v12"])
    assert (good.name, good.namespace, good.revision, good.status) == (
        "conductor",
        "conductor",
        11,
        "DEPLOYED",
    )
    assert (good.chart, good.chart_version, good.app_version) == ("conductor", "2.9.11", "4.2.1")
    assert good.last_deployed is not None
    assert "kind: StatefulSet" in good.manifest
    assert (bad.status, bad.revision) == ("FAILED", 12)
    assert "timed out" in bad.description


def test_a_record_without_gzip() -> None:
    raw = gzip.decompress(base64.b64decode(records()["traefik.v1"]))
    assert decode_release(base64.b64encode(raw)).chart == "traefik"


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_truncated_record(share: float) -> None:
    whole = base64.b64decode(records()["conductor.v11"])
    with pytest.raises(ReleaseError):
        decode_release(base64.b64encode(whole[: int(len(whole) * share)]))


def test_a_bomb() -> None:
    with pytest.raises(ReleaseError, match="too much"):
        decode_release(packed(b"\0" * (64 * 1024 * 1024)))


@pytest.mark.parametrize(
    "encoded",
    ["", "not base64!", base64.b64encode(b"\x0f"), packed(b"\xff" * 30), packed(b"\x0a\xff\xff\xff\x7f")],
)
def test_hostile_records(encoded: str | bytes) -> None:
    with pytest.raises(ReleaseError):
        decode_release(encoded)


@given(st.binary(max_size=400))
def test_any_bytes_give_a_release_or_an_error(message: bytes) -> None:
    for encoded in (packed(message), base64.b64encode(message)):
        with contextlib.suppress(ReleaseError):
            assert decode_release(encoded).name
