"""Reads lists of objects page by page as plain dictionaries, one page in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from collector.kube.api import Api
from collector.kube.discovery import ApiResource
from collector.kube.errors import GoneError, MalformedError
from collector.records import Json

PAGE = 500
_MAX_PAGES = 100_000


@dataclass
class ListRead:
    """One read of a list, ``page`` objects at a time.

    ``inconsistent`` becomes True when the server dropped our snapshot halfway and we took its offer to go
    on with the present state: objects may then be missing or from two moments.
    """

    api: Api
    resource: ApiResource
    namespace: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    page: int = PAGE
    inconsistent: bool = False

    def __iter__(self) -> Iterator[dict[str, Json]]:
        """Yields the objects. Raises ApiError when a page cannot be had; those before stay valid."""
        token = ""
        path = self.resource.path(self.namespace)
        for _ in range(_MAX_PAGES):
            query = {**self.params, "limit": str(self.page)} | ({"continue": token} if token else {})
            try:
                answer = self.api.get_json(path, query)
            except GoneError as error:
                if not error.fresh_token or error.fresh_token == token:
                    raise
                token, self.inconsistent = error.fresh_token, True
                continue
            items = answer.get("items") if isinstance(answer, dict) else None
            if items is not None and not isinstance(items, list):
                raise MalformedError(path, "the list has no items")
            yield from (item for item in items or () if isinstance(item, dict))
            following = _continue(answer)
            if not following:
                return
            if following == token:
                raise MalformedError(path, "the server gives the same continue token again and again")
            token = following


def _continue(answer: Json) -> str:
    metadata = answer.get("metadata") if isinstance(answer, dict) else None
    token = metadata.get("continue") if isinstance(metadata, dict) else None
    return token if isinstance(token, str) else ""
