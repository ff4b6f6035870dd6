from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from collector.bundle import entry as entry_module
from collector.bundle import writer as writer_module
from collector.bundle.limits import MAX_MANIFEST
from collector.bundle.reader import BundleReader
from collector.bundle.writer import BundleWriter
from collector.core.errors import BundleError, OutputError
from collector.records import EntryStatus, Redacted
from tests.lib.bundles import NAME, STARTED, bundle, log_text, manifest_of, piece, unpacked

_MIB = 1024 * 1024


def _writer(directory: Path) -> BundleWriter:
    return BundleWriter(directory / NAME, mtime=STARTED)


@pytest.mark.parametrize("forged", [b"raw", "text", bytearray(b"raw"), None, Redacted(cast(Any, "text"))])
def test_nothing_but_redacted_bytes_is_taken(tmp_path: Path, forged: object) -> None:
    with _writer(tmp_path) as writer:
        entry = writer.open("a.log", collector="logs")
        with pytest.raises(TypeError, match="redacted"):
            entry.write(cast(Any, forged))
        with pytest.raises(TypeError, match="redacted"):
            writer.add("b.log", cast(Any, forged), collector="logs")
        assert entry.size == 0
        assert entry.commit().size == 0
        with pytest.raises(TypeError, match="redacted"):
            writer.seal(lambda _: [cast(Any, forged)])
    assert list(tmp_path.iterdir()) == []


def test_an_entry_says_what_it_holds(tmp_path: Path) -> None:
    with _writer(tmp_path) as writer:
        entry = writer.open("a.log", collector="logs")
        entry.write(piece(b"first\n"))
        entry.write(piece(b""))
        entry.write(piece(b"second\n"))
        assert entry.size == 13
        done = entry.commit(status=EntryStatus.TRUNCATED, note="cut", redactions={"jwt": 3})
        assert (done.path, done.size, done.collector) == ("a.log", 13, "logs")
        assert (done.status, done.note, done.redactions) == (EntryStatus.TRUNCATED, "cut", {"jwt": 3})
        assert done.sha256 == hashlib.sha256(b"first\nsecond\n").hexdigest()
        assert writer.entries == (done,)


