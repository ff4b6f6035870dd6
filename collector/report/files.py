"""The sealed bundle as the reports name it: known only after packing, so never in the bundle's own page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True, kw_only=True)
class BundleFileInfo:
    """A finished bundle: ``path`` as the operator sees it, ``size`` in bytes, ``sha256`` in hex."""

    path: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's name alone: what may leave the machine in a ticket."""
        return PurePath(self.path).name
