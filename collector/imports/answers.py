"""Answers the requests of the ordinary collectors out of a directory, in the process and without a socket."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from collector.imports.logs import LogKey, NoLogError
from collector.imports.offers import Offers
from collector.imports.selecting import SelectorError, Wanted, compile_selectors
from collector.imports.shelves import Shelf
from collector.imports.tree import Tree, UnreadableFileError
from collector.records import Json

_CHUNK = 64 * 1024
_FILES_KEPT = 2
_METADATA = "PartialObjectMetadataList"
_JSON = "application/json"

LogReader = Callable[[Tree, LogKey], Iterator[bytes]]


class Answer:
    """One answer, with as much of urllib3's response as our transport uses."""

    def __init__(self, status: int, body: Iterator[bytes], content_type: str = _JSON) -> None:
        self.status = status
        self.headers = {"Content-Type": content_type}
        self._body = io.BufferedReader(_Stream(body), _CHUNK)

    def read1(self, size: int) -> bytes:
        """Returns some of the body, nothing at its end."""
        return self._body.read1(size)

    def close(self) -> None:
        """Lets go of the body."""
        self._body.close()


class Library:
    """Stands in for the connection pool of a client. Safe for several threads.

    Args:
        tree: the files.
        shelves: which of them hold which resource.
        offers: what is said of them.
        version: the answer to /version, empty for none.
        log: reads a container's log.
    """

    def __init__(
        self, tree: Tree, shelves: Sequence[Shelf], offers: Offers, *, version: Json, log: LogReader
    ) -> None:
        self._tree = tree
        self._shelves = {(shelf.resource.group, shelf.resource.plural): shelf for shelf in shelves}
        self._offers = offers
        self._version = version
        self._log = log
        self._items = functools.lru_cache(_FILES_KEPT)(self._read_items)

    def request(self, method: str, url: str, *, headers: Mapping[str, str], **_: Any) -> Answer:
        """Returns the answer to one request. ``url`` is a path after the connection's own prefix."""
        parts = urlsplit(url)
        path = "/" + parts.path.partition("/")[2]
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if method != "GET":
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, "a directory can only be read")
        try:
            return self._answer(path, query, headers.get("Accept", ""))
        except (UnreadableFileError, SelectorError) as error:
            return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except NoLogError as error:
            return _refusal(HTTPStatus.NOT_FOUND, str(error))

    def clear(self) -> None:
        """Forgets what was read, as a pool forgets its connections."""
        self._items.cache_clear()

    def _answer(self, path: str, query: Mapping[str, str], accept: str) -> Answer:
        match path.split("/")[1:]:
            case ["version"] if self._version:
                return _json(self._version)
            case ["api"]:
                return _json({"kind": "APIVersions", "versions": ["v1"]})
            case ["apis"]:
                return _json({"kind": "APIGroupList", "groups": list(self._offers.groups)})
            case ["api", "v1"]:
                return self._document("v1")
            case ["apis", group, version]:
                return self._document(f"{group}/{version}")
            case ["api", "v1", "namespaces", namespace, "pods", pod, "log"]:
                previous = query.get("previous") == "true"
                key = LogKey(
                    namespace=namespace, pod=pod, container=query.get("container", ""), previous=previous
                )
                return Answer(HTTPStatus.OK, self._log(self._tree, key), "text/plain")
            case ["api", "v1", *rest]:
                return self._list("", rest, query, accept)
            case ["apis", group, _, *rest]:
                return self._list(group, rest, query, accept)
            case _:
                return _missing()

    def _document(self, version: str) -> Answer:
        document = self._offers.documents.get(version)
        return _json(document) if document else _missing()

    def _list(self, group: str, rest: Sequence[str], query: Mapping[str, str], accept: str) -> Answer:
        match rest:
            case ["namespaces", namespace, plural]:
                inside: str | None = namespace
            case [plural]:
                inside = None
            case _:
                return _missing()
        shelf = self._shelves.get((group, plural))
        if shelf is None:
            return _refusal(HTTPStatus.NOT_FOUND, f"the directory holds no list of {plural}")
        files = sorted(
            (place, path) for place, path in shelf.files.items() if inside is None or place in ("", inside)
        )
        wanted = compile_selectors(
            query.get("labelSelector", ""), query.get("fieldSelector", ""), namespace=inside or ""
        )
        page, token = self._page([path for _, path in files], query, wanted)
        bare = _METADATA in accept
        kind = _METADATA if bare else f"{shelf.resource.kind}List"
        items = b",".join(map(_metadata_of, page) if bare else page)
        head = msgspec.json.encode({"metadata": {"continue": token} if token else {}, "kind": kind})
        body = head[:-1] + b',"items":[' + items + b"]}"
        content = f"{_JSON};as={_METADATA};g=meta.k8s.io;v=v1" if bare else _JSON
        return Answer(HTTPStatus.OK, iter((body,)), content)

    def _page(
        self, files: Sequence[str], query: Mapping[str, str], wanted: Wanted | None
    ) -> tuple[list[bytes], str]:
        """Returns the objects of one page, and the token of the next: a file's number and a place in it."""
        limit = _number(query.get("limit", "")) or (1 << 62)
        first, _, start = query.get("continue", "0.0").partition(".")
        at, offset = _number(first), _number(start)
        page: list[bytes] = []
        while at < len(files):
            items = self._items(files[at])
            while offset < len(items):
                if len(page) == limit:
                    return page, f"{at}.{offset}"
                item = bytes(items[offset])
                offset += 1
                if wanted is None or wanted(item):
                    page.append(item)
            at, offset = at + 1, 0
        return page, ""

    def _read_items(self, path: str) -> Sequence[msgspec.Raw]:
        """Returns the objects of a list, or of a bare array, undecoded."""
        data = self._tree.read(path)
        if not data.strip():
            return ()  # what a troubleshoot bundle has in the place of a list that was refused
        kind: Any = list[msgspec.Raw] if data.lstrip()[:1] == b"[" else _List
        try:
            found = msgspec.json.decode(data, type=kind)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise UnreadableFileError(f"{path} is not a list in JSON") from error
        return tuple(found if isinstance(found, list) else found.items or ())


class _List(msgspec.Struct):
    items: list[msgspec.Raw] | None = None


class _Bare(msgspec.Struct):
    metadata: msgspec.Raw = msgspec.Raw(b"{}")


class _Stream(io.RawIOBase):
    """An iterator of chunks as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills ``buffer`` with some of what is left; 0 at the end."""
        while not self._rest:
            following = next(self._chunks, None)
            if following is None:
                return 0
            self._rest = following
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def close(self) -> None:
        """Ends the iterator too, and with it whatever file it holds open."""
        if not self.closed and hasattr(self._chunks, "close"):
            self._chunks.close()
        super().close()


def _metadata_of(item: bytes) -> bytes:
    try:
        return b'{"metadata":' + bytes(msgspec.json.decode(item, type=_Bare).metadata) + b"}"
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return b"{}"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(2**53)) else 0


def _json(value: Json) -> Answer:
    return Answer(HTTPStatus.OK, iter((msgspec.json.encode(value),)))


def _missing() -> Answer:
    return _refusal(HTTPStatus.NOT_FOUND, "the directory does not hold this")


def _refusal(status: HTTPStatus, message: str) -> Answer:
    body = msgspec.json.encode(
        {"kind": "Status", "status": "Failure", "message": message, "code": int(status)}
    )
    return Answer(int(status), iter((body,)))
