"""Makes bundles for tests: sound ones through the writer, others by hand."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import zstandard

from collector.bundle import layout, manifest
from collector.bundle.writer import BundleWriter, Sealed
from collector.records import Entry, Redacted

STARTED = datetime(2026, 11, 20, 22, 0, 41, tzinfo=UTC)
NAME = "conductor-diag-test-20261120T220041Z-1a2b.tar.zst"
TOP = NAME.removesuffix(".tar.zst")
RUN = {"bundle_id": "cnd20261120t220041z1a2b3c4d", "agent_version": "0.1.0"}


def piece(data: bytes) -> Redacted:
    """Returns bytes as if redaction had passed them."""
    return Redacted(data)


def manifest_of(entries: Sequence[Entry]) -> tuple[Redacted, ...]:
    """What ``seal`` takes."""
    return (piece(json.dumps(manifest.build(RUN, entries)).encode()),)


def bundle(directory: Path, files: Mapping[str, bytes], name: str = NAME) -> Sealed:
    """Writes a bundle of these files."""
    with BundleWriter(directory / name, mtime=STARTED) as writer:
        for path, content in files.items():
            writer.add(path, piece(content), collector="test")
        return writer.seal(manifest_of)


def log_text(size: int, seed: int = 0) -> bytes:
    """Returns text that compresses about as well as logs do."""
    lines: list[bytes] = []
    length = 0
    number = seed
    while length < size:
        word = hashlib.sha256(str(number).encode()).hexdigest()[:16]
        lines.append(b"2026-11-20T22:00:41Z INFO request %d finished id=%s\n" % (number, word.encode()))
        length += len(lines[-1])
        number += 1
    return b"".join(lines)[:size]


def member(name: str, content: bytes = b"", *, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """Returns one member of a tar stream: header, content, padding."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % tarfile.BLOCKSIZE)


def listing(files: Mapping[str, bytes], **changes: object) -> bytes:
    """Returns a manifest that lists these files; ``changes`` go into every entry."""
    entries = [
        {
            "path": path,
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "collector": "test",
            "status": "ok",
            "tar_offset": 0,
            **changes,
        }
        for path, content in files.items()
    ]
    return json.dumps({"schema": manifest.SCHEMA, "run": {}, "entries": entries}).encode()


def packed(members: Iterable[bytes], *, end: bytes = bytes(1024)) -> bytes:
    """Returns the members as ``tar --zstd`` would pack them: one frame, no seek table."""
    return zstandard.ZstdCompressor().compress(b"".join(members) + end)


def repacked(directory: Path, files: Mapping[str, bytes], *extra: bytes, listed: bytes | None = None) -> Path:
    """Writes an archive of files and a manifest that lists them, with ``extra`` members before it."""
    members = [member(f"{TOP}/{path}", content) for path, content in files.items()]
    words = listing(files) if listed is None else listed
    path = directory / "repacked.tar.zst"
    path.write_bytes(packed([*members, *extra, member(f"{TOP}/{layout.MANIFEST_JSON}", words)]))
    return path


def tar_bytes(path: Path) -> bytes:
    """Returns the uncompressed tar stream of a bundle."""
    with path.open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return stream.read()


def unpacked(path: Path) -> dict[str, bytes]:
    """Returns name and content of every member, as Python's tarfile reads them."""
    with tarfile.open(fileobj=io.BytesIO(tar_bytes(path))) as archive:
        found = {}
        for info in archive.getmembers():
            content = archive.extractfile(info)
            assert content is not None
            found[info.name] = content.read()
        return found


def edited(path: Path, change: Callable[[bytearray], None]) -> Path:
    """Changes a file in place and returns its path."""
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    return path
