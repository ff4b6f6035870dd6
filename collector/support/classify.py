"""Says for every finding whether the vendor's support policy covers it. Pure: same input, same answer.

Two passes. The first finds out which findings name an unmet prerequisite, and so raise a flag; the second
judges every finding, those flags known. Rows that raise flags never test them, so two passes are enough.
An alteration weighs on what is found about the altered object, and is context to everything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from collector.core.text import display
from collector.findings import Classification, Facts, Finding, JudgedFinding, Scope, Subject
from collector.support.matching import first_match, situation
from collector.support.model import FLAGS_PLACEHOLDER, NOT_STATED, FlagKind, FlagState, Policy, Row

_MAX_FLAGS = 10
_MAX_FLAG_TEXT = 240
_WEIGHTS: tuple[FlagKind, ...] = ("unmet", "doubtful", "context")


@dataclass(frozen=True, kw_only=True)
class Flag:
    """Something that rows which test flags should know: how much it weighs, and on what."""

    kind: FlagKind
    text: str
    about: Subject


def classify(findings: Sequence[Finding], facts: Facts, policy: Policy) -> tuple[JudgedFinding, ...]:
    """Returns every finding with its classification, in the order given. Never raises.

    A finding that no row speaks of is ``undetermined``, with an empty row.
    """
    raised = raised_flags(findings, facts, policy)
    return tuple(
        JudgedFinding(finding=finding, classification=_judged(finding, facts, raised, policy))
        for finding in findings
    )


def raised_flags(findings: Iterable[Finding], facts: Facts, policy: Policy) -> tuple[Flag, ...]:
    """Returns the run's flags in the policy's order, whatever order findings come in."""
    found: dict[str, list[Flag]] = {}
    for finding in findings:
        row = first_match(policy.rows, situation(finding, facts, "none"))
        if row and row.flag:
            text = f"{display(finding.summary, _MAX_FLAG_TEXT)} (row {row.id})"
            found.setdefault(row.id, []).append(Flag(kind=row.flag, text=text, about=finding.subject))
    ordered = (flag for row in policy.rows for flag in sorted(found.get(row.id, ()), key=lambda f: f.text))
    return tuple(dict.fromkeys(ordered))


def flags_for(subject: Subject, raised: Iterable[Flag]) -> tuple[Flag, ...]:
    """Returns the flags as they weigh on findings about ``subject``, the weightiest first."""
    seen = (
        replace(flag, kind="doubtful" if flag.about == subject else "context")
        if flag.kind == "alteration"
        else flag
        for flag in raised
    )
    return tuple(sorted(seen, key=lambda flag: _WEIGHTS.index(flag.kind)))


def heaviest(flags: Iterable[Flag]) -> FlagState:
    """Returns the state that rows test; a flag for context weighs nothing."""
    kinds = {flag.kind for flag in flags}
    return "unmet" if "unmet" in kinds else "doubtful" if "doubtful" in kinds else "none"


def _judged(finding: Finding, facts: Facts, raised: tuple[Flag, ...], policy: Policy) -> Classification:
    flags = flags_for(finding.subject, raised)
    row = first_match(policy.rows, situation(finding, facts, heaviest(flags)))
    return _classification(row, flags, policy)


def _classification(row: Row | None, flags: tuple[Flag, ...], policy: Policy) -> Classification:
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
    weighing = list(dict.fromkeys(flag.text for flag in shown if flag.kind != "context"))
    return Classification(
        scope=row.scope,
        clauses=tuple(policy.clauses[clause] for clause in row.clauses),
        severities=() if row.severities == NOT_STATED else row.severities,
        severities_stated=row.severities != NOT_STATED,
        row=row.id,
        why=row.why.replace(FLAGS_PLACEHOLDER, "; ".join(_bounded(weighing))),
        would_change=row.would_change,
        flags=_bounded(list(dict.fromkeys(flag.text for flag in shown))),
        fix_severities=row.fix_severities,
    )


def _bounded(texts: Sequence[str]) -> tuple[str, ...]:
    """Returns at most ten; a hostile cluster can hold thousands of Traefiks."""
    if len(texts) <= _MAX_FLAGS:
        return tuple(texts)
    return (*texts[:_MAX_FLAGS], f"and {len(texts) - _MAX_FLAGS} more")
