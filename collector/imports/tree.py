"""The plain files below a directory that a stranger may have filled: found once, opened by known names."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from collector.core.errors import UsageError
from collector.core.text import display

MAX_FILE = 64 * 1024 * 1024
"""Largest file that is read as one piece; logs are streamed and may be larger."""
_MAX_FILES = 50_000
_MAX_DEPTH = 12
_MAX_NAME = 400


class UnreadableFileError(Exception):
    """A file is too large, gone, or not a plain file any more. The message is fit to be shown."""


class Tree:
    """Files by their path below the root, with ``/`` between the parts.

    Links, devices and names that no other system could take are left out, and so can never be opened.

    Args:
        root: the directory; where it holds nothing but one other directory, that one is taken.

    Raises:
        UsageError: it is no directory, cannot be read, or holds too many files.
    """

    def __init__(self, root: Path) -> None:
        self.root = _inner(root)
        self.files: Mapping[str, os.stat_result] = MappingProxyType(dict(self._walk()))

    def open(self, path: str) -> BinaryIO:
        """Returns the file for reading. Raises KeyError for an unknown path, UnreadableFileError."""
        self.files[path]
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            stream = os.fdopen(os.open(self.root / path, flags), "rb")
        except OSError as error:
            raise UnreadableFileError(f"{path}: {error.strerror}") from error
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            stream.close()
            raise UnreadableFileError(f"{path} is not a plain file")
        return stream

    def read(self, path: str, limit: int = MAX_FILE) -> bytes:
        """Returns the whole content, of at most ``limit`` bytes. Raises as ``open`` does."""
        with self.open(path) as stream:
            try:
                data = stream.read(limit + 1)
            except OSError as error:
                raise UnreadableFileError(f"{path}: {error.strerror}") from error
        if len(data) > limit:
            raise UnreadableFileError(f"{path} is larger than {limit} bytes and was not read")
        return data

    def _walk(self) -> Iterator[tuple[str, os.stat_result]]:
        pending = [("", 0)]
        count = 0
        while pending:
            folder, depth = pending.pop()
            for entry in _entries(self.root / folder):
                path = f"{folder}{entry.name}"
                state = _state(entry)
                if state is None or not entry.name.isprintable() or len(path) > _MAX_NAME:
                    continue
                if stat.S_ISDIR(state.st_mode) and depth < _MAX_DEPTH:
                    pending.append((f"{path}/", depth + 1))
                elif stat.S_ISREG(state.st_mode):
                    count += 1
                    if count > _MAX_FILES:
                        raise _too_many(self.root)
                    yield path, state


def _state(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None  # gone meanwhile, or of a kind that cannot be looked at


def _too_many(root: Path) -> UsageError:
    return UsageError(
        f"{display(root)} holds too many files",
        why=f"at most {_MAX_FILES} are read",
        hint="try: conductor-diag collect --from-dir DIR, with the dump's own directory",
    )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise UsageError(
            f"cannot read {display(folder)}",
            why=error.strerror or str(error),
            hint="try: conductor-diag collect --from-dir DIR, with a directory you may read",
        ) from error


def _inner(root: Path) -> Path:
    """Returns the one directory inside, as an unpacked archive has it, or the directory itself."""
    found = _entries(root)
    if len(found) == 1 and found[0].is_dir(follow_symlinks=False):
        return root / found[0].name
    return root
