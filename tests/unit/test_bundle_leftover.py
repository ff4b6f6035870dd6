"""What a killed run left goes, and nothing else does: the lock of a living writer is respected."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.bundle.leftover import create_locked, remove_leftovers
from collector.bundle.writer import BundleWriter
from tests.lib.bundles import STARTED, manifest_of

NOW = datetime.now(UTC)
NAME = "conductor-diag-conductor-20261120T120000Z-1234"


@pytest.mark.parametrize("ending", [".tar.zst.partial", ".summary.md.partial"])
def test_a_file_without_a_writer_goes(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"{NAME}{ending}").write_bytes(b"half")
    assert remove_leftovers(tmp_path, NOW) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_living_writer_keeps_its_file_until_it_is_named(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / f"{NAME}.tar.zst", mtime=STARTED) as writer:
        assert remove_leftovers(tmp_path, NOW + timedelta(days=30)) == 0
        sealed = writer.seal(manifest_of)
    assert remove_leftovers(tmp_path, NOW) == 0
    assert [path.name for path in tmp_path.iterdir()] == [sealed.path.name]


@pytest.mark.parametrize(
    "name",
    [
        f"{NAME}.tar.zst",
        f"{NAME}.summary.md",
        "other.tar.zst.partial",
        "conductor-diag-x.partial",
        f"{NAME}.tar.zst.partial.old",
    ],
)
def test_other_files_stay(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert remove_leftovers(tmp_path, NOW) == 0
    assert (tmp_path / name).exists()


def test_links_and_pipes_are_not_touched(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    (tmp_path / f"{NAME}.tar.zst.partial").symlink_to(target)
    os.mkfifo(tmp_path / f"{NAME}.summary.md.partial")
    assert remove_leftovers(tmp_path, NOW) == 0
    assert target.read_bytes() == b"precious"
    assert len(list(tmp_path.iterdir())) == 3


def no_locks(*_: object) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


@pytest.mark.parametrize(("age", "removed"), [(timedelta(minutes=5), 0), (timedelta(days=2), 1)])
def test_where_there_are_no_locks_age_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: timedelta, removed: int
) -> None:
    monkeypatch.setattr(fcntl, "flock", no_locks)
    path = tmp_path / f"{NAME}.tar.zst.partial"
    os.close(create_locked(path))
    assert remove_leftovers(tmp_path, NOW + age) == removed


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert remove_leftovers(tmp_path / "absent", NOW) == 0


def test_a_file_that_a_cleaner_took_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"{NAME}.tar.zst.partial"
    real, calls = fcntl.flock, []

    def taken_once(descriptor: int, how: int) -> None:
        calls.append(how)
        if len(calls) == 1:
            path.unlink()
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", taken_once)
    descriptor = create_locked(path)
    try:
        assert os.path.samestat(os.fstat(descriptor), path.stat())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.close(descriptor)
