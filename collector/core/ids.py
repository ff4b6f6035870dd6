"""Identifiers: of runs and bundles (random), of findings (stable over runs)."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from pathlib import Path

import msgspec


def new_bundle_id(now: datetime) -> str:
    """Returns an id of ``[a-z0-9]`` only, so that an Errbit text search takes it as one word."""
    return f"cnd{now.astimezone(UTC):%Y%m%dt%H%M%Sz}{secrets.token_hex(4)}"


def stamp(bundle_id: str) -> str:
    """Returns the moment in an id as file names have it: ``20261120T155055Z``."""
    return bundle_id[3:19].upper()


def fingerprint(*parts: str) -> str:
    """Returns 16 hex digits that identify what ``parts`` say; the same in every run."""
    joined = "\x1f".join(part.replace("\x1f", "") for part in parts)
    return hashlib.sha256(joined.encode("utf-8", "replace")).hexdigest()[:16]


def digest(value: object) -> str:
    """Returns the SHA-256 of ``value`` as canonical JSON. Takes what msgspec can encode."""
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file in hex. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
