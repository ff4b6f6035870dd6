"""What is left behind when the disk, the machine or the program gives up in the middle of a bundle."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.bundle import output
from collector.bundle.writer import BundleWriter
from collector.core.errors import ExitStatus, OutputError
from tests.lib.bundles import NAME, STARTED, manifest_of, piece

_MIB = 1024 * 1024
_ROOT = Path(__file__).parents[2]

_LIMITED = """
import os, resource, sys
from pathlib import Path
from collector.bundle.writer import BundleWriter
from collector.core.errors import OutputError
from tests.lib.bundles import NAME, STARTED, manifest_of, piece
place, limit, spooled = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "spooled"
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with BundleWriter(place / NAME, mtime=STARTED) as writer:
        other = writer.open("other.log", collector="logs")
        entry = writer.open("a.log", collector="logs")
        for number in range(40):
            if spooled:
                entry.write(piece(os.urandom(300_000)))
            else:
                writer.add(f"{number}.log", piece(os.urandom(300_000)), collector="logs")
        entry.commit()
        writer.seal(manifest_of)
except OutputError as error:
    print(error.message, "|", error.why, "|", error.hint)
    try:
        other.write(piece(b"late"))
    except OutputError as late:
        print(late.why)
"""


@pytest.mark.parametrize("where", ["spooled", "written"])
def test_a_full_disk_leaves_no_file_and_says_what_to_do(tmp_path: Path, where: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(tmp_path), str(4 * _MIB), where],
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    first, second = done.stdout.splitlines()
    assert "cannot write" in first
    assert "--dest-dir" in first
    assert "given up" in second
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


_KILLED = """
import os, sys, time
from pathlib import Path
from collector.bundle import output
from collector.bundle.writer import BundleWriter
from tests.lib.bundles import NAME, STARTED, piece
if sys.argv[2] == "named":
    output._nameless = lambda _: None
with BundleWriter(Path(sys.argv[1]) / NAME, mtime=STARTED) as writer:
    entry = writer.open("a.log", collector="logs")
    for number in range(5):
        entry.write(piece(os.urandom(1_000_000)))
        writer.add(f"{number}.log", piece(os.urandom(1_000_000)), collector="logs")
    print("ready", flush=True)
    time.sleep(30)
"""


@pytest.mark.parametrize(
    ("how", "file", "left"),
    [
        (signal.SIGKILL, "nameless", []),
        (signal.SIGINT, "nameless", []),
        (signal.SIGKILL, "named", [f"{NAME}.partial"]),
        (signal.SIGINT, "named", []),
    ],
)
def test_a_killed_process_leaves_no_file_or_one_that_says_what_it_is(
    tmp_path: Path, how: signal.Signals, file: str, left: list[str]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path), file],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(how)
        process.wait(timeout=10)
    assert [path.name for path in tmp_path.iterdir()] == left


def test_what_a_killed_run_left_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.partial").write_bytes(b"evidence")
    with pytest.raises(OutputError) as caught:
        BundleWriter(tmp_path / NAME, mtime=STARTED)
    assert "exists" in caught.value.why
    assert (tmp_path / f"{NAME}.partial").read_bytes() == b"evidence"


def _crash(directory: Path) -> None:
    with BundleWriter(directory / NAME, mtime=STARTED) as writer:
        entry = writer.open("a.log", collector="logs")
        entry.write(piece(os.urandom(3 * _MIB)))
        raise ZeroDivisionError


def test_a_crash_inside_the_block_removes_the_file(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        _crash(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_bundle_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"yesterday's")
    with pytest.raises(OutputError) as caught:
        BundleWriter(tmp_path / NAME, mtime=STARTED)
    assert caught.value.status is ExitStatus.USAGE
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert (tmp_path / NAME).read_bytes() == b"yesterday's"


@pytest.fixture(params=["nameless", "named", "unlinked"])
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Three kinds of file systems: the last two know no nameless files, the last no hard links either."""
    if request.param != "nameless":
        monkeypatch.setattr(output, "_NAMELESS", os.O_RDWR)  # opening a folder like this is refused
    if request.param == "unlinked":
        monkeypatch.setattr(Path, "hardlink_to", _failing(errno.EPERM))
    return str(request.param)