def test_sealing_publishes_a_private_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    with _writer(tmp_path) as writer:
        writer.add("a.txt", piece(b"a"), collector="test")
        assert list(tmp_path.iterdir()) == []
        sealed = writer.seal(manifest_of)
    assert list(tmp_path.iterdir()) == [tmp_path / NAME]
    assert stat.S_IMODE(sealed.path.stat().st_mode) == 0o600
    content = sealed.path.read_bytes()
    assert (sealed.size, sealed.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert sealed.entries == 1


def test_the_manifest_gets_the_entries_in_the_order_of_the_archive(tmp_path: Path) -> None:
    with _writer(tmp_path) as writer:
        slow = writer.open("slow.log", collector="logs")
        writer.add("quick.log", piece(b"q"), collector="logs")
        slow.commit()
        writer.seal(manifest_of)
    names = [name.partition("/")[2] for name in unpacked(tmp_path / NAME)]
    assert names == ["quick.log", "slow.log", "manifest.json"]
    listed = json.loads(list(unpacked(tmp_path / NAME).values())[-1])["entries"]
    assert [entry["path"] for entry in listed] == ["quick.log", "slow.log"]


def test_a_discarded_entry_leaves_no_trace_and_frees_its_path(tmp_path: Path) -> None:
    with _writer(tmp_path) as writer:
        entry = writer.open("a.log", collector="logs")
        entry.write(piece(log_text(3 * _MIB)))
        entry.discard()
        entry.discard()
        with pytest.raises(OutputError, match=r"a\.log"):
            entry.write(piece(b"late"))
        with pytest.raises(OutputError):
            entry.commit()
        writer.add("a.log", piece(b"withheld"), collector="logs")
        writer.seal(manifest_of)
    assert [name.partition("/")[2] for name in unpacked(tmp_path / NAME)] == ["a.log", "manifest.json"]
    assert b"request 1 finished" not in b"".join(unpacked(tmp_path / NAME).values())


def test_a_committed_entry_stays_whatever_is_called_next(tmp_path: Path) -> None:
    with _writer(tmp_path) as writer:
        entry = writer.open("a.log", collector="logs")
        entry.commit()
        entry.discard()
        with pytest.raises(OutputError):
            entry.commit()
        with pytest.raises(BundleError, match="already"):
            writer.open("a.log", collector="logs")
        assert len(writer.entries) == 1


@pytest.mark.parametrize("path", ["a.txt", "A.TXT", "manifest.json"])
def test_a_path_is_taken_once_even_without_case(tmp_path: Path, path: str) -> None:
    with _writer(tmp_path) as writer:
        writer.open("a.txt", collector="test")
        with pytest.raises(BundleError, match="already"):
            writer.open(path, collector="test")


@pytest.mark.parametrize("path", ["../x", "/x", "a\\b", "", "a/./b"])
def test_paths_that_readers_refuse_are_not_written(tmp_path: Path, path: str) -> None:
    with _writer(tmp_path) as writer, pytest.raises(BundleError):
        writer.open(path, collector="test")


def test_committed_entries_are_readable_while_others_are_open(tmp_path: Path) -> None:
    big = log_text(2 * _MIB + 77)
    with _writer(tmp_path) as writer:
        reader = writer.reader()
        open_entry = writer.open("open.log", collector="logs")
        open_entry.write(piece(b"not yet"))
        writer.add("small.txt", piece(b"small"), collector="test")
        writer.add("big.log", piece(big), collector="logs")
        writer.add("empty.txt", piece(b""), collector="test")
        assert [entry.path for entry in reader.entries()] == ["small.txt", "big.log", "empty.txt"]
        assert reader.read("small.txt") == b"small"
        assert reader.read("big.log") == big
        assert reader.read("empty.txt") == b""
        with pytest.raises(KeyError):
            reader.read("open.log")
        open_entry.commit()
        assert reader.read("open.log") == b"not yet"
        writer.seal(lambda entries: manifest_of(entries) if reader.read("big.log") == big else (piece(b""),))
        with pytest.raises(OutputError, match="closed"):
            reader.read("small.txt")


def test_many_threads_write_at_once(tmp_path: Path) -> None:
    wanted = {f"logs/{number}.log": log_text(number * 90_001, number) for number in range(24)}
    with _writer(tmp_path) as writer:

        def work(path: str) -> None:
            entry = writer.open(path, collector="logs")
            content = wanted[path]
            for start in range(0, len(content), 70_000):
                entry.write(piece(content[start : start + 70_000]))
            entry.commit()
            assert writer.reader().read(path) == content

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, wanted))
        writer.seal(manifest_of)
    with BundleReader(tmp_path / NAME) as reader:
        assert {path: reader.read(path) for path in wanted} == wanted
        assert reader.verify().problems == ()


def test_equal_input_makes_equal_bytes_however_it_was_cut(tmp_path: Path) -> None:
    content = log_text(3 * _MIB)
    digests = set()
    for number, step in enumerate((len(content), 1000, _MIB)):
        directory = tmp_path / str(number)
        directory.mkdir()
        with _writer(directory) as writer:
            entry = writer.open("a.log", collector="logs")
            for start in range(0, len(content), step):
                entry.write(piece(content[start : start + step]))
            entry.commit(redactions={"b": 1, "a": 2} if number else {"a": 2, "b": 1})
            digests.add(writer.seal(manifest_of).sha256)
    assert len(digests) == 1


def test_entries_still_open_at_the_seal_are_left_out(tmp_path: Path) -> None:
    with _writer(tmp_path) as writer:
        writer.add("a.txt", piece(b"a"), collector="test")
        stuck = writer.open("stuck.log", collector="logs")
        stuck.write(piece(log_text(2 * _MIB)))
        assert writer.seal(manifest_of).entries == 1
        with pytest.raises(OutputError):
            stuck.write(piece(b"late"))
    assert [name.partition("/")[2] for name in unpacked(tmp_path / NAME)] == ["a.txt", "manifest.json"]


def test_after_the_seal_nothing_is_taken_and_nothing_removed(tmp_path: Path) -> None:
    with _writer(tmp_path) as writer:
        sealed = writer.seal(manifest_of)
        for late in (
            lambda: writer.open("a", collector="test"),
            lambda: writer.add("a", piece(b""), collector="test"),
            lambda: writer.seal(manifest_of),
        ):
            with pytest.raises(OutputError, match="is sealed"):
                late()
        writer.abort()
    assert sealed.path.exists()


