"""Judges redacted evidence: pure rules that turn what was collected into findings. Never reads a cluster."""

from collector.analysis.engine import Analysis, analyse
from collector.analysis.texts import RuleText, load_rule_texts

__all__ = ["Analysis", "RuleText", "analyse", "load_rule_texts"]
