from __future__ import annotations

import itertools

from collector.findings import Impact, JudgedFinding, Outcome, Scope, Subject
from collector.report.order import by_importance
from tests.lib import reports


def made(rule: str, outcome: Outcome, impact: Impact, scope: Scope, name: str = "a") -> JudgedFinding:
    return reports.judged(
        rule,
        reports.classification(scope),
        outcome=outcome,
        impact=impact,
        subject=Subject(kind="Pod", name=name),
    )


def test_outcome_counts_before_impact_before_scope_before_rule_before_subject() -> None:
    ordered = (
        made("R9", Outcome.FAIL, Impact.OUTAGE, Scope.UNDETERMINED, "z"),
        made("R8", Outcome.FAIL, Impact.INFO, Scope.SUPPORTED, "z"),
        made("R7", Outcome.FAIL, Impact.INFO, Scope.UNSUPPORTED, "z"),
        made("R6", Outcome.WARN, Impact.OUTAGE, Scope.SUPPORTED, "z"),
        made("R4", Outcome.UNKNOWN, Impact.RISK, Scope.SUPPORTED, "z"),
        made("R5", Outcome.UNKNOWN, Impact.RISK, Scope.SUPPORTED, "a"),
        made("R5", Outcome.UNKNOWN, Impact.RISK, Scope.SUPPORTED, "b"),
        made("R1", Outcome.PASS, Impact.OUTAGE, Scope.SUPPORTED, "a"),
    )
    for turned in itertools.islice(itertools.permutations(ordered), 0, 40320, 997):
        assert by_importance(turned) == ordered
