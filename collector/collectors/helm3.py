"""Decodes Helm 3 release records: base64 of gzip of JSON, as the Secret or ConfigMap driver stores them.

A Secret's value carries one more base64 in the API. The record comes from the cluster, so it is bounded at
every step: what it unpacks to, how long that may take, how deep its JSON goes.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from datetime import datetime

import msgspec

from collector.collectors.release import Release, ReleaseError, unzipped
from collector.core.clock import parse_rfc3339
from collector.records import Json
from collector.records.access import integer, mapping, string

_MAX_ENCODED = 4 * 1024 * 1024


def decode_release(encoded: str | bytes, *, secret: bool) -> Release:
    """Returns the release in a record's ``release`` key.

    Args:
        encoded: the value as the API gives it.
        secret: it stood in a Secret, so it is encoded once more.

    Raises:
        ReleaseError: for anything that is not a whole, sane record.
    """
    if len(encoded) > _MAX_ENCODED:
        raise ReleaseError("the record is too large")
    try:
        packed = base64.b64decode(encoded, validate=True)
        packed = base64.b64decode(packed, validate=True) if secret else packed
    except (binascii.Error, ValueError) as error:
        raise ReleaseError("the record is not base64") from error
    try:
        record = msgspec.json.decode(unzipped(packed))
    except (msgspec.DecodeError, RecursionError, zlib.error) as error:
        raise ReleaseError("the record is not JSON") from error
    info, chart = mapping(record, "info"), mapping(record, "chart")
    metadata = mapping(chart, "metadata")
    found = Release(
        helm="3",
        name=string(record, "name"),
        namespace=string(record, "namespace"),
        revision=integer(record, "version"),
        status=string(info, "status").upper().replace("-", "_"),
        description=string(info, "description"),
        last_deployed=_moment(info),
        chart=string(metadata, "name"),
        chart_version=string(metadata, "version"),
        app_version=string(metadata, "appVersion"),
        manifest=string(record, "manifest"),
        config=mapping(record, "config"),
        defaults=mapping(chart, "values"),
    )
    if not found.name or not found.chart:
        raise ReleaseError("the record names no release or no chart")
    return found


def _moment(info: Json) -> datetime | None:
    return parse_rfc3339(string(info, "last_deployed"))
