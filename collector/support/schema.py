"""The JSON Schema of a policy file, drawn from the model, so that the two cannot disagree."""

from __future__ import annotations

from typing import Any

from collector.core.schema import model_schema
from collector.support.model import SCHEMA, PolicyFile


def policy_schema() -> dict[str, Any]:
    """Returns the schema (draft 2020-12), as shipped in configs/schemas/support-policy.schema.json."""
    return model_schema(PolicyFile, SCHEMA)
