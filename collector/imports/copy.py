"""Takes over the evidence of an unpacked bundle of ours: every entry, and every gap its run had.

What was derived when it was collected (releases, owners, versions) cannot be derived again from redacted
objects; copied, it is judged exactly as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from collector.bundle import layout
from collector.bundle.manifest import Manifest
from collector.collectors import Collector, Context
from collector.imports.tree import Tree, UnreadableFileError
from collector.records import ContentError, Document, Entry, Gap, Lines, Objects, Record, Status

_CHUNK = 64 * 1024
_OBJECTS = "cluster-resources/"
_SECONDS = 300.0
# Written anew by every run, or by nobody but the run itself.
_OWN = ("run/", "policy/", "redaction/")
_MOST_GAPS = 10_000
_CHANGED = "it was changed after the bundle was sealed"


def copy_collector(tree: Tree, manifest: Manifest) -> Collector:
    """Returns the collector that yields what the manifest lists and the directory holds."""

    def collect(_: Context) -> Iterator[Record]:
        yield from _gaps(tree)
        for entry in manifest.entries:
            if "/" not in entry.path or entry.path.startswith(_OWN):
                continue
            if entry.path in tree.files:
                yield from _record(tree, entry)
            else:
                yield _lost(entry.path, "it is not in the directory any more")

    return Collector(name="copy", collect=collect, seconds=_SECONDS)


def _record(tree: Tree, entry: Entry) -> Iterator[Record]:
    path = entry.path
    if not path.endswith(".json"):
        yield Lines(path=path, chunks=_chunks(tree, entry), limit=max(tree.files[path].st_size, 1))
        return
    try:
        data = tree.read(path)
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            yield _lost(path, _CHANGED)
        if path.startswith(_OBJECTS) and path not in (layout.GROUPS, layout.RESOURCES):
            yield _objects(path, data)
        else:
            yield Document(path=path, value=msgspec.json.decode(data))
    except (UnreadableFileError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        yield _lost(path, f"it cannot be read ({type(error).__name__})")


class _List(msgspec.Struct, rename="camel"):
    kind: str = ""
    api_version: str = ""
    items: list[msgspec.Raw] | None = None


def _objects(path: str, data: bytes) -> Objects:
    """Returns the objects of a list, each decoded when its turn comes."""
    if data.lstrip()[:1] == b"[":
        listed = _List(items=msgspec.json.decode(data, type=list[msgspec.Raw]))
    else:
        listed = msgspec.json.decode(data, type=_List)

    def items() -> Iterator[dict[str, Any]]:
        for raw in listed.items or ():
            try:
                item = msgspec.json.decode(raw)
            except (msgspec.DecodeError, RecursionError) as error:
                raise ContentError(_lost(path, "an object in it cannot be read")) from error
            if isinstance(item, dict):
                yield item

    return Objects(
        path=path,
        kind=listed.kind,
        api_version=listed.api_version,
        item_kind=listed.kind.removesuffix("List"),
        items=items(),
    )


def _chunks(tree: Tree, entry: Entry) -> Iterator[bytes]:
    digest = hashlib.sha256()
    try:
        with tree.open(entry.path) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                yield chunk
    except (UnreadableFileError, OSError) as error:
        raise ContentError(_lost(entry.path, "it cannot be read")) from error
    if digest.hexdigest() != entry.sha256:
        raise ContentError(_lost(entry.path, _CHANGED))


def _gaps(tree: Tree) -> Iterator[Gap]:
    """Yields what the run that made the bundle could not have."""
    if layout.GAPS not in tree.files:
        return
    try:
        yield from msgspec.json.decode(tree.read(layout.GAPS), type=list[Gap])[:_MOST_GAPS]
    except (UnreadableFileError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        yield _lost(layout.GAPS, "it cannot be read")


def _lost(path: str, reason: str) -> Gap:
    return Gap(subject=f"entry {path}", status=Status.FAILED, reason=reason)
