"""Archives that a stranger may send, and damage that a transfer may do."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import zstandard

from collector.bundle import limits, tarwalk
from collector.bundle.frames import FrameTable, read_table
from collector.bundle.reader import BundleReader
from collector.core.errors import BundleError
from tests.lib.bundles import NAME, TOP, bundle, edited, listing, log_text, member, packed, repacked

_MIB = 1024 * 1024
_FILES = {"README.txt": b"read me\n", "run/agent.log": b"one line\n"}


def _problems(path: Path) -> tuple[str, ...]:
    """Returns what is wrong, whether opening or verifying says it; reads everything that is offered."""
    try:
        with BundleReader(path) as reader:
            found = reader.verify().problems
            for name in reader.names():
                try:
                    reader.read(name)
                except BundleError as error:
                    found = (*found, error.why)
            return found
    except BundleError as error:
        return (f"{error.message}: {error.why}",)


def test_the_zoo_has_a_sound_animal(tmp_path: Path) -> None:
    """Without this the tests below could pass for the wrong reason."""
    assert _problems(bundle(tmp_path, _FILES).path) == ()
    with BundleReader(repacked(tmp_path, _FILES)) as reader:
        assert {entry.path: reader.read(entry.path) for entry in reader.entries()} == _FILES


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        f"{TOP}/../../x",
        f"{TOP}/..",
        "/etc/passwd",
        "C:/x",
        f"{TOP}\\x",
        f"{TOP}/a\tb",
        f"{TOP}/\x1b[2J",
        f"{TOP}//x",
        f"{TOP}/" + "x" * 600,
        f"{TOP}/readme.TXT",
        f"{TOP}/README.txt",
        f"{TOP}/bad\udcff",
    ],
)
def test_unsafe_and_double_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError) as caught:
        BundleReader(repacked(tmp_path, _FILES, member(name, b"x")))
    assert caught.value.hint
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "pipe"),
        (tarfile.GNUTYPE_SPARSE, "sparse"),
        (tarfile.CONTTYPE, "neither"),
        (b"g", "neither"),
        (b"K", "neither"),
        (b"Z", "neither"),
    ],
)
def test_only_regular_files_are_taken(tmp_path: Path, kind: bytes, word: str) -> None:
    with pytest.raises(BundleError) as caught:
        BundleReader(repacked(tmp_path, _FILES, member(f"{TOP}/x", kind=kind, link="/etc/passwd")))
    assert word in caught.value.why


def test_a_link_in_a_sealed_container_is_found_by_verify(tmp_path: Path) -> None:
    """The seek table spares ``BundleReader`` the walk, so the walk is verify's."""
    path = _sealed_by_hand(tmp_path, [member(f"{TOP}/x", kind=tarfile.SYMTYPE, link="/etc/passwd")])
    with BundleReader(path) as reader:
        assert reader.names() == ("manifest.json",)
        assert "symbolic link" in reader.verify().problems[0]


def _sealed_by_hand(directory: Path, members: list[bytes], listed: bytes | None = None) -> Path:
    words = listing({}) if listed is None else listed
    manifest = member(f"{TOP}/manifest.json", words)
    table = FrameTable()
    data = b""
    for content in (b"".join(members), manifest + bytes(1024)):
        for start in range(0, len(content), _MIB):
            part = content[start : start + _MIB]
            frame = zstandard.ZstdCompressor(level=1).compress(part)
            table.append(len(frame), len(part))
            data += frame
    path = directory / NAME
    path.write_bytes(data + table.pack())
    return path


@pytest.mark.parametrize(
    "extension",
    [
        b"30 path=../../outside-of-it-all\n",
        b"9999 path=x\n",
        b"0 path=x\n",
        b"x path=x\n",
        b"12 path\n",
        b"\xff\xff\xff",
        b"14 linkpath=x\n",
        b"24 GNU.sparse.name=abcd\n",
        b"30 size=99999999999999999999\n",
        b"11 size=-1\n",
        b"x" * 70_000,
    ],
)
def test_extension_headers_are_not_believed(tmp_path: Path, extension: bytes) -> None:
    header = member("PaxHeader", extension, kind=tarfile.XHDTYPE)
    assert _problems(repacked(tmp_path, _FILES, header, member(f"{TOP}/x", b"x")))[0].startswith("the ")


