"""The vendor's support policy: finding and facts in; scope, clauses, allowed severities and reason out."""

from collector.support.cases import disagreements, load_cases
from collector.support.classify import classify
from collector.support.explain import Explanation, explain
from collector.support.lint import Remark, lint
from collector.support.loader import load_policy, load_unseen, read_policy_file
from collector.support.model import Policy

__all__ = [
    "Explanation",
    "Policy",
    "Remark",
    "classify",
    "disagreements",
    "explain",
    "lint",
    "load_cases",
    "load_policy",
    "load_unseen",
    "read_policy_file",
]