def test_after_an_abort_every_call_says_so(tmp_path: Path) -> None:
    with _writer(tmp_path) as writer:
        entry = writer.open("a.log", collector="logs")
        entry.write(piece(log_text(2 * _MIB)))
        writer.add("b.txt", piece(b"b"), collector="test")
        writer.abort()
        writer.abort()
        assert list(tmp_path.iterdir()) == []
        for late in (
            lambda: writer.open("c", collector="test"),
            lambda: writer.seal(manifest_of),
            lambda: entry.write(piece(b"late")),
            entry.commit,
            lambda: writer.reader().read("b.txt"),
        ):
            with pytest.raises(OutputError) as caught:
                late()
            assert caught.value.why
        entry.discard()


def test_an_abort_ends_writers_in_other_threads(tmp_path: Path) -> None:
    with _writer(tmp_path) as writer, ThreadPoolExecutor(4) as pool:
        started = threading.Barrier(5)

        def work(number: int) -> str:
            entry = writer.open(f"{number}.log", collector="logs")
            started.wait()
            while True:
                try:
                    entry.write(piece(bytes(100_000)))
                except OutputError as error:
                    return error.why

        workers = [pool.submit(work, number) for number in range(4)]
        started.wait()
        writer.abort()
        assert all("given up" in worker.result(timeout=10) for worker in workers)
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_that_cannot_be_made_costs_the_bundle(tmp_path: Path) -> None:
    with _writer(tmp_path) as writer, pytest.raises(ZeroDivisionError):
        writer.seal(lambda _: (piece(bytes(1 // 0)),))
    assert list(tmp_path.iterdir()) == []


def test_what_readers_refuse_for_size_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry_module, "MAX_ENTRY", 1000)
    with _writer(tmp_path) as writer:
        entry = writer.open("a.log", collector="logs")
        entry.write(piece(bytes(600)))
        with pytest.raises(BundleError, match="too large"):
            entry.write(piece(bytes(401)))
        entry.write(piece(bytes(400)))
        assert entry.commit(status=EntryStatus.TRUNCATED).size == 1000


def test_a_full_bundle_takes_no_more_but_can_be_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MAX_TOTAL", MAX_MANIFEST + 12_000)
    monkeypatch.setattr(writer_module, "MAX_MEMBERS", 4)
    with _writer(tmp_path) as writer:
        writer.add("a", piece(bytes(6000)), collector="test")
        with pytest.raises(BundleError, match="full"):
            writer.add("b", piece(bytes(6000)), collector="test")
        writer.add("b", piece(bytes(100)), collector="test")
        writer.open("c", collector="test")
        with pytest.raises(BundleError, match="too many"):
            writer.open("d", collector="test")
        assert writer.seal(manifest_of).entries == 2


def test_what_the_writer_seals_the_reader_reads_even_if_it_shrinks_like_a_bomb(tmp_path: Path) -> None:
    sealed = bundle(tmp_path, {"same.log": b"\n" * (30 * _MIB)})
    with BundleReader(sealed.path) as reader:
        assert reader.read("same.log") == b"\n" * (30 * _MIB)
        assert reader.verify().problems == ()


@pytest.mark.parametrize(
    "name", ["bundle.zip", ".tar.zst", "..tar.zst", "a\\b.tar.zst", "x" * 200 + ".tar.zst"]
)
def test_names_that_make_no_top_directory_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError) as caught:
        BundleWriter(tmp_path / name, mtime=STARTED)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_large_entries_do_not_stay_in_memory_but_in_an_unnamed_file(tmp_path: Path) -> None:
    with _writer(tmp_path) as writer:
        entry = writer.open("a.bin", collector="test")
        before = _unnamed(tmp_path)
        for _ in range(6):
            entry.write(piece(os.urandom(_MIB)))
        assert len(_unnamed(tmp_path) - before) == 1
        assert list(tmp_path.iterdir()) == []


def _unnamed(folder: Path) -> set[str]:
    links = {str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()}
    return {link for link in links if link.startswith(str(folder)) and link.endswith("(deleted)")}
