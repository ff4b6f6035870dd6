"""Reads the table of contents of pg_dump's archive formats: how much there is and where, never what it says.

The bytes hold definitions of tables and functions; they are stepped over and nothing of them is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

MAGIC = b"PGDMP"
CUSTOM, TAR, DIRECTORY = 1, 3, 5
_NO_DATA = 3
_NOT_SET = 1
_MAX_TEXT = 100
_WITH_COMPRESSION_BYTE = (1, 15)
_WITH_ACCESS_METHOD = (1, 14)
_WITH_KIND = (1, 16)
_DATA_BLOCK, _BLOBS_BLOCK = 1, 3
_INT_SIZES = (4, 8)


class ShortError(Exception):
    """The bytes end too early."""


class CorruptError(Exception):
    """The bytes are no archive."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """The data of one table. ``position`` is its block's offset, None where none was recorded."""

    position: int | None
    filename: str


@dataclass(frozen=True, kw_only=True)
class Toc:
    """The table of contents. ``end`` is the offset after it; ``tables`` counts tables that are defined."""

    format: int
    version: tuple[int, int]
    database: str
    server_version: str
    dump_version: str
    entries: int
    tables: int
    data: tuple[Data, ...]
    end: int
    int_size: int


class Reader:
    """A cursor over bytes in memory. Every read raises ShortError at their end."""

    def __init__(self, content: bytes, *, at: int = 0, int_size: int = 4, offset_size: int = 8) -> None:
        self.content = content
        self.at = at
        self.int_size = int_size
        self.offset_size = offset_size

    def take(self, count: int) -> bytes:
        """Returns the next bytes."""
        end = self.at + count
        if end > len(self.content):
            raise ShortError
        found = self.content[self.at : end]
        self.at = end
        return found

    def byte(self) -> int:
        """Returns the next byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """Returns a number in the archive's form: a sign byte, then little endian."""
        negative = self.byte()
        value = int.from_bytes(self.take(self.int_size), "little")
        return -value if negative else value

    def text(self) -> str | None:
        """Returns a string, None for the mark that ends lists."""
        length = self.number()
        return None if length < 0 else self.take(length).decode("utf-8", "replace")

    def skip(self, strings: int) -> None:
        """Steps over strings."""
        for _ in range(strings):
            length = self.number()
            if length > 0:
                self.take(length)


def read_toc(content: bytes) -> Toc:
    """Returns the table of contents. Raises ShortError, CorruptError."""
    reader = Reader(content)
    if reader.take(len(MAGIC)) != MAGIC:
        raise CorruptError("not an archive of pg_dump")
    major, minor, _revision = reader.byte(), reader.byte(), reader.byte()
    version = major, minor
    reader.int_size, reader.offset_size, kind = reader.byte(), reader.byte(), reader.byte()
    if major != 1 or reader.int_size not in _INT_SIZES or kind not in (CUSTOM, TAR, DIRECTORY):
        raise CorruptError("an archive version or format that is not known")
    if version >= _WITH_COMPRESSION_BYTE:
        reader.byte()
    else:
        reader.number()
    for _ in range(7):
        reader.number()  # the moment in the dumping machine's local time: no evidence of age
    database, server, dump = reader.text() or "", reader.text() or "", reader.text() or ""
    entries, tables, data = reader.number(), 0, []
    for _ in range(entries):
        description, found = _entry(reader, version, kind)
        tables += description == "TABLE"
        if found:
            data.append(found)
    return Toc(
        format=kind,
        version=version,
        database=database[:_MAX_TEXT],
        server_version=server[:_MAX_TEXT],
        dump_version=dump[:_MAX_TEXT],
        entries=entries,
        tables=tables,
        data=tuple(data),
        end=reader.at,
        int_size=reader.int_size,
    )


def _entry(reader: Reader, version: tuple[int, int], kind: int) -> tuple[str, Data | None]:
    reader.number()
    has_data = reader.number()
    reader.skip(3)  # catalogue ids, name
    description = reader.text() or ""
    reader.number()
    reader.skip(5)  # definition, drop, copy statement, namespace, tablespace
    if version >= _WITH_ACCESS_METHOD:
        reader.skip(1)
    if version >= _WITH_KIND:
        reader.number()
    reader.skip(2)  # owner, oids
    while reader.text() is not None:
        pass  # dependencies
    if kind != CUSTOM:
        filename = reader.text() or ""
        return description, Data(position=None, filename=filename) if has_data and filename else None
    flag = reader.byte()
    position = int.from_bytes(reader.take(reader.offset_size), "little")
    if not has_data or flag == _NO_DATA:
        return description, None
    return description, Data(position=None if flag == _NOT_SET else position, filename="")


def walk_blocks(content: bytes, at: int, int_size: int) -> int:
    """Returns how many whole blocks of data follow ``at``. Raises ShortError, CorruptError."""
    reader = Reader(content, at=at, int_size=int_size)
    blocks = 0
    while reader.at < len(content):
        kind = reader.byte()
        reader.number()
        if kind == _DATA_BLOCK:
            _step_over_chunks(reader)
        elif kind == _BLOBS_BLOCK:
            while reader.number():
                _step_over_chunks(reader)
        else:
            raise CorruptError(f"a block of kind {kind}")
        blocks += 1
    return blocks


def _step_over_chunks(reader: Reader) -> None:
    while length := reader.number():
        if length < 0:
            raise CorruptError("a chunk of less than nothing")
        reader.take(length)
