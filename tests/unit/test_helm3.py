"""Helm 3 release records: both drivers decoded, everything else an error and nothing worse."""

from __future__ import annotations

import base64
import contextlib
import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.collectors import helm2
from collector.collectors.helm3 import decode_release
from collector.collectors.release import Release, ReleaseError
from collector.collectors.values import changed_values
from tests.lib.helm import helm2_record, helm3_document, helm3_record


@pytest.mark.parametrize("secret", [True, False])
def test_a_record_of_either_driver(secret: bool) -> None:
    found = decode_release(helm3_record(helm3_document(version=7), secret=secret), secret=secret)
    assert (found.helm, found.name, found.namespace, found.revision) == ("3", "conductor", "conductor", 7)
    assert (found.status, found.chart, found.app_version) == ("DEPLOYED", "conductor", "1.1.0")
    assert found.last_deployed is not None


def test_states_have_helm_2s_words() -> None:
    document = helm3_document(info={"status": "pending-upgrade"})
    assert decode_release(helm3_record(document), secret=False).status == "PENDING_UPGRADE"


def packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data)).decode()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_record(share: float) -> None:
    whole = base64.b64decode(helm3_record(helm3_document(manifest="x" * 1000)))
    with pytest.raises(ReleaseError):
        decode_release(base64.b64encode(whole[: int(len(whole) * share)]), secret=False)


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "not base64!",
        packed(b"[]"),
        packed(b"{}"),
        packed(b"\xff\xfe"),
        packed(b"[" * 100_000),
        packed(b'{"name": "conductor"}'),
        packed(b'{"name": 1, "chart": "x"}'),
        helm3_record(helm3_document(), secret=True),
        "A" * (5 * 1024 * 1024),
    ],
)
def test_hostile_records(encoded: str) -> None:
    with pytest.raises(ReleaseError):
        decode_release(encoded, secret=False)


def bomb(mebibytes: int) -> bytes:
    """Returns base64 of gzip of so many MiB of zeros; a flushed block can be repeated as it stands."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = deflate.compress(bytes(1024 * 1024)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return base64.b64encode(b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block * mebibytes)


def unpack_3(encoded: bytes) -> Release:
    return decode_release(encoded, secret=False)


@pytest.mark.parametrize("unpack", [helm2.decode_release, unpack_3])
def test_a_bomb_of_two_gigabytes_costs_no_more_than_a_record_may(unpack: Callable[[bytes], Release]) -> None:
    encoded = bomb(2048)
    assert len(encoded) < 4 * 1024 * 1024
    tracemalloc.start()
    try:
        with pytest.raises(ReleaseError, match="too much"):
            unpack(encoded)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 128 * 1024 * 1024


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_give_a_release_or_an_error(data: bytes, secret: bool) -> None:
    for encoded in (packed(data), base64.b64encode(data).decode()):
        with contextlib.suppress(ReleaseError):
            assert decode_release(encoded, secret=secret).name


def test_nothing_of_a_record_is_in_its_repr() -> None:
    found = decode_release(
        helm3_record(helm3_document(config={"a": "hunter2"}, manifest="s3cret")), secret=False
    )
    assert "hunter2" not in repr(found)
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("config", "defaults", "changed"),
    [
        ({}, {"a": 1}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 2}, {"a": 1}, ["a"]),
        ({"image": {"tag": "1.1.0"}}, {"image": {"tag": "latest"}}, []),
        ({"image": {"tag": "mine"}}, {"image": {"tag": "latest"}}, ["image.tag"]),
        ({"db": {"postgresqlPassword": "x"}}, {}, []),
        ({"subClusters": {"sshClusters": {"limit": 40}}}, {}, ["subClusters.sshClusters.limit"]),
        ({"b": [1], "a": {}}, {}, ["a", "b"]),
    ],
)
def test_changed_values(config: dict[str, object], defaults: dict[str, object], changed: list[str]) -> None:
    chart = {"metadata": {"name": "conductor", "version": "1.1.0", "appVersion": "1.1.0"}, "values": defaults}
    record = helm3_record(helm3_document(config=config, chart=chart))
    assert changed_values(decode_release(record, secret=False)) == changed


def test_values_of_helm_2_are_yaml() -> None:
    found = helm2.decode_release(helm2_record(config="a: {b: 2}\n", defaults="a: {b: 1}\n"))
    assert changed_values(found) == ["a.b"]


@pytest.mark.parametrize("text", ["{", "- 1", "x" * 300_000, "a: &a [1]\nb: *a\n", "!!python/name:os.system"])
def test_odd_values_are_never_worse_than_none(text: str) -> None:
    assert helm2.decode_release(helm2_record(config=text)).chart == "conductor"
