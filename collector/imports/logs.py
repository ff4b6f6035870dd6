"""Container logs out of a directory: a file for each in a bundle, sections of one file in a dump."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from collector.bundle import layout
from collector.imports.tree import Tree, UnreadableFileError

_CHUNK = 64 * 1024
_START, _END = b"==== START logs for container ", b"==== END logs for container "
_OF_POD, _TAIL = b" of pod ", b" ===="
# What kubectl writes in the place of a log that it was refused.
_REFUSALS = (b"Request log error: ", b"Create log error: ")


@dataclass(frozen=True, kw_only=True)
class LogKey:
    """Whose log it is."""

    namespace: str
    pod: str
    container: str
    previous: bool


class NoLogError(Exception):
    """There is no such log; the message says why and is fit to be shown."""


def bundle_log(tree: Tree, key: LogKey) -> Iterator[bytes]:
    """Returns the chunks of a log in a bundle. Raises NoLogError."""
    path = layout.log_path(key.namespace, key.pod, key.container, previous=key.previous)
    return _chunks(_opened(tree, path))


def dump_log(tree: Tree, key: LogKey) -> Iterator[bytes]:
    """Returns the lines of a log in a dump. Raises NoLogError."""
    if key.previous:
        raise NoLogError("the dump holds no logs of previous runs")
    lines = _section(_opened(tree, f"{key.namespace}/{key.pod}/logs.txt"), key)
    if next(lines, None) is None:
        raise NoLogError("the dump holds no log of this container")
    first = next(lines, b"")
    for refusal in _REFUSALS:
        if first.startswith(refusal):
            raise NoLogError(first.removeprefix(refusal).decode("utf-8", "replace").strip())
    return _after(first, lines)


def _opened(tree: Tree, path: str) -> BinaryIO:
    try:
        return tree.open(path)
    except (KeyError, UnreadableFileError) as error:
        raise NoLogError("the directory holds no log of this container") from error


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _section(stream: BinaryIO, key: LogKey) -> Iterator[bytes]:
    """Yields the lines between the two marks of a container, the first mark as an empty one."""
    name = key.container.encode() + _OF_POD + f"{key.namespace}/{key.pod}".encode() + _TAIL
    inside = False
    with stream:
        while line := stream.readline(_CHUNK):
            if not inside:
                inside = line.rstrip() == _START + name
                if inside:
                    yield b""
            elif line.rstrip() == _END + name:
                return
            else:
                yield line


def _after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
