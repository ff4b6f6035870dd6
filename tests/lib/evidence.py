"""A bundle in memory, for tests of rules."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from collector.records import Entry, Json


class MemoryEvidence:
    """Entries made of JSON values or bytes."""

    def __init__(self, files: Mapping[str, Json | bytes]) -> None:
        self._files = {
            path: content if isinstance(content, bytes) else json.dumps(content).encode()
            for path, content in files.items()
        }

    def entries(self) -> Sequence[Entry]:
        return [
            Entry(path=path, size=len(data), sha256="", collector="t") for path, data in self._files.items()
        ]

    def open(self, path: str) -> Iterator[bytes]:
        return iter((self.read(path),))

    def read(self, path: str) -> bytes:
        return self._files[path]
