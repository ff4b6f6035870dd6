"""What a mount or a container that a release does not have touches: the code, something known, or neither.

The support page excludes alterations of the code-base alone, so where a mount stands decides what it is.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from collector.records import Json
from collector.records.access import sequence, string, strings
from collector.releases import ConductorTable, load_conductor
from collector.releases.images import parse_image

_MOUNT = re.compile(r"((?:initContainers|containers)\[[^\]]*\])\.volumeMounts\[(.*)\](?:\.(\w+))?")
_VOLUME = re.compile(r"volumes\[([^\]]*)\](?:\.(.+))?")
_CONTAINER = re.compile(r"(?:initContainers|containers)\[[^\]]*\]")
_LISTS = ("initContainers", "containers")
# The gravest first: a volume is what the gravest of its mounts is.
_AREAS = ("code", "mount", "known")
# How something is mounted; what is mounted stays the same.
_MANNER = frozenset(
    {
        "readOnly",
        "recursiveReadOnly",
        "mountPropagation",
        "sizeLimit",
        "medium",
        "defaultMode",
        "mode",
        "optional",
    }
)

_Place = tuple[str, str]


class Additions:
    """Two pods' specs, the release's and the live one, asked field by field."""

    def __init__(self, shipped: Json, live: Json) -> None:
        """``shipped`` and ``live`` are pods' specs; anything in them may be missing or of another type."""
        self._table = load_conductor()
        self._shipped, self._live = _containers(shipped), _containers(live)
        self._ours, self._theirs = _mounts(self._shipped), _mounts(self._live)

    def area(self, field: str) -> str:
        """Returns code, mount, container or known for a differing field, empty if it is none of these.

        Args:
            field: as ``differences`` names it, for example ``containers[web].volumeMounts[/app].subPath``.
        """
        if found := _MOUNT.fullmatch(field):
            return "mount" if found[3] in _MANNER else self._of_mount((found[1], found[2]))
        if found := _VOLUME.fullmatch(field):
            if (found[2] or "").rpartition(".")[2] in _MANNER:
                return "mount"
            return self._of_volume(found[1])
        if _CONTAINER.fullmatch(field):
            return "known" if self._injected(field) else "container"
        return "mount" if field == "volumes" or field.endswith(".volumeMounts") else ""

    def _of_volume(self, name: str) -> str:
        """Returns what the gravest of a volume's mounts is; one that nothing mounts touches nothing.

        Mounts of an added container are left out: that container is a difference of its own.
        """
        both = [*self._ours.items(), *self._theirs.items()]
        found = {self._of_mount(at) for at, volume in both if volume == name and at[0] in self._shipped}
        return next((area for area in _AREAS if area in found), "known")

    def _of_mount(self, at: _Place) -> str:
        if at not in self._theirs:
            return "mount"  # taken away: what the image itself holds there is seen again
        place = self._place(at)
        return "code" if at in self._ours and place == "mount" else place

    def _place(self, at: _Place) -> str:
        path = posixpath.normpath(at[1])
        if self._over_code(path, self._shipped.get(at[0])):
            return "code"
        return "known" if any(_inside(path, known) for known in self._table.mounts.known) else "mount"

    def _over_code(self, path: str, container: Json) -> bool:
        mounts = self._table.mounts
        if set(path.split("/")) & set(mounts.code_folders):
            return True
        return any(
            _inside(path, code) or _inside(code, path) for code in (*mounts.code, *_runs_from(container))
        )

    def _injected(self, field: str) -> bool:
        return field not in self._shipped and _is_injected(self._live.get(field), self._table)


def _is_injected(container: Json, table: ConductorTable) -> bool:
    repository = parse_image(string(container, "image")).repository
    return any(entry.matches(string(container, "name"), repository) for entry in table.injected)


def _runs_from(container: Json) -> Iterable[str]:
    """Yields the paths that a release's container states to run from; the root says nothing."""
    stated = (string(container, "workingDir"), *strings(container, "command")[:1])
    return (
        path for path in map(posixpath.normpath, filter(None, stated)) if path.strip("/.") and path[0] == "/"
    )


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _containers(pod: Json) -> dict[str, Json]:
    """Returns containers by the name that differences give them."""
    return {f"{key}[{string(item, 'name')[:200]}]": item for key in _LISTS for item in sequence(pod, key)}


def _mounts(containers: dict[str, Json]) -> dict[_Place, str]:
    """Returns the volume that is mounted, by container and path."""
    return {
        (name, string(mount, "mountPath")[:200]): string(mount, "name")
        for name, container in containers.items()
        for mount in sequence(container, "volumeMounts")
    }
