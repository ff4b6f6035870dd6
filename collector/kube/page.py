"""One answer to a list request, its objects not decoded yet: as dictionaries they take ten times the room."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collector.records import Json


class Page(msgspec.Struct):
    """Part of a list. ``kind`` and ``metadata`` are the list's own; everything in it is hostile input."""

    kind: Json = None
    metadata: Json = None
    items: list[msgspec.Raw] | None = None

    @property
    def following(self) -> str:
        """The token that continues the list, empty at its end."""
        token = self.metadata.get("continue") if isinstance(self.metadata, dict) else None
        return token if isinstance(token, str) else ""

    def objects(self) -> Iterator[dict[str, Json]]:
        """Yields the objects once, each decoded when it is its turn. Raises msgspec.DecodeError."""
        waiting, self.items = self.items or [], None
        waiting.reverse()
        while waiting:
            item = msgspec.json.decode(waiting.pop())
            if isinstance(item, dict):
                yield item


_DECODER = msgspec.json.Decoder(Page)


def decode_page(body: bytes) -> Page:
    """Returns a page. Raises msgspec.DecodeError."""
    return _DECODER.decode(body)
