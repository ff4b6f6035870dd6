"""Compressed logs are opened and redacted, or withheld; nothing packed goes through unread."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections import Counter
from collections.abc import Iterator

import pytest
import zstandard

from collector.redaction import RedactionError, unpack
from tests.lib.planted import by_kind, redacted_lines, shipped_redactor

TEXT = b"first\npassword=hunter2\nlast\n" * 50
CLEAN = ("first\npassword=<password>\nlast\n" * 50).encode()


def zipped(data: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.log", data)
    return stream.getvalue()


@pytest.mark.parametrize("size", [1, 5, 4096])
def test_a_rotated_log_is_opened_however_it_is_cut(size: int) -> None:
    raw = gzip.compress(TEXT) + gzip.compress(TEXT) + b"\0" * 20
    chunks = [raw[at : at + size] for at in range(0, len(raw), size)]
    assert by_kind(redacted_lines(chunks).decode()).encode() == CLEAN * 2


@pytest.mark.parametrize(
    "raw",
    [
        gzip.compress(gzip.compress(TEXT)),
        gzip.compress(TEXT)[:-9],
        gzip.compress(TEXT)[:20] + b"damaged" * 20,
        bz2.compress(TEXT),
        lzma.compress(TEXT),
        zstandard.compress(TEXT),
        zipped(TEXT),
    ],
    ids=["twice", "cut", "damaged", "bzip2", "xz", "zstd", "zip"],
)
def test_what_cannot_be_opened_is_withheld(raw: bytes) -> None:
    with pytest.raises(RedactionError):
        redacted_lines([raw])


def test_a_bomb_is_withheld_before_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "MAX_UNPACKED", 1_000_000)
    taken: list[int] = []
    pieces = shipped_redactor().lines([gzip.compress(b"a\n" * 10_000_000)], Counter())
    with pytest.raises(RedactionError, match="more than"):
        taken.extend(len(piece.data) for piece in pieces)
    assert sum(taken) <= 1_000_000


@pytest.mark.parametrize("raw", [b"", b"\x1f", b"a", b"PK", b"plain text\n"])
def test_short_and_plain_streams_stay_as_they_are(raw: bytes) -> None:
    assert redacted_lines([raw]) == raw


def test_an_error_of_the_source_still_passes_through() -> None:
    def source() -> Iterator[bytes]:
        yield gzip.compress(TEXT)[:50]
        raise OSError("connection lost")

    with pytest.raises(OSError, match="connection lost"):
        list(shipped_redactor().lines(source(), Counter()))