@pytest.mark.usefixtures("disk")
def test_a_bundle_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with BundleWriter(tmp_path / NAME, mtime=STARTED) as writer:
        writer.add("a.txt", piece(b"a"), collector="test")
        (tmp_path / NAME).write_bytes(b"another run's")
        with pytest.raises(OutputError, match="cannot write"):
            writer.seal(manifest_of)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert (tmp_path / NAME).read_bytes() == b"another run's"


def test_every_file_system_will_do_and_nothing_else_is_left(tmp_path: Path, disk: str) -> None:
    with BundleWriter(tmp_path / NAME, mtime=STARTED) as writer:
        assert [path.name for path in tmp_path.iterdir()] == (
            [] if disk == "nameless" else [f"{NAME}.partial"]
        )
        sealed = writer.seal(manifest_of)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert sealed.path.stat().st_size == sealed.size
    assert sealed.path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_could_not_be_named_later_is_not_begun_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _failing(errno.EOPNOTSUPP))
    with BundleWriter(tmp_path / NAME, mtime=STARTED) as writer:
        assert [path.name for path in tmp_path.iterdir()] == [f"{NAME}.partial"]
        monkeypatch.undo()
        writer.seal(manifest_of)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


@pytest.mark.parametrize("name", [NAME, f"{NAME}.partial"])
def test_a_link_laid_in_the_way_is_not_followed(tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    place = tmp_path / "place"
    place.mkdir()
    (place / name).symlink_to(tmp_path / "elsewhere" / "target")
    with pytest.raises(OutputError):
        BundleWriter(place / NAME, mtime=STARTED)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_missing_directory_is_named_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        BundleWriter(tmp_path / "absent" / NAME, mtime=STARTED)
    assert "mkdir" in caught.value.hint


def test_a_place_that_cannot_be_written_is_refused() -> None:
    # /proc refuses new files to root as well, which a mode of 0500 would not.
    with pytest.raises(OutputError) as caught:
        BundleWriter(Path("/proc") / NAME, mtime=STARTED)
    assert caught.value.why
    assert "--dest-dir" in caught.value.hint


def _failing(number: int) -> Callable[..., object]:
    def fail(*_: object, **__: object) -> object:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("step", ["fsync", "link"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_disk_that_fails_while_sealing_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    with BundleWriter(tmp_path / NAME, mtime=STARTED) as writer:
        writer.add("a.txt", piece(b"a"), collector="test")
        monkeypatch.setattr(os, step, _failing(number))
        with pytest.raises(OutputError) as caught:
            writer.seal(manifest_of)
        assert caught.value.why == os.strerror(number)
        with pytest.raises(OutputError, match="given up"):
            writer.seal(manifest_of)
    assert list(tmp_path.iterdir()) == []


def test_an_error_on_close_is_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Network file systems report a full disk only here."""

    class Grudging(io.FileIO):
        def close(self) -> None:
            closed = self.closed
            super().close()
            if not closed:
                raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    with BundleWriter(tmp_path / NAME, mtime=STARTED) as writer:
        target = writer._archive._output
        with target._file as file:
            grudging = Grudging(os.dup(file.fileno()), "r+b")
        monkeypatch.setattr(target, "_file", grudging)
        with pytest.raises(OutputError, match="cannot write"):
            writer.seal(manifest_of)
    assert list(tmp_path.iterdir()) == []


def test_a_spool_that_cannot_be_made_ends_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", _failing(errno.EMFILE))
    with BundleWriter(tmp_path / NAME, mtime=STARTED) as writer:
        entry = writer.open("a.log", collector="logs")
        with pytest.raises(OutputError, match="cannot write"):
            entry.write(piece(os.urandom(4 * _MIB)))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_while_writing_the_archive_costs_the_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with BundleWriter(tmp_path / NAME, mtime=STARTED) as writer:
        entry = writer.open("a.log", collector="logs")
        entry.write(piece(os.urandom(2 * _MIB)))
        monkeypatch.setattr(output.OutputFile, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            entry.commit()
        with pytest.raises(OutputError, match="given up"):
            writer.seal(manifest_of)
    assert list(tmp_path.iterdir()) == []
