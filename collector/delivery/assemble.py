"""Joins the pieces of a bundle that were read back, verifies each and the whole, and names what is wrong."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from collector.delivery import private
from collector.delivery.chunks import KIND_CHUNK, KIND_COMMIT, Piece, missing
from collector.records.access import integer, string

_MAX_LOG = 4 * 1024 * 1024
_HEX = 64


@dataclass(frozen=True, kw_only=True)
class Whole:
    """What the pieces say of the bundle they belong to. ``committed``: the upload was finished."""

    sha256: str
    size: int
    encryption: str
    plain_sha256: str = ""


@dataclass(kw_only=True)
class _State:
    whole: Whole | None = None
    committed: bool = False
    pieces: list[Piece] = field(default_factory=list)
    digests: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    last_seq: int = -1


class Assembly:
    """A bundle on its way back: a file with holes and a log of what it holds, so that a later try goes on.

    Args:
        folder: where both are; they begin with ``name``.
        name: the bundle's id.
        max_bytes: a larger bundle is not begun.

    Attributes:
        problems: what makes the result doubtful, a sentence each; ``notes``: what is odd and harmless.
    """

    def __init__(self, folder: Path, name: str, *, max_bytes: int) -> None:
        self.partial = folder / f"{name}.fetching"
        self._log = folder / f"{name}.fetching.jsonl"
        self._max_bytes = max_bytes
        self._state = _State()
        self.problems: list[str] = []
        self.notes: list[str] = []
        self._resume()

    @property
    def whole(self) -> Whole | None:
        """What was learned of the bundle, None before the first piece."""
        return self._state.whole

    @property
    def committed(self) -> bool:
        """True once the notice was read that says that all pieces were sent."""
        return self._state.committed

    def has(self, notice_id: str) -> bool:
        """True for a notice that was read by an earlier try and found good."""
        return notice_id in self._state.read

    def take(self, notice_id: str, params: Mapping[str, str | int]) -> None:
        """Takes in one notice's params. Raises OSError from the disk."""
        kind = string(params, "kind")
        whole = _whole(params)
        if kind not in (KIND_CHUNK, KIND_COMMIT) or whole is None or whole.size > self._max_bytes:
            self.problems.append(
                f"notice {notice_id} is not readable as a part of a bundle; it may be altered"
            )
            return
        if self._state.whole is not None and whole != self._state.whole:
            self.problems.append(f"notice {notice_id} speaks of another bundle: {whole.sha256[:16]}…")
            return
        if kind == KIND_CHUNK and not self._store(notice_id, params, whole):
            return
        self._state.committed |= kind == KIND_COMMIT
        self._state.whole = whole
        self._state.read.add(notice_id)
        self._write_line(notice_id, kind, params, whole)

    def gaps(self) -> list[str]:
        """Returns what is missing, a sentence for each range."""
        if self._state.whole is None:
            return ["no piece of the bundle was found"]
        found = missing(self._state.whole.size, self._state.pieces)
        return [f"bytes {start} to {end - 1} are missing" for start, end in found]

    def finish(self, target: Path) -> bool:
        """Moves the file to ``target`` if it is the bundle, byte for byte. Raises OSError."""
        whole = self._state.whole
        if whole is None or self.gaps():
            return False
        with self.partial.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest != whole.sha256:
            self.problems.append(
                f"the pieces join to sha256 {digest[:16]}… and the bundle's is {whole.sha256[:16]}…"
            )
            self._log.unlink(missing_ok=True)
            return False
        self.partial.replace(target)
        self._log.unlink(missing_ok=True)
        return True

    def _store(self, notice_id: str, params: Mapping[str, str | int], whole: Whole) -> bool:
        offset, size, seq = (integer(params, key) for key in ("offset", "chunk_bytes", "seq"))
        data, place = (
            _data(params),
            f"piece {seq} (bytes {offset} to {offset + size - 1}, notice {notice_id})",
        )
        digest = string(params, "chunk_sha256")
        if data is None or len(data) != size or hashlib.sha256(data).hexdigest() != digest:
            self.problems.append(f"{place} is altered: its sha256 is not the one stated")
            return False
        if offset < 0 or size < 1 or offset + size > whole.size:
            self.problems.append(f"{place} lies outside the bundle")
            return False
        earlier = self._state.digests.get((offset, size))
        if earlier is not None:
            same = earlier[0] == digest
            (self.notes if same else self.problems).append(
                f"{place} is doubled: notice {earlier[1]} has {'the same' if same else 'other'} bytes"
            )
            return same
        if seq < self._state.last_seq:
            self.notes.append(f"{place} came out of order, after piece {self._state.last_seq}")
        self._state.last_seq = max(seq, self._state.last_seq)
        handle = os.open(self.partial, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            os.pwrite(handle, data, offset)
            os.fsync(handle)
        finally:
            os.close(handle)
        self._state.pieces.append(Piece(offset=offset, size=size, notice=notice_id))
        self._state.digests[offset, size] = (digest, notice_id)
        return True

    def _write_line(self, notice_id: str, kind: str, params: Mapping[str, str | int], whole: Whole) -> None:
        keys = ("offset", "chunk_bytes", "chunk_sha256", "seq")
        line = {key: params[key] for key in keys if key in params}
        line |= {"notice": notice_id, "kind": kind, "bundle_sha256": whole.sha256, "bundle_bytes": whole.size}
        line |= {"encryption": whole.encryption, "plain_sha256": whole.plain_sha256}
        private.append(self._log, json.dumps(line).encode())

    def _resume(self) -> None:
        """Takes in what an earlier try wrote down, as far as its file is still there."""
        if not self.partial.is_file():
            self._log.unlink(missing_ok=True)
            return
        for raw in private.read(self._log, _MAX_LOG).splitlines():
            try:
                line = json.loads(raw)
            except (ValueError, RecursionError):
                continue
            whole = _whole(line) if isinstance(line, dict) else None
            if whole is None or self._state.whole not in (None, whole):
                continue
            notice, offset, size = (
                string(line, "notice"),
                integer(line, "offset"),
                integer(line, "chunk_bytes"),
            )
            if string(line, "kind") == KIND_CHUNK and size > 0:
                self._state.pieces.append(Piece(offset=offset, size=size, notice=notice))
                self._state.digests[offset, size] = (string(line, "chunk_sha256"), notice)
                self._state.last_seq = max(integer(line, "seq"), self._state.last_seq)
            self._state.committed |= string(line, "kind") == KIND_COMMIT
            self._state.whole = whole
            self._state.read.add(notice)


def _whole(params: Mapping[str, str | int]) -> Whole | None:
    sha256, size = string(params, "bundle_sha256"), integer(params, "bundle_bytes")
    if len(sha256) != _HEX or size < 1:
        return None
    return Whole(
        sha256=sha256,
        size=size,
        encryption=string(params, "encryption") or "none",
        plain_sha256=string(params, "plain_sha256"),
    )


def _data(params: Mapping[str, str | int]) -> bytes | None:
    try:
        return base64.b64decode(string(params, "data_crypt"), validate=True)
    except (binascii.Error, ValueError):
        return None
