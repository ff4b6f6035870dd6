"""Holds a bundle against its own manifest, byte by byte."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from collector.bundle import layout
from collector.bundle.contents import Contents
from collector.bundle.frames import FrameTable, filler
from collector.bundle.source import InputFile, Source
from collector.bundle.tarstream import padding
from collector.bundle.tarwalk import Member, members
from collector.core.errors import BundleError
from collector.core.text import display
from collector.records import Entry

_MAX_PROBLEMS = 100
_STEP = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was found. No problems: the entries are those that the manifest lists, and nothing else is there.

    Only ``sha256``, compared with the digest printed at the seal, vouches for the manifest itself.
    ``problems`` are sentences safe to show; ``size`` and ``sha256`` are of the file.
    """

    problems: tuple[str, ...]
    entries: int
    size: int
    sha256: str


def verify(file: InputFile, source: Source, table: FrameTable | None, contents: Contents) -> Verification:
    """Reads everything once and returns what does not fit, at most 100 problems."""
    found = itertools.chain(
        _fillers(file, table) if table else (),
        _check(source, contents, offsets=table is not None),
    )
    return Verification(
        problems=tuple(itertools.islice(found, _MAX_PROBLEMS)),
        entries=len(contents.manifest.entries),
        size=file.size,
        sha256=_digest(file),
    )


def _check(source: Source, contents: Contents, *, offsets: bool) -> Iterator[str]:
    missing = {entry.path: entry for entry in contents.manifest.entries}
    end = 0
    try:
        for member in members(source):
            end = member.end
            path = member.name.removeprefix(contents.prefix)
            inside = member.name.startswith(contents.prefix)
            entry = missing.pop(path, None) if inside else None
            if entry is not None:
                yield from _compare(source, member, entry, offsets=offsets)
            elif not (inside and path == layout.MANIFEST_JSON):
                yield f"{display(member.name, 200)}: not in the manifest"
            if any(b"".join(source.pieces(end - padding(member.size), padding(member.size)))):
                yield f"{display(path, 200)}: something is hidden behind its end"
        if any(any(piece) for piece in source.rest(end)):
            yield "something is hidden behind the end of the archive"
    except BundleError as error:
        yield f"it cannot be read to its end: {display(error.why or error.message, 300)}"
        return
    for path in missing:
        yield f"{display(path, 200)}: listed in the manifest, not in the archive"


def _compare(source: Source, member: Member, entry: Entry, *, offsets: bool) -> Iterator[str]:
    name = display(entry.path, 200)
    digest = hashlib.sha256()
    try:
        for piece in source.pieces(member.offset, member.size):
            digest.update(piece)
    except BundleError as error:
        yield f"{name}: {display(error.why or error.message, 300)}"
        return
    if member.size != entry.size:
        yield f"{name}: {member.size} bytes, the manifest says {entry.size}"
    if digest.hexdigest() != entry.sha256:
        yield f"{name}: its content is not the one that the manifest lists"
    if offsets and member.offset != entry.tar_offset:
        yield f"{name}: at offset {member.offset}, the manifest says {entry.tar_offset}"


def _fillers(file: InputFile, table: FrameTable) -> Iterator[str]:
    """Looks into frames that no content leads to."""
    for frame in (table[index] for index in range(len(table))):
        if frame.content == 0 and file.pread(frame.at, frame.compressed) != filler(frame.compressed):
            yield f"something is hidden in an empty frame at byte {frame.at} of the file"


def _digest(file: InputFile) -> str:
    digest = hashlib.sha256()
    for offset in range(0, file.size, _STEP):
        digest.update(file.pread(offset, _STEP))
    return digest.hexdigest()
