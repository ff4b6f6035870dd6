"""Redaction: in memory, before disk, failing closed; structural rules first, text rules on the rest."""

from collector.redaction.causes import Counts, by_kind, by_rule
from collector.redaction.custom import (
    CustomerRule,
    load_customer_rules,
    parse_customer_rules,
    with_customer_rules,
)
from collector.redaction.errors import RedactionError
from collector.redaction.ledger import Ledger, parse_ledger
from collector.redaction.profiles import with_profiles
from collector.redaction.redactor import Redactor
from collector.redaction.rules import Rules, load_rules

__all__ = [
    "Counts",
    "CustomerRule",
    "Ledger",
    "RedactionError",
    "Redactor",
    "Rules",
    "by_kind",
    "by_rule",
    "load_customer_rules",
    "load_rules",
    "parse_customer_rules",
    "parse_ledger",
    "with_customer_rules",
    "with_profiles",
]
