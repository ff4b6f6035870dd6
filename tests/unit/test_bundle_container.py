from __future__ import annotations

import io
import itertools
import json
import os
import shutil
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.bundle.reader import BundleReader
from collector.bundle.writer import BundleWriter
from collector.records import EvidenceReader
from tests.lib.bundles import NAME, STARTED, TOP, bundle, log_text, manifest_of, piece, tar_bytes, unpacked

_MIB = 1024 * 1024
_LONG = "cluster-resources/pods/logs/" + "n" * 63 + "/" + "p" * 200 + "/" + "c" * 63 + "-previous.log"
_FILES = {
    "README.txt": b"read me\n",
    "empty.txt": b"",
    "run/agent.log": log_text(5_000_000),
    "exact.bin": os.urandom(_MIB),
    "one-more.bin": os.urandom(_MIB + 1),
    _LONG: b"a long name",
    "findings.json": b"[]\n",
}


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("bundle"), _FILES).path


def _seek_table(data: bytes) -> list[tuple[int, int]]:
    count, descriptor, magic = struct.unpack("<IBI", data[-9:])
    assert (descriptor, magic) == (0, 0x8F92EAB1)
    table = data[-9 - 8 * count - 8 :]
    assert struct.unpack("<II", table[:8]) == (0x184D2A5E, 8 * count + 9)
    return list(struct.iter_unpack("<II", table[8:-9]))


@pytest.mark.skipif(not shutil.which("zstd"), reason="needs the zstd command")
def test_gnu_tar_and_zstd_read_it(sealed: Path, tmp_path: Path) -> None:
    subprocess.run(["zstd", "-q", "-t", str(sealed)], check=True, timeout=30)
    listed = subprocess.run(
        ["tar", "--zstd", "-tf", str(sealed)], check=True, capture_output=True, text=True, timeout=30
    )
    assert listed.stdout.split() == [f"{TOP}/{path}" for path in (*_FILES, "manifest.json")]
    assert listed.stderr == ""
    subprocess.run(["tar", "--zstd", "-xf", str(sealed), "-C", str(tmp_path)], check=True, timeout=30)
    assert {path: (tmp_path / TOP / path).read_bytes() for path in _FILES} == _FILES


def test_python_reads_it(sealed: Path) -> None:
    found = unpacked(sealed)
    assert {f"{TOP}/{path}": content for path, content in _FILES.items()} == {
        name: content for name, content in found.items() if not name.endswith("manifest.json")
    }
    assert list(found)[-1] == f"{TOP}/manifest.json"


def test_headers_tell_nothing_of_the_machine(sealed: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(tar_bytes(sealed))) as archive:
        for info in archive.getmembers():
            assert info.isreg()
            assert (info.mode, info.uid, info.gid, info.uname, info.gname) == (0o600, 0, 0, "", "")
            assert info.mtime == int(STARTED.timestamp())


def test_every_frame_stands_alone_and_is_in_the_seek_table(sealed: Path) -> None:
    data = sealed.read_bytes()
    at = 0
    content = b""
    for compressed, size in _seek_table(data):
        frame = data[at : at + compressed]
        assert zstandard.get_frame_parameters(frame).has_checksum
        part = zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)
        assert len(part) == size <= _MIB
        content += part
        at += compressed
    assert content == tar_bytes(sealed)
    assert at == len(data) - 8 * len(_seek_table(data)) - 17


def test_small_members_share_frames(tmp_path: Path) -> None:
    files = {f"{number}.json": log_text(9000, number) for number in range(300)}
    table = _seek_table(bundle(tmp_path, files).path.read_bytes())
    assert len(table) <= 5


def test_large_members_own_theirs(sealed: Path) -> None:
    starts = list(itertools.accumulate((size for _, size in _seek_table(sealed.read_bytes())), initial=0))
    with BundleReader(sealed) as reader:
        large = [entry for entry in reader.entries() if entry.size >= _MIB]
    assert len(large) == 3
    assert all(entry.tar_offset in starts for entry in large)


def test_random_access_reads_only_the_frames_needed(tmp_path: Path) -> None:
    files = {f"{number}.bin": os.urandom(3 * _MIB) for number in range(5)}
    files["small.txt"] = b"small"
    sealed = bundle(tmp_path, files)
    with BundleReader(sealed.path) as reader:
        opened = reader.bytes_read
        assert opened < 10_000
        assert reader.read("3.bin") == files["3.bin"]
        assert 3 * _MIB <= reader.bytes_read - opened < 3 * _MIB + 10_000
        before = reader.bytes_read
        assert reader.read("small.txt") == b"small"
        assert reader.bytes_read - before < 10_000


def test_reading_neighbours_reads_their_frame_once(tmp_path: Path) -> None:
    files = {f"{number}.json": os.urandom(900) for number in range(500)}
    sealed = bundle(tmp_path, files)
    with BundleReader(sealed.path) as reader:
        assert {entry.path: reader.read(entry.path) for entry in reader.entries()} == files
        assert reader.bytes_read < 1.3 * sealed.size


