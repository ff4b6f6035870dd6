"""The vendor's support policy: finding and facts in; scope, clauses, allowed severities and reason out."""

from collector.support.classify import classify
from collector.support.loader import load_policy
from collector.support.model import Policy

__all__ = ["Policy", "classify", "load_policy"]
