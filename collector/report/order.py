"""The one order of importance, so that every report leads with the same finding."""

from __future__ import annotations

from collections.abc import Iterable

from collector.findings import Impact, JudgedFinding, Outcome, Scope

_OUTCOMES = {outcome: place for place, outcome in enumerate(Outcome)}
_IMPACTS = {impact: place for place, impact in enumerate(Impact)}
_SCOPES = {scope: place for place, scope in enumerate(Scope)}


def by_importance(findings: Iterable[JudgedFinding]) -> tuple[JudgedFinding, ...]:
    """Returns the findings by outcome, impact, scope, rule and subject, whatever their order was."""
    return tuple(sorted(findings, key=_key))


def _key(judged: JudgedFinding) -> tuple[int, int, int, str, str, str]:
    finding = judged.finding
    return (
        _OUTCOMES[finding.outcome],
        _IMPACTS[finding.impact],
        _SCOPES[judged.classification.scope],
        finding.rule,
        str(finding.subject),
        finding.summary,
    )
