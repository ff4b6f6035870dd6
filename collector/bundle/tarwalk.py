"""Walks a tar stream that anybody may have made: regular files and directories, nothing else.

Our own headers are plain ustar; what ``tar`` writes when a person packs an unpacked bundle again is read too.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from collector.bundle.limits import KIB, MAX_ENTRY, MAX_MEMBERS, MAX_NAME, MAX_TOTAL
from collector.bundle.names import folded, validate_path
from collector.bundle.source import Source, damaged, read
from collector.bundle.tarstream import padding
from collector.core.errors import BundleError
from collector.core.text import display

_BLOCK = tarfile.BLOCKSIZE
_MAX_EXTENSION = 64 * KIB
_FILES = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE})
_MEANING = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


@dataclass(frozen=True, kw_only=True)
class Member:
    """A regular file. ``offset`` is where its content stands in the tar stream."""

    name: str
    size: int
    offset: int

    @property
    def end(self) -> int:
        """Where the next header, or the end of the archive, has to stand."""
        return self.offset + self.size + padding(self.size)


def members(source: Source, at: int = 0) -> Iterator[Member]:
    """Yields the regular files from offset ``at`` on.

    Raises:
        BundleError: a header is damaged, or something may not stand in a bundle: links, devices, unsafe or
            double names, too many members or too large ones; or the end is missing.
    """
    seen: set[str] = set()
    count = 0
    while any(block := read(source, at, _BLOCK)):
        info, offset = _header(source, at, block)
        count += 1
        if count > MAX_MEMBERS or offset + info.size > MAX_TOTAL:
            raise _refused(info.name, "the archive holds more than a bundle may")
        name = _safe_name(info)
        member = Member(name=name, size=info.size, offset=offset)
        if not info.isdir():
            if folded(name) in seen:
                raise _refused(name, "a member of this name came before, or one that differs in case only")
            seen.add(folded(name))
            yield member
        at = member.end


def _header(source: Source, at: int, block: bytes) -> tuple[tarfile.TarInfo, int]:
    """Returns a member's header, its extension headers applied, and where its content starts."""
    name: str | None = None
    size: int | None = None
    for _ in range(3):  # a pax header, a GNU long name, the member itself
        info = _parse(block, at)
        at += _BLOCK
        if info.type not in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
            info.name = info.name if name is None else name
            info.size = info.size if size is None else size
            _check_kind(info)
            return info, at
        if info.size > _MAX_EXTENSION:
            raise _refused(info.name, "an extension header is too large")
        extension = read(source, at, info.size)
        if info.type == tarfile.GNUTYPE_LONGNAME:
            name = _decode(extension.rstrip(b"\0"))
        else:
            records = _pax(extension)
            name, size = records.get("path", name), _number(records.get("size"))
        at += info.size + padding(info.size)
        block = read(source, at, _BLOCK)
    raise damaged("a member has too many extension headers")


def _parse(block: bytes, at: int) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError, OverflowError) as cause:
        raise damaged(f"no tar header at offset {at}: {display(cause, 100)}") from cause
    if info.size < 0:
        raise damaged(f"a negative size at offset {at}")
    return info


def _check_kind(info: tarfile.TarInfo) -> None:
    if info.type not in _FILES and info.type != tarfile.DIRTYPE:
        raise _refused(info.name, f"it is {_MEANING.get(info.type, 'neither a file nor a directory')}")
    if info.size > (0 if info.isdir() else MAX_ENTRY):
        raise _refused(info.name, f"it is larger than {MAX_ENTRY} bytes, or a directory with content")


def _safe_name(info: tarfile.TarInfo) -> str:
    """Returns the name as a plain relative path; ``tar -C DIR .`` puts ``./`` before all of them."""
    name = info.name.removeprefix("./")
    if info.isdir():
        name = name.rstrip("/")
        if name in ("", "."):
            return ""
    validate_path(name, MAX_NAME)
    return name


def _pax(data: bytes) -> dict[str, str]:
    """Returns the records of a pax header: lines of ``LENGTH KEY=VALUE``, LENGTH counting the whole line."""
    records: dict[str, str] = {}
    while data.rstrip(b"\0"):
        digits, blank, _ = data.partition(b" ")
        length = _number(_decode(digits)) or 0
        key, equals, value = data[len(digits) + 1 : length].partition(b"=")
        if not (blank and equals and value.endswith(b"\n")) or length > len(data):
            raise damaged("an extension header is not of the pax format")
        if key.startswith((b"GNU.sparse", b"linkpath")):
            raise damaged("an extension header describes a link or a sparse file")
        records[_decode(key)] = _decode(value[:-1])
        data = data[length:]
    return records


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_TOTAL))):
        raise damaged("an extension header holds a size that is no number")
    return int(text)


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _refused(name: str, why: str) -> BundleError:
    return BundleError(
        f"the archive holds {display(name, 120)!r}, which may not stand in a bundle",
        why=why,
        hint="do not unpack this archive; ask its sender for the original file",
    )
