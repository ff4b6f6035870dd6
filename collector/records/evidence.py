"""How analysis and reports look into a bundle, whether it is still being written or came by mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from collector.records.model import Entry


class EvidenceReader(Protocol):
    """Read-only access to the redacted entries."""

    def entries(self) -> Sequence[Entry]:
        """Returns the entries written so far, in the order of the archive."""
        ...

    def read(self, path: str) -> bytes:
        """Returns one entry's content. Raises KeyError if there is none, BundleError if it is damaged."""
        ...

    def open(self, path: str) -> Iterator[bytes]:
        """Returns the same content in pieces; raises KeyError now, BundleError while it is read."""
        ...
