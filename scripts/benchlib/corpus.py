"""Writes log text to files once, already cut into HTTP chunks, so that serving it costs next to nothing."""

from __future__ import annotations

import argparse
import itertools
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from scripts.benchlib.text import SHARES, lines

LAST_CHUNK = b"0\r\n\r\n"
"""What ends a chunked body."""


def write_corpus(folder: Path, *, size: int, chunk: int, start: datetime) -> None:
    """Writes one file for each log format, together about ``size`` bytes of text.

    Args:
        folder: gets ``<kind>.chunks`` (wire form) and ``<kind>.index`` (one line a chunk: wire, text bytes).
        size: bytes of text over all formats.
        chunk: bytes of text after which a chunk ends, at the end of a line, as a log reader's do.
        start: time of the first line.
    """
    for seed, (kind, share) in enumerate(SHARES.items()):
        wanted = max(size * share // 100, chunk)
        with (folder / f"{kind}.chunks").open("wb") as wire, (folder / f"{kind}.index").open("w") as index:
            for piece in _pieces(lines(kind, seed, start), wanted, chunk):
                framed = b"%x\r\n%b\r\n" % (len(piece), piece)
                wire.write(framed)
                index.write(f"{len(framed)} {len(piece)}\n")


def read_text(folder: Path) -> Iterator[bytes]:
    """Yields the text of all formats in pieces as they come from the wire."""
    for kind in SHARES:
        corpus = Corpus.open(folder, kind)
        for at in range(len(corpus.text) - 1):
            framed = corpus.wire[corpus.starts[at] : corpus.starts[at + 1]]
            yield framed[framed.index(b"\n") + 1 : -2]


def _pieces(text: Iterator[str], size: int, chunk: int) -> Iterator[bytes]:
    done = 0
    while done < size:
        piece: list[bytes] = []
        length = 0
        while length < chunk:
            line = next(text).encode()
            piece.append(line)
            length += len(line)
        done += length
        yield b"".join(piece)


@dataclass(frozen=True, kw_only=True)
class Log:
    """The body of one log answer: ranges of the wire form, to be sent one after the other."""

    ranges: tuple[tuple[int, int], ...]
    size: int


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """One format's file. ``starts`` and ``text`` are running sums over the chunks, one more than chunks."""

    wire: mmap.mmap
    starts: tuple[int, ...]
    text: tuple[int, ...]

    @classmethod
    def open(cls, folder: Path, kind: str) -> Self:
        """Maps the file of one format."""
        with (folder / f"{kind}.chunks").open("rb") as stream:
            wire = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        pairs = [line.split() for line in (folder / f"{kind}.index").read_text().splitlines()]
        return cls(
            wire=wire,
            starts=tuple(itertools.accumulate((int(pair[0]) for pair in pairs), initial=0)),
            text=tuple(itertools.accumulate((int(pair[1]) for pair in pairs), initial=0)),
        )

    def log(self, first: int, size: int) -> Log:
        """Returns at least ``size`` bytes of text from chunk ``first`` on, going round at the end."""
        count = len(self.text) - 1
        at, left, ranges = first % count, size, []
        while left > 0:
            end = at
            while end < count and left > 0:
                left -= self.text[end + 1] - self.text[end]
                end += 1
            ranges.append((self.starts[at], self.starts[end]))
            at = 0
        return Log(ranges=tuple(ranges), size=size - left)


def main() -> None:
    """Writes a corpus whose lines begin six hours ago."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--chunk", type=int, required=True)
    given = parser.parse_args()
    start = datetime.now(UTC) - timedelta(hours=6)
    write_corpus(given.folder, size=given.size, chunk=given.chunk, start=start)


if __name__ == "__main__":
    main()
