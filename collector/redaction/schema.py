"""The JSON Schemas of redaction's files, drawn from their models, so that the two cannot disagree."""

from __future__ import annotations

from typing import Any

import msgspec

from collector.core.schema import model_schema
from collector.redaction.custom import CustomerRulesFile
from collector.redaction.ledger import LedgerFile
from collector.redaction.profiles import ProfilesFile
from collector.redaction.rules import RulesFile

_MODELS: dict[str, type[msgspec.Struct]] = {
    "redaction": RulesFile,
    "redaction-profiles": ProfilesFile,
    "customer-rules": CustomerRulesFile,
    "redaction-ledger": LedgerFile,
}


def redaction_schemas() -> dict[str, dict[str, Any]]:
    """Returns the schemas (draft 2020-12), each by the name it has in configs/schemas/<name>.schema.json."""
    return {name: model_schema(model, f"conductor-diag/{name}/v1") for name, model in _MODELS.items()}
