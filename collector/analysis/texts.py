"""The rules' words, kept as data: identity, fixed title, remedy, questions, and what a rule must read."""

from __future__ import annotations

from pathlib import Path

import msgspec

from collector.core.errors import UsageError
from collector.core.resources import config_path
from collector.core.yamlfile import YamlFile


class RuleText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule's words. ``reads`` names resources whose absence blinds the rule."""

    id: str
    topic: str
    title: str
    reads: tuple[str, ...]
    remedy: str
    ask: tuple[str, ...]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: tuple[RuleText, ...]


def load_rule_texts(path: Path | None = None) -> dict[str, RuleText]:
    """Returns the shipped texts (or those in ``path``) by rule id. Raises UsageError."""
    content = YamlFile(path or config_path("rules", "rules.yaml"), UsageError).decode(_File)
    return {rule.id: rule for rule in content.rules}
