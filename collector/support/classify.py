"""Says for every finding whether the vendor's support policy covers it. Pure: same input, same answer.

Two passes. The first finds out which findings name an unmet prerequisite, and so raise a flag; the second
judges every finding, those flags known. Rows that raise flags never test them, so two passes are enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from collector.core.text import display
from collector.findings import Classification, Facts, Finding, JudgedFinding, Scope
from collector.support.matching import first_match, situation
from collector.support.model import FLAGS_PLACEHOLDER, NOT_STATED, FlagKind, FlagState, Policy, Row

_MAX_FLAGS = 10
_MAX_FLAG_TEXT = 240
_WEIGHTS: tuple[FlagKind, ...] = ("unmet", "doubtful", "context")


@dataclass(frozen=True, kw_only=True)
class _Flag:
    kind: FlagKind
    text: str


def classify(findings: Sequence[Finding], facts: Facts, policy: Policy) -> tuple[JudgedFinding, ...]:
    """Returns every finding with its classification, in the order given. Never raises.

    A finding that no row speaks of is ``undetermined``, with an empty row.
    """
    flags = _raised(findings, facts, policy)
    state = _heaviest(flags)
    return tuple(
        JudgedFinding(
            finding=finding,
            classification=_classification(
                first_match(policy.rows, situation(finding, facts, state)), flags, policy
            ),
        )
        for finding in findings
    )


def _raised(findings: Iterable[Finding], facts: Facts, policy: Policy) -> tuple[_Flag, ...]:
    """Returns the flags, weightiest first, then in the policy's order, whatever order findings come in."""
    found: dict[str, list[_Flag]] = {}
    for finding in findings:
        row = first_match(policy.rows, situation(finding, facts, "none"))
        if row and row.flag:
            text = f"{display(finding.summary, _MAX_FLAG_TEXT)} (row {row.id})"
            found.setdefault(row.id, []).append(_Flag(kind=row.flag, text=text))
    ordered = [flag for row in policy.rows for flag in sorted(found.get(row.id, ()), key=lambda f: f.text)]
    return tuple(sorted(dict.fromkeys(ordered), key=lambda flag: _WEIGHTS.index(flag.kind)))


def _heaviest(flags: Iterable[_Flag]) -> FlagState:
    """A flag for context weighs nothing."""
    kinds = {flag.kind for flag in flags}
    return "unmet" if "unmet" in kinds else "doubtful" if "doubtful" in kinds else "none"


def _classification(row: Row | None, flags: tuple[_Flag, ...], policy: Policy) -> Classification:
    if row is None:
        return Classification(
            scope=Scope.UNDETERMINED,
            clauses=(),
            severities=(),
            severities_stated=False,
            row="",
            why=policy.silence.why,
            would_change=policy.silence.would_change,
        )
    shown = flags if row.when.flags is not None else ()
    weighing = [flag.text for flag in shown if flag.kind != "context"]
    return Classification(
        scope=row.scope,
        clauses=tuple(policy.clauses[clause] for clause in row.clauses),
        severities=() if row.severities == NOT_STATED else row.severities,
        severities_stated=row.severities != NOT_STATED,
        row=row.id,
        why=row.why.replace(FLAGS_PLACEHOLDER, "; ".join(_bounded(weighing))),
        would_change=row.would_change,
        flags=_bounded([flag.text for flag in shown]),
    )


def _bounded(texts: Sequence[str]) -> tuple[str, ...]:
    """Returns at most ten; a hostile cluster can hold thousands of Traefiks."""
    if len(texts) <= _MAX_FLAGS:
        return tuple(texts)
    return (*texts[:_MAX_FLAGS], f"and {len(texts) - _MAX_FLAGS} more")
