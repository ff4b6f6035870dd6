"""Where notices go and with which key; the key is wrapped so that it cannot be shown by accident."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from collector.core.errors import UsageError

_KEY = re.compile(r"[!-~]{1,512}")
_PROJECT = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Secret:
    """A value that ``repr``, ``str``, formatting, copying and pickling never show.

    Raises UsageError, without the value, for what cannot stand in an HTTP header.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not _KEY.fullmatch(value):
            raise UsageError(
                "the Errbit API key is not usable",
                why="a key is 1 to 512 visible ASCII characters without spaces",
                hint="copy it again from the application's page in Errbit",
            )
        self._value = value

    def reveal(self) -> str:
        """Returns the value; only the module that sets the headers calls this."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not written anywhere")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self


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
