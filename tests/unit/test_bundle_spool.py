"""A spool gives back what was written, or exactly its end, in bounded space."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from collector.bundle.frames import FRAME
from collector.bundle.spool import Spool

LINE = 97


def lines(size: int) -> bytes:
    rng = random.Random(size)
    made = b"".join(b"%09d %s\n" % (at, rng.randbytes(43).hex().encode()) for at in range(size // LINE + 1))
    return made[:size]


def content(spool: Spool) -> bytes:
    frames = b"".join(zstandard.decompress(frame, max_output_size=FRAME) for frame, _ in spool.frames())
    return frames + spool.tail


@contextlib.contextmanager
def filled(folder: Path, data: bytes, keep: int, piece: int = 300_000) -> Iterator[Spool]:
    with contextlib.closing(Spool(folder, keep)) as spool:
        for at in range(0, len(data), piece):
            spool.write(data[at : at + piece])
        spool.finish()
        yield spool


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME + 7])
def test_without_a_limit_everything_comes_back(tmp_path: Path, size: int) -> None:
    data = lines(size)
    with filled(tmp_path, data, 0) as spool:
        assert content(spool) == data
        assert (spool.size, spool.dropped) == (size, 0)
        assert spool.sha256() == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("keep", [1000, FRAME - 5, FRAME, 2 * FRAME + 1, 9 * FRAME, 16 * FRAME])
@pytest.mark.parametrize("size", [500, 1001, FRAME, FRAME + 999, 5 * FRAME, 20 * FRAME + 3])
def test_the_end_is_kept_from_the_start_of_a_line(tmp_path: Path, keep: int, size: int) -> None:
    data = lines(size)
    with filled(tmp_path, data, keep) as spool:
        kept = content(spool)
        assert data.endswith(kept)
        assert len(kept) <= keep or size <= keep
        assert spool.size == len(kept) == size - spool.dropped
        assert spool.sha256() == hashlib.sha256(kept).hexdigest()
    if size <= keep:
        assert kept == data
    else:
        assert data[: size - len(kept)].endswith(b"\n")
        assert len(kept) > keep - max(keep // 8, FRAME) - LINE


def test_an_endless_line_is_cut_where_it_must_be(tmp_path: Path) -> None:
    with filled(tmp_path, b"x" * (5 * FRAME), 2 * FRAME) as spool:
        assert 0 < spool.size <= 2 * FRAME
        assert content(spool) == b"x" * spool.size


def test_space_does_not_grow_with_what_is_cut(tmp_path: Path) -> None:
    most = 0
    with contextlib.closing(Spool(tmp_path, 4 * FRAME)) as spool:
        for _ in range(30):
            spool.write(lines(FRAME))
            most = max(most, spool.size)
            assert spool.stored < 6 * FRAME
    assert 4 * FRAME <= most <= 6 * FRAME
