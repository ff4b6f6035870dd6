"""Decodes Helm 2 release records: base64 of gzip of the protobuf message ``hapi.release.Release``.

Only the fields we need are read, by a wire-format walker of our own; the field numbers are those of
helm/helm@v2.17.0 ``_proto/hapi``. A record comes from the cluster, so it is bounded at every step.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import UTC, datetime

from collector.collectors.release import Release, ReleaseError, unzipped
from collector.collectors.values import parsed

_MAX_ENCODED = 4 * 1024 * 1024
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10
_STATUS = (
    "UNKNOWN",
    "DEPLOYED",
    "DELETED",
    "SUPERSEDED",
    "FAILED",
    "DELETING",
    "PENDING_INSTALL",
    "PENDING_UPGRADE",
    "PENDING_ROLLBACK",
)


def decode_release(encoded: str | bytes) -> Release:
    """Returns the release in a record's ``release`` key.

    Raises:
        ReleaseError: for anything that is not a whole, sane record.
    """
    message = _unpack(encoded)
    try:
        release = dict(_fields(message))
        info = dict(_fields(_bytes(release, 2)))
        chart = dict(_fields(_bytes(release, 3)))
        metadata = dict(_fields(_bytes(chart, 1)))
        status = _integer(dict(_fields(_bytes(info, 1))), 1)
        deployed = _integer(dict(_fields(_bytes(info, 3))), 1)
        found = Release(
            helm="2",
            name=_text(release, 1),
            namespace=_text(release, 8),
            revision=_integer(release, 7),
            status=_STATUS[status] if status < len(_STATUS) else "UNKNOWN",
            description=_text(info, 5),
            last_deployed=datetime.fromtimestamp(deployed, UTC) if deployed else None,
            chart=_text(metadata, 1),
            chart_version=_text(metadata, 4),
            app_version=_text(metadata, 13),
            manifest=_text(release, 5),
            config=parsed(_text(dict(_fields(_bytes(release, 4))), 1)),
            defaults=parsed(_text(dict(_fields(_bytes(chart, 4))), 1)),
        )
    except (OverflowError, OSError, ValueError) as error:
        if isinstance(error, ReleaseError):
            raise
        raise ReleaseError("a field is out of range") from error
    if not found.name or not found.chart:
        raise ReleaseError("the record names no release or no chart")
    return found


def _unpack(encoded: str | bytes) -> bytes:
    if len(encoded) > _MAX_ENCODED:
        raise ReleaseError("the record is too large")
    try:
        packed = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ReleaseError("the record is not base64") from error
    return unzipped(packed)


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yields (field number, value); of a repeated field the last wins once put into a dict."""
    view, at = memoryview(message), 0
    while at < len(view):
        tag, at = _varint(view, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(view, at)
            yield number, value
        elif wire in (_BYTES, _FIXED64, _FIXED32):
            length = {_FIXED64: 8, _FIXED32: 4}.get(wire)
            if length is None:
                length, at = _varint(view, at)
            if at + length > len(view):
                raise ReleaseError("a field is longer than its message")
            yield number, bytes(view[at : at + length])
            at += length
        else:
            raise ReleaseError("unknown wire type")


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for count in range(_MAX_VARINT_BYTES):
        if at + count >= len(view):
            raise ReleaseError("the message ends inside a number")
        byte = view[at + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, at + count + 1
    raise ReleaseError("a number is too long")


def _bytes(fields: dict[int, bytes | int], number: int) -> bytes:
    value = fields.get(number, b"")
    return value if isinstance(value, bytes) else b""


def _text(fields: dict[int, bytes | int], number: int) -> str:
    return _bytes(fields, number).decode("utf-8", "replace")


def _integer(fields: dict[int, bytes | int], number: int) -> int:
    value = fields.get(number, 0)
    return value if isinstance(value, int) else 0
