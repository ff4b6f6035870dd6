"""Finds the data that ships with the program: policies, specs, rules, schemas, the demo cluster."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def config_path(*parts: str) -> Path:
    """Returns a path below configs/: inside an installed wheel, or beside the package in a checkout."""
    shipped = _PACKAGE / "_configs"
    root = shipped if shipped.is_dir() else _PACKAGE.parent / "configs"
    return root.joinpath(*parts)
