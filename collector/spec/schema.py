"""The JSON Schemas of spec and catalogue, drawn from their models, so that they cannot disagree."""

from __future__ import annotations

from typing import Any

from collector.core.schema import model_schema
from collector.spec.catalog import CatalogFile
from collector.spec.model import Spec


def spec_schema() -> dict[str, Any]:
    """Returns the schema (draft 2020-12), as shipped in configs/schemas/spec.schema.json."""
    return model_schema(Spec, "conductor-diag/spec/v1")


def catalog_schema() -> dict[str, Any]:
    """Returns the schema (draft 2020-12), as shipped in configs/schemas/resources.schema.json."""
    return model_schema(CatalogFile, "conductor-diag/resources/v1")
