"""Takes image references apart. A floating tag or a bare digest states no version, and none is guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DOCKER = ("index.docker.io", "registry-1.docker.io")
_VERSION = re.compile(r"v?(\d+\.\d+(?:\.\d+)?)(?:[-_.+].*)?")


@dataclass(frozen=True)
class Image:
    """``repository`` with its registry, ``name`` its last part, ``tag`` and ``digest`` maybe empty."""

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


def same_repository(ours: str, theirs: str) -> bool:
    """True if two repositories, registry and all, are one in Docker's way of shortening names."""
    return _full(ours) == _full(theirs)


def running_image(image_id: str) -> Image:
    """Returns the parts of a container status's ``imageID``.

    Docker writes its own scheme before it. Repository and digest are empty for an image that was loaded or
    built on the node: such an id is the node's own and says nothing of any registry.
    """
    _, _, rest = image_id.rpartition("://")
    found = parse_image(rest)
    return found if found.digest else Image("", "", "", "")


def _full(repository: str) -> str:
    first, slash, rest = repository.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    registry, path = (first, rest) if named else ("docker.io", repository)
    registry = "docker.io" if registry in _DOCKER else registry
    return f"{registry}/{path if '/' in path else f'library/{path}'}"
