"""A Helm release as either generation's record states it, and how far a packed record may unpack."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from collector.records import Json

MAX_DECODED = 32 * 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b\x08"


class ReleaseError(ValueError):
    """The record is damaged, hostile or of another format. The message holds nothing of its content."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """What a record says. ``status`` is Helm 2's word, such as DEPLOYED.

    ``manifest``, ``config`` and ``defaults`` (the values given and the chart's own) hold secrets and must not
    leave memory undigested.
    """

    helm: str
    name: str
    namespace: str
    revision: int
    status: str
    description: str
    last_deployed: datetime | None
    chart: str
    chart_version: str
    app_version: str
    manifest: str = field(repr=False)
    config: Mapping[str, Json] = field(default_factory=dict, repr=False)
    defaults: Mapping[str, Json] = field(default_factory=dict, repr=False)


def unzipped(packed: bytes) -> bytes:
    """Returns the content of a gzip stream, or the bytes themselves if they are none.

    Raises:
        ReleaseError: it ends early, is damaged, or unpacks to more than a record may hold.
    """
    if not packed.startswith(GZIP_MAGIC):
        return packed
    inflater = zlib.decompressobj(wbits=31)
    try:
        message = inflater.decompress(packed, MAX_DECODED)
    except zlib.error as error:
        raise ReleaseError("the record's gzip is damaged") from error
    if inflater.unconsumed_tail:
        raise ReleaseError("the record unpacks to too much")
    if not inflater.eof:
        raise ReleaseError("the record's gzip is cut off")
    return message