def test_names_and_contents_come_back_in_order(sealed: Path) -> None:
    with BundleReader(sealed) as reader:
        evidence: EvidenceReader = reader
        assert [entry.size for entry in evidence.entries()] == [len(content) for content in _FILES.values()]
        assert reader.names() == (*_FILES, "manifest.json")
        assert [entry.path for entry in reader.entries()] == list(_FILES)
        assert b"".join(reader.open("run/agent.log")) == _FILES["run/agent.log"]
        assert json.loads(reader.read("manifest.json"))["entries"][0]["path"] == "README.txt"
        assert reader.manifest().run["bundle_id"] == "cnd20261120t220041z1a2b3c4d"
        with pytest.raises(KeyError):
            reader.read("absent.txt")
        with pytest.raises(KeyError):
            reader.open("absent.txt")


def test_a_sound_bundle_has_no_problems(sealed: Path) -> None:
    with BundleReader(sealed) as reader:
        found = reader.verify()
    assert (found.problems, found.entries, found.size) == ((), len(_FILES), sealed.stat().st_size)


def test_a_manifest_longer_than_a_frame_is_found(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / NAME, mtime=STARTED) as writer:
        writer.add("big.bin", piece(os.urandom(2 * _MIB)), collector="test")
        for number in range(9000):
            entry = writer.open(f"cluster-resources/pods/{number}.json", collector="workloads")
            entry.commit(note="x" * 100)
        writer.seal(manifest_of)
    with BundleReader(tmp_path / NAME) as reader:
        assert reader.bytes_read < _MIB  # found from the end, not by reading all of it
        assert len(reader.entries()) == 9001
        assert len(reader.read("manifest.json")) > 2 * _MIB


def test_a_name_outside_ascii_is_read_back(tmp_path: Path) -> None:
    sealed = bundle(tmp_path, {"notes/über.txt": b"x"}, name="conductor-diag-süd.tar.zst")
    with BundleReader(sealed.path) as reader:
        assert reader.read("notes/über.txt") == b"x"
        assert reader.verify().problems == ()
    assert next(iter(unpacked(sealed.path))) == "conductor-diag-süd/notes/über.txt"


@pytest.mark.skipif(not shutil.which("zstd"), reason="needs the zstd command")
@pytest.mark.parametrize("format_", ["gnu", "posix", "ustar"])
@pytest.mark.parametrize("from_inside", [False, True])
def test_a_bundle_that_was_unpacked_and_packed_again_is_readable(
    sealed: Path, tmp_path: Path, format_: str, from_inside: bool
) -> None:
    subprocess.run(["tar", "--zstd", "-xf", str(sealed), "-C", str(tmp_path)], check=True, timeout=30)
    again = tmp_path / "again.tar.zst"
    root = ["-C", str(tmp_path / TOP), "."] if from_inside else ["-C", str(tmp_path), TOP]
    if format_ == "ustar":
        shutil.rmtree(tmp_path / TOP / "cluster-resources")  # ustar cannot say the long name
    subprocess.run(["tar", "--zstd", f"--format={format_}", "-cf", str(again), *root], check=True, timeout=30)
    wanted = {path: content for path, content in _FILES.items() if format_ != "ustar" or path != _LONG}
    with BundleReader(again) as reader:
        assert {entry.path: reader.read(entry.path) for entry in reader.entries()} == wanted
        problems = reader.verify().problems
    assert "packed again" in problems[0]
    assert len(problems) == 1 + len(_FILES) - len(wanted)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(
        st.one_of(
            st.integers(0, 3000),
            st.sampled_from([_MIB - 1536, _MIB - 1024, _MIB - 512, _MIB - 1, _MIB, _MIB + 1, 2 * _MIB]),
            st.integers(_MIB // 2, 2 * _MIB),
        ),
        max_size=8,
    ),
    seed=st.binary(min_size=1, max_size=4),
)
def test_entries_of_any_size_come_back(tmp_path: Path, sizes: list[int], seed: bytes) -> None:
    files = {f"{number}.bin": (seed * size)[:size] for number, size in enumerate(sizes)}
    (tmp_path / NAME).unlink(missing_ok=True)
    sealed = bundle(tmp_path, files)
    with BundleReader(sealed.path) as reader:
        assert {entry.path: reader.read(entry.path) for entry in reader.entries()} == files
        assert reader.verify().problems == ()
    assert unpacked(sealed.path).keys() == {f"{TOP}/{path}" for path in (*files, "manifest.json")}


def test_the_writer_under_way_reads_across_frame_borders(tmp_path: Path) -> None:
    files = {f"{number}.bin": os.urandom(300_000 * number) for number in range(8)}
    with BundleWriter(tmp_path / NAME, mtime=STARTED) as writer:
        for path, content in files.items():
            writer.add(path, piece(content), collector="test")
            assert {known.path: writer.reader().read(known.path) for known in writer.entries} == {
                known.path: files[known.path] for known in writer.entries
            }
