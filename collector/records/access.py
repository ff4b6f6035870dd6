"""Reads hostile JSON without ever raising: what is not of the expected shape counts as not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collector.records.model import Json


def mapping(value: Json, key: str) -> dict[str, Any]:
    """Returns ``value[key]`` when it is an object, else an empty one."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, dict) else {}


def sequence(value: Json, key: str) -> list[dict[str, Any]]:
    """Returns the objects in the list ``value[key]``; anything else is left out."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def string(value: Json, key: str) -> str:
    """Returns ``value[key]`` when it is a string, else an empty one."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, str) else ""


def integer(value: Json, key: str) -> int:
    """Returns ``value[key]`` when it is a whole number, else 0."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def strings(value: Json, key: str) -> list[str]:
    """Returns the strings in the list ``value[key]``."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return [entry for entry in found if isinstance(entry, str)] if isinstance(found, list) else []


def integers(value: Json, key: str) -> list[int]:
    """Returns the whole numbers in the list ``value[key]``."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return [entry for entry in found if isinstance(entry, int)] if isinstance(found, list) else []
