"""What of a bundle the endpoint has already, on disk, so that an upload goes on where it was cut off."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from collector.core.clock import Clock, parse_rfc3339, rfc3339
from collector.delivery import private
from collector.delivery.chunks import CUTS, LARGEST_CUT, Parcel, Piece
from collector.delivery.notice import Origin
from collector.records.access import integer, string

_NAME = re.compile(r"upload-[a-z0-9]{1,64}\.jsonl")
_MAX_AGE = timedelta(days=7)
_MAX_BYTES = 1024 * 1024


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line of the log: what is sent, from where, to whom; ``scratch`` files are ours to remove."""

    started: str
    endpoint: str
    path: str
    scratch: bool
    parcel: Parcel
    origin: Origin


class UploadLog:
    """One upload's log: a header, then a line for each accepted piece and each new size of pieces."""

    def __init__(self, path: Path, header: Header, *, cut: int = CUTS[0]) -> None:
        self._path = path
        self.header = header
        self.cut = cut
        self.pieces: list[Piece] = []

    @classmethod
    def begin(cls, directory: Path, header: Header, *, cut: int) -> UploadLog:
        """Writes a new log. Raises OSError."""
        private.prepare(directory)
        path = directory / f"upload-{header.parcel.bundle_id}.jsonl"
        private.write(path, msgspec.json.encode(header) + b"\n")
        log = cls(path, header)
        log.recut(cut)
        return log

    @classmethod
    def pending(cls, directory: Path, endpoint: str, clock: Clock) -> list[UploadLog]:
        """Returns the uploads to this endpoint that were not finished; forgets those that are too old."""
        if not directory.is_dir() or directory.is_symlink():
            return []
        found = []
        for path in sorted(p for p in directory.iterdir() if _NAME.fullmatch(p.name)):
            log = _load(path)
            if log is None or _old(log.header, clock.now()):
                (log.remove if log else path.unlink)()
            elif log.header.endpoint == endpoint:
                found.append(log)
        return found

    @property
    def file(self) -> Path:
        """The file whose bytes are sent."""
        return Path(self.header.path)

    def sent(self, piece: Piece) -> None:
        """Writes down that the endpoint has ``piece``. Raises OSError."""
        self.pieces.append(piece)
        self._append({"offset": piece.offset, "size": piece.size, "notice": piece.notice})

    def recut(self, cut: int) -> None:
        """Writes down the size that pieces have from now on. Raises OSError."""
        self.cut = cut
        self._append({"cut": cut})

    def remove(self) -> None:
        """Forgets the upload, and the encrypted file if it is ours. Raises OSError."""
        self._path.unlink(missing_ok=True)
        if self.header.scratch:
            self.file.unlink(missing_ok=True)

    def read(self, line: bytes) -> None:
        """Takes in one line of an earlier process; what is none is passed over."""
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            return
        cut, size, offset = (integer(content, key) for key in ("cut", "size", "offset"))
        if 0 < cut <= LARGEST_CUT:
            self.cut = cut
        elif size > 0 and offset >= 0 and offset + size <= self.header.parcel.size:
            self.pieces.append(Piece(offset=offset, size=size, notice=string(content, "notice")))

    def _append(self, content: dict[str, int | str]) -> None:
        private.append(self._path, json.dumps(content).encode())


def awaited(directory: Path, now: datetime) -> frozenset[Path]:
    """Returns the files that unfinished uploads, to whatever endpoint, still have to read. Raises OSError."""
    if not directory.is_dir() or directory.is_symlink():
        return frozenset()
    logs = (_load(path) for path in directory.iterdir() if _NAME.fullmatch(path.name))
    return frozenset(log.file for log in logs if log and not _old(log.header, now))


def header(
    parcel: Parcel, file: Path, *, scratch: bool, endpoint: str, origin: Origin, clock: Clock
) -> Header:
    """Returns the header of an upload that begins now."""
    return Header(
        started=rfc3339(clock.now()),
        endpoint=endpoint,
        path=str(file.absolute()),
        scratch=scratch,
        parcel=parcel,
        origin=origin,
    )


def _load(path: Path) -> UploadLog | None:
    try:
        lines = private.read(path, _MAX_BYTES).splitlines()
        log = UploadLog(path, msgspec.json.decode(lines[0] if lines else b"", type=Header))
    except (OSError, msgspec.MsgspecError, RecursionError):
        return None
    if log.header.scratch and log.file.parent != path.parent.absolute():
        return None  # only what lies beside the log can be ours to remove
    for line in lines[1:]:
        log.read(line)
    return log


def _old(found: Header, now: datetime) -> bool:
    started = parse_rfc3339(found.started)
    return started is None or now - started > _MAX_AGE
