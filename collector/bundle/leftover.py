"""Removes what a run that was killed outright had to leave: files under a provisional name without a writer.

A writer holds a lock on its file for as long as it lives, so the lock tells a dead one from a slow one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
from datetime import datetime, timedelta
from pathlib import Path

PARTIAL = ".partial"
_NAMED = re.compile(r"conductor-diag-[\w.-]+\.(?:tar\.zst|summary\.md)\.partial")
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# Where a file system knows no locks, only age tells; no run is allowed a day.
_CERTAINLY_DEAD = timedelta(days=1)


def create_locked(path: Path) -> int:
    """Creates a file of mode 0600 that tells other runs its writer lives; returns the descriptor.

    The lock ends with the last descriptor of the file. Raises OSError, FileExistsError among them.
    """
    while True:
        descriptor = os.open(path, _CREATE, 0o600)
        _lock(descriptor)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # a run that cleans up came between the two lines above


def remove_leftovers(folder: Path, now: datetime) -> int:
    """Removes the provisional files of runs that are dead, and returns how many there were.

    Only plain files of this user with a name of ours are touched. What cannot be removed is left.
    """
    try:
        found = [path for path in folder.iterdir() if _NAMED.fullmatch(path.name)]
    except OSError:
        return 0
    return sum(_remove_if_dead(path, now) for path in found)


def _remove_if_dead(path: Path, now: datetime) -> bool:
    try:
        descriptor = os.open(path, _OPEN)
    except OSError:
        return False
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        stack.callback(os.close, descriptor)
        state = os.fstat(descriptor)
        ours = stat.S_ISREG(state.st_mode) and state.st_uid == os.geteuid()
        if not ours or not _dead(descriptor, state, now):
            return False
        # The name may belong to another file by now.
        if os.path.samestat(state, path.lstat()):
            path.unlink()
            return True
    return False


def _dead(descriptor: int, state: os.stat_result, now: datetime) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        return now.timestamp() - state.st_mtime > _CERTAINLY_DEAD.total_seconds()
    return True


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # a run that cleans up looks at it; that takes no time
    except OSError:
        return  # a file system without locks
