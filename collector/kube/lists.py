"""Reads lists of objects page by page as plain dictionaries, one page in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from collector.kube.api import JSON, METADATA_ONLY, Api
from collector.kube.discovery import ApiResource
from collector.kube.errors import GoneError, MalformedError, TooLargeError
from collector.kube.page import Page
from collector.records import Json
from collector.records.access import mapping, string

PAGE = 500
MAX_PAGE_BYTES = 8 * 1024 * 1024
"""Beyond this, a page is asked for again in smaller portions: decoded, it takes several times as much."""
_MAX_PAGES = 100_000
_MAX_RESTARTS = 3
_MAX_EXPIRED = 10
_LONGEST_TOKEN = 16 * 1024
# An object alone may be larger than a page should be; the store behind a server takes far less than this.
_MAX_OBJECT_BYTES = 32 * 1024 * 1024
_SMALLER = 5
# An annotation holds the whole object as it was last applied, a Secret's values included.
_UNWANTED = ("annotations", "managedFields")


@dataclass
class ListRead:
    """One read of a list, ``page`` objects at a time, fewer where they are large.

    ``metadata_only`` asks for names, labels and the like; annotations are dropped. ``inconsistent`` becomes
    True when the server dropped our snapshot halfway and we went on with the present state: objects may then
    be missing or from two moments.
    """

    api: Api
    resource: ApiResource
    namespace: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    metadata_only: bool = False
    page: int = PAGE
    inconsistent: bool = False

    def __iter__(self) -> Iterator[dict[str, Json]]:
        """Yields the objects. Raises ApiError when a page cannot be had; those before stay valid."""
        token = ""
        place = _Place()
        for _ in range(_MAX_PAGES):
            try:
                page = self._ask(token)
            except TooLargeError:
                if self.page == 1:
                    raise
                self.page = max(self.page // _SMALLER, 1)
                continue
            except GoneError as error:
                if error.fresh_token == token or not place.found_again(lost=not error.fresh_token):
                    raise
                token, self.inconsistent = error.fresh_token, True
                continue
            yield from place.new(self._items(page))
            following = page.following
            if not following:
                return
            if following == token or len(following) > _LONGEST_TOKEN:
                raise MalformedError(self._path, "the server gives a continue token that leads nowhere")
            token = following

    @property
    def _path(self) -> str:
        return self.resource.path(self.namespace)

    def _ask(self, token: str) -> Page:
        query = {**self.params, "limit": str(self.page)} | ({"continue": token} if token else {})
        accept = METADATA_ONLY if self.metadata_only else JSON
        limit = _MAX_OBJECT_BYTES if self.page == 1 else MAX_PAGE_BYTES
        return self.api.get_page(self._path, query, accept=accept, limit=limit)

    def _items(self, page: Page) -> Iterator[dict[str, Json]]:
        try:
            for item in page.objects():
                yield _bare(item) if self.metadata_only else item
        except (msgspec.DecodeError, RecursionError) as error:
            raise MalformedError(self._path, "an object in the list is not JSON") from error


class _Place:
    """How far a list has been read. Servers keep lists in order of ``namespace/name``."""

    def __init__(self) -> None:
        self._last = ""
        self._ordered = True
        self._again = False
        self._expired = 0
        self._restarts = 0

    def found_again(self, *, lost: bool) -> bool:
        """True if reading can go on after a token has expired; ``lost``: from the beginning, and skipping."""
        self._expired += 1
        self._restarts += lost
        self._again = lost
        return (
            self._restarts <= _MAX_RESTARTS and self._expired <= _MAX_EXPIRED and (self._ordered or not lost)
        )

    def new(self, items: Iterator[dict[str, Json]]) -> Iterator[dict[str, Json]]:
        """Yields those items that were not read before."""
        for item in items:
            metadata = mapping(item, "metadata")
            key = f"{string(metadata, 'namespace')}/{string(metadata, 'name')}"
            if key > self._last:
                self._last, self._again = key, False
            elif self._again:
                continue
            else:
                self._ordered = False
            yield item


def _bare(item: dict[str, Json]) -> dict[str, Json]:
    kept = {key: value for key, value in mapping(item, "metadata").items() if key not in _UNWANTED}
    return {"metadata": kept}
