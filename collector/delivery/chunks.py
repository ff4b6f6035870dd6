"""A bundle as notices: pieces of at most so many bytes, and one last notice that says they are all there.

All have one fingerprint, so a bundle is one problem in Errbit: found by one search, deleted as one. A piece
states its offset, so that pieces cut anew after a refusal still join.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from collector.core import ids
from collector.delivery.notice import Notice, Origin, Params, Site, make_notice

TYPE = "diagnostic.bundle.chunk"
KIND_CHUNK = "chunk"
KIND_COMMIT = "manifest"
CUTS = (524_288, 262_144, 131_072, 65_536, 45_000)
"""Sizes tried one after the other; the last makes bodies that pass a limit of 64,000 bytes."""
LARGEST_CUT = 8 * 1024 * 1024
MAX_CHUNKS = 400


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """What is cut: the bundle's file, or its encrypted form. ``encryption`` is ``none`` or ``age``."""

    bundle_id: str
    sha256: str
    size: int
    encryption: str = "none"
    plain_sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A range that the endpoint has; ``notice`` is what it calls the notice, empty if it does not say."""

    offset: int
    size: int
    notice: str = ""


def message(bundle_id: str) -> str:
    """Returns the message of all of a bundle's notices."""
    return f"bundle {bundle_id}"


def chunk_notice(parcel: Parcel, offset: int, data: bytes, *, seq: int, origin: Origin, site: Site) -> Notice:
    """Returns the notice of one piece. ``seq`` counts from 0; the total is what this size would make."""
    rest = parcel.size - offset
    params: Params = {
        "kind": KIND_CHUNK,
        "seq": seq,
        "total": seq + -(-rest // len(data)),
        "offset": offset,
        "chunk_bytes": len(data),
        "chunk_sha256": hashlib.sha256(data).hexdigest(),
    }
    made = _notice(parcel, ids.fingerprint(parcel.sha256, str(offset), str(len(data))), params, origin, site)
    # The name is one that Rails keeps out of its log.
    return _with(made, data_crypt=base64.b64encode(data).decode())


def commit_notice(parcel: Parcel, pieces: Sequence[Piece], *, origin: Origin, site: Site) -> Notice:
    """Returns the last notice: what the pieces make, and which notices hold them."""
    params: Params = {"kind": KIND_COMMIT, "total": len(pieces)}
    made = _notice(parcel, ids.fingerprint(parcel.sha256, KIND_COMMIT), params, origin, site)
    return _with(made, chunks=",".join(piece.notice for piece in pieces if piece.notice))


def missing(size: int, pieces: Iterable[Piece]) -> list[tuple[int, int]]:
    """Returns the ranges (offset, end) of ``size`` bytes that no piece covers."""
    gaps = []
    end = 0
    for piece in sorted(pieces, key=lambda piece: piece.offset):
        if piece.offset > end:
            gaps.append((end, piece.offset))
        end = max(end, piece.offset + piece.size)
    return [*gaps, (end, size)] if end < size else gaps


def _notice(parcel: Parcel, uid: str, params: Params, origin: Origin, site: Site) -> Notice:
    return make_notice(
        uid=uid,
        name=TYPE,
        message=message(parcel.bundle_id),
        frame=("bundle", "chunk"),
        where=("bundle", parcel.bundle_id),
        origin=origin,
        site=site,
        params={
            **params,
            "bundle_sha256": parcel.sha256,
            "bundle_bytes": parcel.size,
            "encryption": parcel.encryption,
            "plain_sha256": parcel.plain_sha256,
        },
    )


def _with(notice: Notice, **more: str) -> Notice:
    """Returns the notice with params that are clean by construction and longer than cleaning allows."""
    params = {**notice.document["params"], **more}
    return replace(notice, document={**notice.document, "params": params})
