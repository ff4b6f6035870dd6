"""Helm release records for tests, packed as either generation packs them."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, value: bytes | str | int) -> bytes:
    """Returns one protobuf field of the wire types that records use."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def helm2_record(
    *,
    name: str = "conductor",
    chart: str = "conductor",
    version: str = "1.1.0",
    revision: int = 1,
    status: int = 1,
    manifest: str = "",
    config: str = "",
    defaults: str = "",
) -> str:
    """Returns the value of a Helm 2 record's key ``release``: message layout of helm/helm@v2.17.0."""
    metadata = field(1, chart) + field(4, version) + field(13, version)
    message = (
        field(1, name)
        + field(2, field(1, field(1, status)) + field(3, field(1, 1_600_000_000)))
        + field(3, field(1, metadata) + field(4, field(1, defaults)))
        + field(4, field(1, config))
        + field(5, manifest)
        + field(7, revision)
        + field(8, "conductor")
    )
    return base64.b64encode(gzip.compress(message)).decode()


def helm3_document(**changes: Any) -> dict[str, Any]:
    """Returns the JSON of a Helm 3 release."""
    return {
        "name": "conductor",
        "namespace": "conductor",
        "version": 1,
        "info": {"status": "deployed", "last_deployed": "2026-11-01T10:00:00.5Z", "description": "done"},
        "chart": {"metadata": {"name": "conductor", "version": "1.1.0", "appVersion": "1.1.0"}, "values": {}},
        "config": {},
        "manifest": "",
        **changes,
    }


def helm3_record(document: Any, *, secret: bool = False) -> str:
    """Returns the value of a Helm 3 record's key ``release`` as the API gives it."""
    packed = base64.b64encode(gzip.compress(json.dumps(document).encode()))
    return (base64.b64encode(packed) if secret else packed).decode()
