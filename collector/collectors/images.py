"""Takes image references apart. A floating tag or a bare digest states no version, and none is guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VERSION = re.compile(r"v?(\d+\.\d+(?:\.\d+)?)(?:[-_.+].*)?")


@dataclass(frozen=True)
class Image:
    """``repository`` without registry and tag, ``name`` its last part, ``tag`` and ``digest`` maybe empty."""

    repository: str
    name: str
    tag: str
    digest: str


def parse_image(reference: str) -> Image:
    """Returns the parts of ``registry:5000/team/app:1.2@sha256:...``."""
    rest, _, digest = reference.partition("@")
    head, colon, tail = rest.rpartition(":")
    repository, tag = (head, tail) if colon and "/" not in tail else (rest, "")
    return Image(repository, repository.rpartition("/")[2], tag, digest)


def tag_version(tag: str, parts: int = 3) -> str:
    """Returns ``1.7.24`` for ``v1.7.24-alpine``; empty if the tag names fewer than ``parts`` numbers."""
    found = _VERSION.fullmatch(tag)
    return found[1] if found and found[1].count(".") + 1 >= parts else ""
