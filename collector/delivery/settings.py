"""Where notices go and with which key, and where the bundle goes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from collector.core.errors import UsageError
from collector.web.secret import Secret

_PROJECT = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class ErrbitSettings:
    """One Errbit-compatible endpoint.

    Attributes:
        url: base address, without the API's path, such as ``https://errbit.example.com``.
        project_id: free text for Errbit, a number for some other servers; stands in the address.
        environment: the environment under which problems are grouped.
        hostname: the site's name; shown, never grouped by.
        ca_file: PEM file with the endpoint's CA; None trusts the public ones.
        allow_http: lets the key cross a network in clear; loopback needs no permission.
        spool_dir: keeps what could not be delivered; None keeps nothing.

    Raises:
        UsageError: for a project id that cannot stand in an address.
    """

    url: str
    key: Secret
    project_id: str = "1"
    environment: str = "production"
    hostname: str = "conductor"
    ca_file: Path | None = None
    allow_http: bool = False
    spool_dir: Path | None = None

    def __post_init__(self) -> None:
        if not _PROJECT.fullmatch(self.project_id):
            raise UsageError(
                "the Errbit project id is not usable",
                why="it is 1 to 64 of A-Z a-z 0-9 _ -",
                hint="leave it out; Errbit finds the application by its key",
            )

    @property
    def base(self) -> str:
        """The address without a slash at its end."""
        return self.url.rstrip("/")