def test_chains_of_extension_headers_end(tmp_path: Path) -> None:
    header = member("PaxHeader", b"10 a=bcde\n", kind=tarfile.XHDTYPE)
    with pytest.raises(BundleError, match="damaged"):
        BundleReader(repacked(tmp_path, _FILES, *[header] * 50, member(f"{TOP}/x")))


@pytest.mark.parametrize(
    "size", [b"\xff" * 12, b"77777777777\x00", b"\x80" + b"\x00" * 6 + b"\x7f" * 5, b"abcdefghijk\x00"]
)
def test_sizes_in_headers_are_not_believed(tmp_path: Path, size: bytes) -> None:
    header = bytearray(member(f"{TOP}/x"))
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\x00 " % sum(header[:512])
    assert _problems(repacked(tmp_path, _FILES, bytes(header)))


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarwalk, "MAX_MEMBERS", 20)
    many = [member(f"{TOP}/{number}", kind=kind) for number in range(19) for kind in (tarfile.DIRTYPE,)]
    with pytest.raises(BundleError, match="may not stand"):
        BundleReader(repacked(tmp_path, _FILES, *many))


def test_too_much_content_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarwalk, "MAX_TOTAL", 20_000)
    with pytest.raises(BundleError, match="may not stand"):
        BundleReader(repacked(tmp_path, _FILES, member(f"{TOP}/x", bytes(20_000))))


_WATCHED = """
import resource, sys
from pathlib import Path
from collector.bundle.reader import BundleReader
from collector.core.errors import BundleError
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
try:
    with BundleReader(Path(sys.argv[1])) as reader:
        print(reader.verify().problems)
except BundleError as error:
    print(error.message, error.why)
print((peak() - before) // 1024)
"""


