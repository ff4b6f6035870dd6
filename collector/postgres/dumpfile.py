"""Judges dump files by their structure: not by name, size alone or the exit status of what wrote them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from collector.postgres import tocfile
from collector.postgres.model import DumpFile

HEAD = 4 * 1024 * 1024
"""Bytes of a file's beginning that are read; smaller files are read whole."""

TAIL = 64 * 1024

_BEING_WRITTEN = timedelta(minutes=5)
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_TAR_BLOCK = 512
_TAR_MAGIC = slice(257, 262)
_HEADER = re.compile(
    rb"\A(?:\\restrict [^\n]*\n)?(?:--[^\n]*\n|\s*\n)*?-- PostgreSQL database (cluster )?dump"
)
_DUMPED_FROM = re.compile(rb"^-- Dumped from database version ([^\n]{1,100})", re.MULTILINE)
_DUMPED_BY = re.compile(rb"^-- Dumped by pg_dump version ([^\n]{1,100})", re.MULTILINE)
_COMPLETE = b"-- PostgreSQL database dump complete"
_CLUSTER_COMPLETE = b"-- PostgreSQL database cluster dump complete"
_END = 600
_INFLATED_HEAD = 64 * 1024
_MOST_INFLATED = 1 << 30
_SUFFIXES = ("", ".gz", ".lz4", ".zst")


@dataclass(frozen=True, kw_only=True)
class Content:
    """What was read of a file. ``head`` is the whole of it if it is as long as ``size``.

    ``members`` are the sizes of the files of a directory dump, whose ``toc.dat`` the head belongs to.
    """

    name: str
    size: int
    head: bytes = b""
    tail: bytes = b""
    modified: datetime | None = None
    members: Mapping[str, int] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """True if nothing was left out."""
        return len(self.head) >= self.size

    @property
    def ending(self) -> bytes:
        """The last bytes."""
        return self.head if self.whole else self.tail


def judge(content: Content, *, now: datetime) -> DumpFile:
    """Returns the verdict. A file that changed within the last five minutes is not called broken."""
    found = _judge(content)
    fresh = content.modified is not None and now - content.modified < _BEING_WRITTEN
    if fresh and found.verdict in ("truncated", "empty"):
        return replace(found, verdict="being_written")
    return found


def _judge(content: Content) -> DumpFile:
    if content.size == 0:
        return _file(content, "unknown", "empty", "0 bytes")
    head = content.head
    if head.startswith(tocfile.MAGIC):
        return _archive(content)
    if head.startswith(_GZIP):
        return _gzip(content)
    if head.startswith(_ZSTD):
        return _file(content, "zstd", "unknown", "compressed as a whole with zstd, which is not read")
    if head[_TAR_MAGIC] == b"ustar":
        return _tar(content)
    return _plain(content, head, content.ending, whole=content.whole, format_="plain")


def _file(content: Content, format_: str, verdict: str, detail: str = "") -> DumpFile:
    return DumpFile(
        name=content.name,
        size=content.size,
        modified=content.modified,
        format=format_,
        verdict=verdict,
        detail=detail,
    )


def _archive(content: Content) -> DumpFile:
    try:
        toc = tocfile.read_toc(content.head)
    except tocfile.ShortError:
        if content.whole:
            return _file(content, "custom", "truncated", "cut inside the table of contents")
        return _file(content, "custom", "unknown", "a table of contents longer than what is read")
    except tocfile.CorruptError as error:
        return _file(content, "custom", "corrupt", str(error))
    directory = toc.format != tocfile.CUSTOM  # a directory's toc.dat calls itself tar
    verdict, detail = _members(content, toc) if directory else _blocks(content, toc)
    found = _file(content, "directory" if directory else "custom", verdict, detail)
    if found.verdict == "complete" and toc.tables and not toc.data:
        found = replace(found, verdict="schema_only", detail="it defines tables and holds no data")
    return replace(
        found,
        server_version=toc.server_version,
        dump_version=toc.dump_version,
        database=toc.database,
        tables=toc.tables,
        size=sum(content.members.values()) or content.size if directory else content.size,
    )


def _blocks(content: Content, toc: tocfile.Toc) -> tuple[str, str]:
    """Returns the verdict on a custom dump and why; only its data blocks' lengths are read."""
    if not toc.data:
        return "complete", ""
    positions = [one.position for one in toc.data if one.position is not None]
    # Without offsets the dump went into a pipe, or pg_dump was killed before it could write them.
    last = max(positions) if positions else toc.end
    wanted = 1 if positions else len(toc.data)
    if last >= content.size:
        return "truncated", "its last table begins after the end of the file"
    if not content.whole:
        if not _ends_a_block(content.tail, toc.int_size):
            return "truncated", "it does not end where a table's data ends"
        if not positions:
            return "unknown", "it went through a pipe and is too long to be walked through"
        return "complete", "judged by its table of contents and its end"
    try:
        blocks = tocfile.walk_blocks(content.head, last, toc.int_size)
    except tocfile.ShortError:
        return "truncated", "it ends inside a table's data"
    except tocfile.CorruptError as error:
        return "corrupt", str(error)
    return ("complete", "") if blocks >= wanted else ("truncated", f"{blocks} of {wanted} tables' data")


