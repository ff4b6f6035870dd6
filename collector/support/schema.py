"""The JSON Schema of a policy file, drawn from the model, so that the two cannot disagree."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from collector.support.model import SCHEMA, PolicyFile


def policy_schema() -> dict[str, Any]:
    """Returns the schema (draft 2020-12), as shipped in configs/schemas/support-policy.schema.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        **_tidy(msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(PolicyFile)))),
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
