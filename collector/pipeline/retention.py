"""Keeps the newest bundles of a site in a folder and removes older ones, so nightly runs fill no disk."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection
from pathlib import Path

_SUFFIXES = (".tar.zst", ".summary.md")


def prune(folder: Path, label: str, keep: int, *, awaited: Collection[Path] = ()) -> int:
    """Removes all but the newest ``keep`` bundles of ``label`` and returns how many bundles went.

    Only files that this program named are touched; the time in the name decides, not the file's date. A
    file that cannot be removed is left, and so is one of ``awaited``, which are still to be sent. ``keep``
    of 0 or less removes nothing.
    """
    if keep <= 0:
        return 0
    stamp = r"(\d{8}T\d{6}Z)-[0-9a-f]{4}(?:-[\w.-]+)?\.tar\.zst"
    named = re.compile(rf"conductor-diag-{re.escape(label)}-{stamp}")
    found = ((named.fullmatch(path.name), path) for path in folder.iterdir() if path.is_file())
    dated = sorted(((match[1], path) for match, path in found if match), reverse=True)
    spared = {path.resolve() for path in awaited}
    old = [path for _, path in dated[keep:] if path.resolve() not in spared]
    for bundle in old:
        stem = bundle.name.removesuffix(_SUFFIXES[0])
        for suffix in _SUFFIXES:
            with contextlib.suppress(OSError):
                bundle.with_name(stem + suffix).unlink()
    return len(old)