def _ends_a_block(tail: bytes, int_size: int) -> bool:
    return tail.endswith(b"\x00" * (int_size + 1))


def _members(content: Content, toc: tocfile.Toc) -> tuple[str, str]:
    """Returns the verdict on a directory dump: every file its table of contents names has to be there."""
    if not content.members:
        return "unknown", "the directory could not be listed"
    missing = [
        one.filename
        for one in toc.data
        if not any(content.members.get(one.filename + suffix) for suffix in _SUFFIXES)
        and not any(content.members.get(one.filename.removesuffix(".dat") + f".dat{s}") for s in _SUFFIXES)
    ]
    return (
        ("truncated", f"{len(missing)} of {len(toc.data)} data files missing or empty")
        if missing
        else ("complete", "")
    )


def _tar(content: Content) -> DumpFile:
    """Returns the verdict on a tar dump; its end is two blocks of zeros."""
    if not content.head.startswith(b"toc.dat\x00"):
        return _file(content, "tar", "unknown", "a tar archive that is no dump in pg_dump's tar format")
    ended = content.size % _TAR_BLOCK == 0 and content.ending.endswith(b"\x00" * 2 * _TAR_BLOCK)
    found = _file(content, "tar", "complete" if ended else "truncated", "" if ended else "it has no end mark")
    try:
        toc = tocfile.read_toc(content.head[_TAR_BLOCK:])
    except (tocfile.ShortError, tocfile.CorruptError):
        return found
    return replace(
        found,
        server_version=toc.server_version,
        dump_version=toc.dump_version,
        database=toc.database,
        tables=toc.tables,
    )


def _gzip(content: Content) -> DumpFile:
    stream = zlib.decompressobj(wbits=31)
    try:
        head = stream.decompress(content.head, _INFLATED_HEAD)
        if not content.whole:
            found = _plain(content, head, b"", whole=False, format_="gzip")
            detail = "only reading all of it could show whether it is whole"
            return replace(found, verdict="unknown", detail=detail) if found.verdict == "truncated" else found
        end, more, size = head, b"", len(head)
        copies = b"COPY " in head or b"INSERT INTO" in head
        while not stream.eof and stream.unconsumed_tail and size < _MOST_INFLATED:
            more = stream.decompress(stream.unconsumed_tail, _INFLATED_HEAD)
            copies = copies or b"COPY " in more or b"INSERT INTO" in more
            size += len(more)
            end = (end + more)[-_END:]
    except zlib.error:
        return _file(content, "gzip", "corrupt", "its compressed data is damaged")
    if size >= _MOST_INFLATED:
        return _file(content, "gzip", "unknown", "it expands beyond what is read")
    if not stream.eof:
        return _file(content, "gzip", "truncated", "the compressed stream has no end")
    if not size:
        return _file(content, "gzip", "empty", "gzip of nothing")
    found = _plain(content, head, end, whole=True, format_="gzip")
    return (
        replace(found, verdict="complete", detail="") if found.verdict == "schema_only" and copies else found
    )


def _plain(content: Content, head: bytes, end: bytes, *, whole: bool, format_: str) -> DumpFile:
    header = _HEADER.search(head[:4096])
    if not header:
        return _file(content, format_, "unknown", "no format of pg_dump")
    cluster = bool(header[1])
    # A line that ends a restricted session may follow the last words, so they need not stand last.
    ended = (_CLUSTER_COMPLETE if cluster else _COMPLETE) in end[-_END:]
    found = _file(
        content, format_, "complete" if ended else "truncated", "" if ended else "its last words are missing"
    )
    if (
        ended
        and whole
        and b"CREATE TABLE" in head
        and not re.search(rb"^(?:COPY|INSERT INTO) ", head, re.MULTILINE)
    ):
        found = replace(found, verdict="schema_only", detail="it defines tables and holds no data")
    return replace(
        found,
        whole_server=cluster,
        server_version=_first(_DUMPED_FROM, head),
        dump_version=_first(_DUMPED_BY, head),
    )


def _first(pattern: re.Pattern[bytes], text: bytes) -> str:
    found = pattern.search(text)
    return found[1].decode("ascii", "replace") if found else ""
