"""Redaction: in memory, before disk, failing closed; structural rules first, text rules on the rest."""

from collector.redaction.errors import RedactionError
from collector.redaction.redactor import Redactor
from collector.redaction.rules import Rules, load_rules

__all__ = ["RedactionError", "Redactor", "Rules", "load_rules"]