def _watched(path: Path) -> tuple[str, int]:
    """Reads a bundle in another process; returns what it said and by how many MiB it grew."""
    done = subprocess.run(
        [sys.executable, "-c", _WATCHED, str(path)],
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    said, grown = done.stdout.rsplit("\n", 2)[:2]
    return said, int(grown)


def test_a_bomb_is_refused_in_little_memory(tmp_path: Path) -> None:
    said, grown = _watched(repacked(tmp_path, _FILES, member(f"{TOP}/zeros", bytes(50 * _MIB))))
    assert "expands to more" in said
    assert grown < 30


def test_a_bomb_with_a_seek_table_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = _sealed_by_hand(tmp_path, [member(f"{TOP}/zeros", bytes(50 * _MIB))])
    said, grown = _watched(path)
    assert "expands to more" in said
    assert grown < 30


def test_a_frame_that_claims_a_huge_size_takes_no_memory(tmp_path: Path) -> None:
    frame = bytearray(zstandard.ZstdCompressor().compress(bytes(300)))
    huge = struct.pack("<IB", 0xFD2FB528, 0xE0) + struct.pack("<Q", 2**40) + bytes(frame[7:])
    table = FrameTable()
    table.append(len(huge), 300)
    path = tmp_path / NAME
    path.write_bytes(huge + table.pack())
    said, grown = _watched(path)
    assert "damaged" in said
    assert grown < 30


def test_a_frame_that_asks_for_a_huge_window_is_refused(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    path = tmp_path / "window.tar.zst"
    content = member(f"{TOP}/manifest.json", listing({})) + bytes(1024)
    path.write_bytes(stream.compress(content) + stream.flush())
    with pytest.raises(BundleError, match="damaged"):
        BundleReader(path)


@pytest.mark.parametrize("tenth", range(10))
def test_a_truncated_file_never_passes(tmp_path: Path, tenth: int) -> None:
    sealed = bundle(tmp_path, {**_FILES, "big.log": log_text(3 * _MIB)})

    def cut(data: bytearray) -> None:
        del data[len(data) * tenth // 10 :]

    assert _problems(edited(sealed.path, cut))


@pytest.mark.parametrize("missing", [1, 9, 17, 40, 100])
def test_a_file_cut_near_its_end_never_passes(tmp_path: Path, missing: int) -> None:
    sealed = bundle(tmp_path, _FILES)

    def cut(data: bytearray) -> None:
        del data[-missing:]

    assert _problems(edited(sealed.path, cut))


def _contents(path: Path) -> dict[str, bytes]:
    with BundleReader(path) as reader:
        return {name: reader.read(name) for name in reader.names()}


def test_no_flipped_byte_changes_content_unnoticed(tmp_path: Path) -> None:
    """All regions of a file: shared frame, own frames, manifest, filler and seek table."""
    files = {"README.txt": b"read me\n", "big.bin": os.urandom(_MIB + 5), "same.log": b"\n" * (4 * _MIB)}
    sealed = bundle(tmp_path, files).path
    sound, contents = sealed.read_bytes(), _contents(sealed)
    path = tmp_path / "flipped.tar.zst"
    edges = [*range(200), *range(len(sound) - 500, len(sound))]
    unnoticed = 0
    for position in [*edges[::5], *range(200, len(sound) - 500, len(sound) // 25)]:
        data = bytearray(sound)
        data[position] ^= 0x41
        path.write_bytes(data)
        if not _problems(path):
            unnoticed += 1  # such as a frame's window, which only the digest of the file covers
            assert _contents(path) == contents, f"byte {position} of {len(sound)}"
    assert unnoticed <= 2


def test_something_hidden_in_the_filler_is_found(tmp_path: Path) -> None:
    sealed = bundle(tmp_path, {"same.log": b"\n" * (8 * _MIB)})

    def hide(data: bytearray) -> None:
        magic = data.rindex(struct.pack("<I", 0x184D2A50))
        data[magic + 100] = 1

    assert "hidden" in _problems(edited(sealed.path, hide))[0]


@pytest.mark.parametrize(
    ("frames", "size", "why"),
    [
        ([(100, 100)], 90, "do not fill"),
        ([(100, 100)], 110, "do not fill"),
        ([(100, 100), (2**31, 0)], 100, "do not fill"),
        ([(100_000, 17 * _MIB)], 100_000, "a frame claims"),
        ([(1000, _MIB)] * 2, 2000, "more content"),
        ([(1_000_000, 16 * _MIB)] * 1025, 1_025_000_000, "more content"),
    ],
)
def test_tables_that_promise_too_much_are_refused(frames: list[tuple[int, int]], size: int, why: str) -> None:
    table = FrameTable()
    for compressed, content in frames:
        table.append(compressed, content)
    packed_table = table.pack()

    def pread(offset: int, count: int) -> bytes:
        return packed_table[offset - size :][:count] if offset >= size else bytes(count)

    with pytest.raises(BundleError) as caught:
        read_table(pread, size + len(packed_table))
    assert why in caught.value.why


@pytest.mark.parametrize("content", [100, 16 * _MIB])
def test_forged_seek_tables_are_not_believed(tmp_path: Path, content: int) -> None:
    sound = member(f"{TOP}/manifest.json", listing({})) + bytes(1024)
    frame = zstandard.ZstdCompressor().compress(sound)
    table = FrameTable()
    table.append(len(frame), len(sound))
    table.append(0, content)
    path = tmp_path / NAME
    path.write_bytes(frame + table.pack())
    assert _problems(path)


def test_a_seek_table_with_exchanged_frames_is_not_believed(tmp_path: Path) -> None:
    sealed = bundle(tmp_path, {"a.bin": os.urandom(_MIB), "b.bin": os.urandom(_MIB + 700)})

    def exchange(data: bytearray) -> None:
        first, second = -9 - 8 * 5, -9 - 8 * 4
        data[first : first + 8], data[second : second + 8] = (
            data[second : second + 8],
            data[first : first + 8],
        )

    assert _problems(edited(sealed.path, exchange))


def test_a_table_that_counts_more_than_the_file_has_is_refused(tmp_path: Path) -> None:
    sealed = bundle(tmp_path, _FILES)
    for count in (0, 1, 2**16, 2**32 - 1):
        path = tmp_path / "forged.tar.zst"
        data = sealed.path.read_bytes()
        path.write_bytes(data[:-9] + struct.pack("<IBI", count, 0, 0x8F92EAB1))
        assert _problems(path)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"size": 9}, "bytes, the manifest says 9"),
        ({"sha256": "0" * 64}, "content"),
        ({"tar_offset": 3}, "offset"),
        ({"tar_offset": 10**9}, "offset"),
    ],
)
def test_a_manifest_that_lies_is_found_out(tmp_path: Path, changes: dict[str, object], word: str) -> None:
    content = b"the content"
    listed = listing({"a.txt": content}, **{"tar_offset": 512, **changes})
    path = _sealed_by_hand(tmp_path, [member(f"{TOP}/a.txt", content)], listed)
    with BundleReader(path) as reader:
        assert any(word in problem for problem in reader.verify().problems)
        with pytest.raises(BundleError):
            reader.read("a.txt")


def test_entries_missing_or_extra_are_named(tmp_path: Path) -> None:
    listed = listing({**_FILES, "lost.txt": b"lost"})
    path = repacked(tmp_path, _FILES, member(f"{TOP}/extra.txt", b"x"), member("other/x"), listed=listed)
    with BundleReader(path) as reader:
        assert set(reader.names()) == {*_FILES, "manifest.json"}
        problems = reader.verify().problems
    assert any("extra.txt: not in the manifest" in problem for problem in problems)
    assert any("other/x: not in the manifest" in problem for problem in problems)
    assert any("lost.txt: listed in the manifest" in problem for problem in problems)


def test_problems_are_bounded_and_safe_to_show(tmp_path: Path) -> None:
    lost = {f"lost-{number}\u202e.txt": b"" for number in range(500)}
    with BundleReader(repacked(tmp_path, _FILES, listed=listing({**_FILES, **lost}))) as reader:
        problems = reader.verify().problems
    assert len(problems) <= 101
    assert all("\u202e" not in problem for problem in problems)


def test_what_hides_behind_the_end_or_in_padding_is_found(tmp_path: Path) -> None:
    files = [member(f"{TOP}/a.txt", b"a"), member(f"{TOP}/manifest.json", listing({"a.txt": b"a"}))]
    path = tmp_path / "hidden.tar.zst"
    path.write_bytes(packed(files, end=bytes(1024) + b"hidden"))
    assert any("behind the end" in problem for problem in _problems(path))
    files[0] = files[0][:-1] + b"!"
    path.write_bytes(packed(files))
    assert any("behind its end" in problem for problem in _problems(path))


@pytest.mark.parametrize("end", [b"", bytes(511), b"\x01" * 1024])
def test_an_archive_without_an_end_is_damaged(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "endless.tar.zst"
    path.write_bytes(packed([member(f"{TOP}/manifest.json", listing({}))], end=end))
    with pytest.raises(BundleError, match="damaged"):
        BundleReader(path)


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"PK\x03\x04" + bytes(1000), bytes(5000), packed([]), packed([member("a/README.txt", b"x")])],
    ids=["empty", "one byte", "a zip", "zeros", "an empty tar", "another tar"],
)
def test_what_is_no_bundle_is_refused_with_a_hint(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "other.tar.zst"
    path.write_bytes(data)
    with pytest.raises(BundleError) as caught:
        BundleReader(path)
    assert caught.value.hint


def test_two_manifests_are_refused(tmp_path: Path) -> None:
    other = member("other/manifest.json", listing({}))
    with pytest.raises(BundleError) as caught:
        BundleReader(repacked(tmp_path, _FILES, other))
    assert "several" in caught.value.why


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "absent.tar.zst", Path("/dev/null")):
        with pytest.raises(BundleError):
            BundleReader(path)


def test_limits_are_those_that_were_promised() -> None:
    assert (limits.MAX_MEMBERS, limits.MAX_TOTAL, limits.MAX_ENTRY) == (50_000, 16 * 1024 * _MIB, 256 * _MIB)
    assert (limits.MAX_NAME, limits.MAX_RATIO, limits.RATIO_ALLOWANCE) == (512, 200, _MIB)
