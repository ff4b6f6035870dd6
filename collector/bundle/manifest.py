"""The manifest: what a sealed bundle says of itself, and the strict reading of what another one says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from collector.bundle.limits import MAX_ENTRY, MAX_MANIFEST, MAX_MEMBERS, MAX_TOTAL
from collector.bundle.names import folded, validate_path
from collector.core.errors import BundleError
from collector.core.text import block, display
from collector.records import Entry, EntryStatus, Json

SCHEMA: Literal["conductor-diag/manifest/v1"] = "conductor-diag/manifest/v1"

_MAX_NOTE = 20_000
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
_Word = Annotated[str, msgspec.Meta(max_length=200)]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Facts of the run, and every entry but the manifest itself in the order of the archive."""

    run: Mapping[str, Json]
    entries: tuple[Entry, ...]


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    path: str
    size: Annotated[int, msgspec.Meta(ge=0, le=MAX_ENTRY)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    collector: _Word
    status: EntryStatus
    tar_offset: Annotated[int, msgspec.Meta(ge=0, le=MAX_TOTAL)]
    note: Annotated[str, msgspec.Meta(max_length=_MAX_NOTE)] = ""
    redactions: dict[_Word, _Count] = {}


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: Literal["conductor-diag/manifest/v1"]
    run: dict[str, Any]
    entries: Annotated[list[_Entry], msgspec.Meta(max_length=MAX_MEMBERS)]


def build(run: Mapping[str, Json], entries: Sequence[Entry]) -> dict[str, Json]:
    """Returns the manifest as plain JSON types, as configs/schemas/manifest.schema.json describes it."""
    return {"schema": SCHEMA, "run": dict(run), "entries": [_plain(entry) for entry in entries]}


def encode(
    run: Mapping[str, Json], entries: Sequence[Entry], redact: Callable[[Json], bytes]
) -> Iterator[bytes]:
    """Yields the manifest in pieces that are redacted one by one: of many entries, only one is held twice.

    Paths stay as they are: they were redacted when the entries were begun, and must be those of the archive.

    Args:
        run: facts of the run.
        entries: all but the manifest itself, in the order of the archive.
        redact: returns a JSON value redacted, as JSON.
    """
    yield b'{"schema":' + msgspec.json.encode(SCHEMA) + b',\n"run":' + redact(dict(run)).strip()
    yield b',\n"entries":['
    for at, entry in enumerate(entries):
        plain = _plain(entry)
        path = msgspec.json.encode(plain.pop("path"))
        yield (b",\n" if at else b"\n") + b'{"path":' + path + b"," + redact(plain).strip().removeprefix(b"{")
    yield b"\n]}\n"


def parse(data: bytes) -> Manifest:
    """Reads a manifest from a bundle that anybody may have made.

    Raises:
        BundleError: it is not JSON, does not follow the schema, or lists paths no bundle may hold.
    """
    if len(data) > MAX_MANIFEST:
        raise _unreadable(f"it is larger than {MAX_MANIFEST} bytes")
    try:
        document = msgspec.json.decode(data, type=_Document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as cause:
        raise _unreadable(display(cause, 300)) from cause
    seen: set[str] = set()
    for entry in document.entries:
        validate_path(entry.path)
        if folded(entry.path) in seen:
            raise _unreadable(f"it lists {display(entry.path, 120)} twice")
        seen.add(folded(entry.path))
    return Manifest(run=document.run, entries=tuple(_entry(entry) for entry in document.entries))


def _plain(entry: Entry) -> dict[str, Json]:
    plain: dict[str, Json] = {
        "path": entry.path,
        "size": entry.size,
        "sha256": entry.sha256,
        "collector": entry.collector,
        "status": entry.status.value,
        "tar_offset": entry.tar_offset,
    }
    if entry.note:
        plain["note"] = block(entry.note, _MAX_NOTE)
    if entry.redactions:
        plain["redactions"] = dict(sorted(entry.redactions.items()))
    return plain


def _entry(entry: _Entry) -> Entry:
    return Entry(**msgspec.structs.asdict(entry))


def _unreadable(why: str) -> BundleError:
    return BundleError(
        "the bundle's manifest cannot be used", why=why, hint="ask the sender for the original file"
    )
