"""Finds what a bundle holds: by the manifest at the end of a seekable file, else by a walk."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from collector.bundle import layout
from collector.bundle.frames import FrameTable
from collector.bundle.limits import MAX_MANIFEST, MIB
from collector.bundle.manifest import Manifest, parse
from collector.bundle.source import Source, damaged, read
from collector.bundle.tarwalk import Member, members
from collector.core.errors import BundleError
from collector.records import Entry

_END = 1024  # two blocks of zeros


@dataclass(frozen=True, kw_only=True)
class Contents:
    """A bundle's manifest, where it stands, and the entries that can be read, by path.

    ``prefix`` is the top directory with its slash, empty for an archive packed without one.
    """

    prefix: str
    manifest: Manifest
    place: Member
    entries: Mapping[str, Entry]


def locate(source: Source, table: FrameTable | None) -> Contents:
    """Returns the contents.

    Raises:
        BundleError: there is no manifest or it cannot be used, or (after a walk) something stands in the
            archive that may not.
    """
    last = _last_member(source, table) if table else None
    if last is not None:
        manifest = parse(read(source, last.offset, last.size))
        entries = {entry.path: entry for entry in manifest.entries}
        return Contents(prefix=_prefix(last), manifest=manifest, place=last, entries=entries)
    return _walk(source)


def _last_member(source: Source, table: FrameTable) -> Member | None:
    """Returns the manifest if it starts a frame and ends the archive, as our own bundles have it."""
    for index in reversed(range(len(table))):
        start = table[index].start
        if table.content - start > MAX_MANIFEST + MIB:
            break
        try:
            member = next(members(source, start), None)
        except BundleError:
            continue  # the middle of a long manifest
        if member and _is_manifest(member) and member.end + _END == table.content:
            return member
    return None


def _walk(source: Source) -> Contents:
    found = list(members(source))
    places = [member for member in found if _is_manifest(member)]
    if len(places) != 1:
        raise BundleError(
            "this is not a bundle of conductor-diag",
            why="it has no manifest.json in its top directory" if not places else "it has several manifests",
            hint="name a file that ends in .tar.zst and was made by conductor-diag",
        )
    place = places[0]
    if place.size > MAX_MANIFEST:
        raise damaged(f"its manifest is larger than {MAX_MANIFEST} bytes")
    prefix = _prefix(place)
    manifest = parse(read(source, place.offset, place.size))
    listed = {prefix + entry.path: entry for entry in manifest.entries}
    entries = {
        listed[member.name].path: dataclasses.replace(listed[member.name], tar_offset=member.offset)
        for member in found
        if member.name in listed
    }
    return Contents(prefix=prefix, manifest=manifest, place=place, entries=entries)


def _is_manifest(member: Member) -> bool:
    return member.name.count("/") <= 1 and member.name.rpartition("/")[2] == layout.MANIFEST_JSON


def _prefix(manifest: Member) -> str:
    return manifest.name.removesuffix(layout.MANIFEST_JSON)
