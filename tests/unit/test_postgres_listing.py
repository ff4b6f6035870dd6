"""Listings of WAL archives, read piece by piece: the same result however they are cut, in bounded memory."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.postgres import pgbackrest, wal
from collector.postgres.decode import OutputError
from collector.postgres.listing import ArchiveListing
from collector.postgres.model import Archive
from tests.lib import pgsamples

MIB = 1 << 20
LISTED = pgsamples.sample("pgbackrest/15-repo-ls-archive.out").rstrip()
PIECE = 16_384


def archive(listing: ArchiveListing, *, size: int = 16 * MIB, complete: bool = True) -> Archive:
    return listing.archive(tool="pgbackrest", repository="main/1", segment_size=size, complete=complete)


def read(*pieces: bytes, archive_id: str = "", size: int = 16 * MIB, complete: bool = True) -> Archive:
    listing = ArchiveListing(archive_id)
    for piece in pieces:
        listing.feed(piece)
    return archive(listing, size=size, complete=complete)


def entry(name: str, folder: str = "15-1") -> bytes:
    return b'"%s/%s/%s":{"type":"file","size":1,"time":1795187192}' % (
        folder.encode(),
        name[:16].encode(),
        name.encode(),
    )


@given(st.lists(st.integers(0, len(LISTED)), max_size=20))
def test_where_it_is_cut_changes_nothing(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(LISTED)]
    pieces = [LISTED[first:last] for first, last in itertools.pairwise(at)]
    assert read(*pieces) == read(LISTED)
    assert len(read(LISTED).ranges) == 2
    assert not read(LISTED).truncated


@pytest.mark.parametrize("other", [b"", b"[]", b"ERROR: [055]: no", b"null", b" \n", b"\xff" * 100_000])
def test_what_is_no_listing_is_refused(other: bytes) -> None:
    with pytest.raises(OutputError):
        read(other)


def test_an_empty_archive_is_a_listing() -> None:
    found = read(b"{}")
    assert (found.listed, found.truncated, found.ranges) == (True, False, ())


@pytest.mark.parametrize("cut", [1, 100, 1000])
def test_one_that_breaks_off_is_kept_as_far_as_it_goes(cut: int) -> None:
    found = read(LISTED[:-cut])
    assert found.truncated
    assert found.first == "000000010000000000000001"
    assert read(LISTED, complete=False).truncated


def test_something_endless_in_its_middle_makes_it_doubtful() -> None:
    whole = b"{" + entry("000000010000000000000001") + b',"x":{"y":"' + b"a" * 300_000 + b'"},'
    found = read(whole + entry("000000010000000000000002") + b"}")
    assert found.truncated
    assert [(one.first[-1], one.last[-1]) for one in found.ranges] == [("1", "2")]


def test_only_the_current_database_counts() -> None:
    names = ("000000010000000000000001", "000000010000000000000007")
    text = b"{" + entry(names[0], "14-1") + b"," + entry(names[1], "15-2") + b"}"
    assert [one.first for one in read(text, archive_id="15-2").ranges] == [names[1]]


def test_a_size_that_the_names_contradict_is_not_believed() -> None:
    names = [f"00000001000000{log:02X}000000{low:02X}" for log in range(2) for low in range(256)]
    text = b"{" + b",".join(map(entry, names)) + b"}"
    for stated in (0, 64 * MIB, 17):
        found = read(text, size=stated)
        assert (found.segment_size, len(found.ranges)) == (16 * MIB, 1)
    # Of this size the second half of each 4 GiB would be missing.
    assert len(read(text, size=8 * MIB).ranges) == 2


def many(count: int) -> Iterator[bytes]:
    """Yields a listing in pieces, with one segment missing after every 10,000."""
    yield b'{".":{"type":"path"}'
    piece = bytearray()
    for number in range(count):
        if number % 10_000:
            name = wal.named(1, number, 16 * MIB)
            piece += b"," + entry(f"{name}-7f22497b6cea4c89a8458eb9aaaf12a7ac50e05a.zst")
        if len(piece) > PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece) + b"}"


def test_what_is_kept_of_a_segment_is_a_bit() -> None:
    # As few as this are 3 MB of text and would be 12 MB as objects. A million take 8 s and one megabyte.
    listing = ArchiveListing("15-1")
    tracemalloc.start()
    for piece in many(20_000):
        listing.feed(piece)
    found = archive(listing)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.ranges) == 2
    assert not found.truncated
    assert peak < MIB


def test_more_than_can_be_kept_is_said() -> None:
    segments = wal.Segments()
    for log in range(20_001):
        segments.add(f"00000001{log:08X}00000000")
    assert segments.full
    first, ranges = segments.ranges(16 * MIB, most=7)
    assert first == "000000010000000000000000"
    assert [one.first[8:16] for one in ranges] == [f"{log:08X}" for log in range(19_993, 20_000)]
    segments.add("0000000100000000FFFFFFFF")
    assert segments.fit(16 * MIB)


@given(st.sets(st.integers(0, 3000)), st.sampled_from([1, 16, 64, 1024]))
def test_bits_give_the_ranges_that_names_give(numbers: set[int], size: int) -> None:
    names = [wal.named(7, number, size * MIB) for number in sorted(numbers)]
    segments = wal.Segments()
    for name in reversed(names):
        segments.add(name)
    assert segments.likely_size() == wal.likely_size(names)
    first, ranges = segments.ranges(size * MIB, most=10_000)
    assert ranges == wal.ranges(names, size * MIB)
    assert first == (ranges[0].first if ranges else "")


def test_the_whole_text_reads_as_its_pieces() -> None:
    whole = pgbackrest.read_archive_listing(LISTED, repository="main/1", segment_size=16 * MIB)
    assert whole == read(LISTED)
