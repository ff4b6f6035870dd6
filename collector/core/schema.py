"""The JSON Schema of a file that a person may edit, drawn from its model, so that the two cannot disagree."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def model_schema(model: type[msgspec.Struct], schema_id: str) -> dict[str, Any]:
    """Returns the schema (draft 2020-12) of ``model``, with its docstrings as descriptions."""
    return {
        "$schema": DIALECT,
        "$id": schema_id,
        **_tidy(msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(model)))),
    }


def _tidy(node: Any) -> Any:
    """Returns ``node`` with its descriptions, which are docstrings, unindented."""
    if isinstance(node, list):
        return [_tidy(child) for child in node]
    if not isinstance(node, dict):
        return node
    return {
        key: inspect.cleandoc(value) if key == "description" and isinstance(value, str) else _tidy(value)
        for key, value in node.items()
    }
