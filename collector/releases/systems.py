"""Which operating system a node runs, and whether a platform release lists it; unknown stays unknown."""

from __future__ import annotations

import re

from collector.releases.model import Platforms

_MAX_TEXT = 200


def system_of(table: Platforms, os_image: str, kernel: str) -> tuple[str, str]:
    """Returns name and version of a node's system, ``("centos", "7.7")``; empty strings if not recognised.

    The version is only ``7`` where neither the name nor the kernel tells the minor.
    """
    for entry in table.os_names:
        found = re.match(entry.pattern, os_image[:_MAX_TEXT])
        if found:
            return entry.name, _with_minor(table, entry.name, found[1] or "", kernel)
    return "", ""


def listed_system(table: Platforms, platform: str, name: str, version: str) -> str:
    """Returns ``yes``, ``no`` or ``unknown``: whether a platform release lists the system."""
    row = next((row for row in table.operating_systems if row.platform == platform), None)
    if row is None or not name:
        return "unknown"
    versions = row.systems.get(name, ())
    if any(version == known or version.startswith((f"{known}.", f"{known} ")) for known in versions):
        return "yes"
    undecided = any(known.startswith((f"{version}.", f"{version} ")) for known in versions)
    return "unknown" if undecided else "no"


def _with_minor(table: Platforms, name: str, version: str, kernel: str) -> str:
    if name not in ("centos", "rhel", "oracle") or "." in version:
        return version
    known = (row.version for row in table.kernels if kernel.startswith(f"{row.prefix}."))
    return next((minor for minor in known if minor.startswith(f"{version}.")), version)
