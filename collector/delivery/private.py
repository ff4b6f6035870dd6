"""The folder that delivery keeps between runs: ours alone, written so that a crash leaves whole files."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from collector.core.clock import Clock
from collector.core.deadline import Deadline

_PRIVATE = 0o700
_LOCK = "lock"
_POLL_SECONDS = 0.5
_LONGEST_WAIT = 30.0


def prepare(directory: Path) -> None:
    """Makes the folder ours alone. Raises OSError for a link or another user's folder."""
    directory.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(f"{directory.name} is not a folder of this user")
    if stat.S_IMODE(found.st_mode) != _PRIVATE:
        directory.chmod(_PRIVATE)


def write(final: Path, content: bytes) -> None:
    """Puts ``content`` in place at once, durably, mode 0600. Raises OSError."""
    partial = final.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(final)


def append(path: Path, line: bytes) -> None:
    """Adds one line durably, on a line of its own even after one that a crash cut short. Raises OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0) as stream:
        size = stream.seek(0, os.SEEK_END)
        torn = size > 0 and os.pread(stream.fileno(), 1, size - 1) != b"\n"
        stream.write((b"\n" if torn else b"") + line + b"\n")
        os.fsync(stream.fileno())


def read(path: Path, limit: int) -> bytes:
    """Returns at most ``limit`` bytes of a regular file; empty when there is none. Raises OSError."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
            return stream.read(limit)
    except FileNotFoundError:
        return b""


@contextlib.contextmanager
def alone(directory: Path | None, clock: Clock, deadline: Deadline) -> Iterator[bool]:
    """Gives True while no other process delivers from this folder, False if one did not end in time.

    The system lets go of the lock when a process dies. Without a folder there is nobody to meet; one that
    cannot be made is met with a warning where it is first written.
    """
    try:
        if directory is None:
            raise FileNotFoundError
        prepare(directory)
        handle = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        yield True
        return
    try:
        yield _locked(handle, clock, deadline)
    finally:
        os.close(handle)


def _locked(handle: int, clock: Clock, deadline: Deadline) -> bool:
    patience = deadline.child(min(_LONGEST_WAIT, deadline.left() / 2))
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if patience.expired:
            return False
        clock.sleep(min(_POLL_SECONDS, patience.left()))
