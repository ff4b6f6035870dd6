"""The file a bundle is written to: private, without a name until it is whole, or under a provisional one."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from pathlib import Path

from collector.bundle.leftover import PARTIAL, create_locked
from collector.core.errors import OutputError

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS})
_NAMELESS = getattr(os, "O_TMPFILE", 0) | os.O_RDWR | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_ELSEWHERE = "name another directory with --dest-dir"


def output_error(path: Path, cause: OSError) -> OutputError:
    """Returns the error that tells a person what an operating system's refusal means here."""
    if cause.errno in _NO_SPACE:
        hint = f"free some space in {path.parent}, or {_ELSEWHERE}"
    elif cause.errno == errno.ENOENT and not path.parent.is_dir():
        hint = f"create it: mkdir -p {path.parent}"
    elif cause.errno == errno.EEXIST:
        hint = f"move it away, or {_ELSEWHERE}"
    else:
        hint = _ELSEWHERE
    return OutputError(f"cannot write {path}", why=cause.strerror or str(cause), hint=hint)


class OutputFile:
    """Appends to a file of mode 0600 that ``publish`` gives its name.

    Until then it has none, so that a killed process leaves nothing; where the file system knows no such
    files it is called ``<path>.partial``.

    Raises:
        OutputError: the place cannot be written, or a file of either name is already there.
        OSError: from ``write`` and ``publish``; the caller gives up and translates.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = path.with_name(path.name + PARTIAL)
        self._hash = hashlib.sha256()
        self.size = 0
        try:
            self._refuse_existing()
            nameless = _nameless(self._partial)
            self._named = nameless is None
            descriptor = create_locked(self._partial) if nameless is None else nameless
            self._file = os.fdopen(descriptor, "r+b", buffering=0)
        except OSError as cause:
            raise output_error(path, cause) from cause

    def write(self, data: bytes) -> None:
        """Appends all of ``data``."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self._hash.update(data)
        self.size += len(data)

    def pread(self, offset: int, size: int) -> bytes:
        """Returns bytes written before. Raises ValueError once the file is closed."""
        return os.pread(self._file.fileno(), size, offset)

    @property
    def sha256(self) -> str:
        """Digest of everything written."""
        return self._hash.hexdigest()

    @property
    def partial(self) -> Path:
        """Where this process finds the content until it is published."""
        return self._partial if self._named else Path(_place(self._file.fileno()))

    def publish(self) -> None:
        """Makes the content durable and gives it its final name, never in place of another file."""
        os.fsync(self._file.fileno())
        held = os.dup(self._file.fileno())  # has to outlive the close, which reports the last errors
        try:
            self._file.close()
            self._take_name(held)
        finally:
            with contextlib.suppress(OSError):
                os.close(held)
        # From here on the bundle is there: nothing below may turn that into a failure.
        with contextlib.suppress(OSError):
            self._remove_partial()
            self._sync_directory()

    def _take_name(self, descriptor: int) -> None:
        try:
            # Unlike rename, link refuses to replace what appeared under the name meanwhile.
            if self._named:
                self.path.hardlink_to(self._partial)
            else:
                _link(descriptor, self.path)
        except OSError as cause:
            if cause.errno not in _NO_LINKS or not self._named:
                raise
            self._refuse_existing()
            self._partial.rename(self.path)

    def discard(self) -> None:
        """Removes what was written. Never fails, so that the error that led here is the one reported."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._remove_partial()

    def _remove_partial(self) -> None:
        if self._named:
            self._partial.unlink(missing_ok=True)

    def _refuse_existing(self) -> None:
        if os.path.lexists(self.path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self.path))

    def _sync_directory(self) -> None:
        directory = os.open(self.path.parent, _DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _nameless(partial: Path) -> int | None:
    """Returns a file without a name, None where the file system has none or could not name it later.

    That it can be named is tried out with ``partial``, which must not exist and does not afterwards.
    """
    try:
        trial = os.open(partial.parent, _NAMELESS, 0o600)
    except OSError:
        return None
    try:
        _link(trial, partial)
        partial.unlink()
        return os.open(partial.parent, _NAMELESS, 0o600)
    except FileExistsError:
        raise
    except OSError:
        return None
    finally:
        os.close(trial)


def _link(descriptor: int, path: Path) -> None:
    """Names an open file. Raises OSError, FileExistsError among them."""
    directory = os.open(path.parent, _DIRECTORY)
    try:
        # Only with a directory does this follow the link that /proc shows (linkat, AT_SYMLINK_FOLLOW).
        os.link(_place(descriptor), path.name, dst_dir_fd=directory, follow_symlinks=True)
    finally:
        os.close(directory)


def _place(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"
