"""Adds to findings on workloads what the policy asks of all of them, so that no rule has to think of it.

The policy decides on a cause only where one is shown; a rule that shows none says so with ``unknown``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from collector.analysis.context import RuleContext
from collector.findings import Finding

_WORKLOADS = ("app.crash_loop", "app.unavailable", "app.oom_killed", "app.image_pull")


def annotated(findings: Iterable[Finding], context: RuleContext) -> tuple[Finding, ...]:
    """Returns the findings in their order, those on workloads with ``cause`` and the like stated."""
    return tuple(
        replace(finding, facts={**_stated(finding, context), **finding.facts})
        if finding.topic in _WORKLOADS
        else finding
        for finding in findings
    )


def _stated(_finding: Finding, _context: RuleContext) -> dict[str, str]:
    return {"cause": "unknown"}
