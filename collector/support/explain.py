"""How a verdict came about: the rows tried in order, what each asked, which matched, what is nearest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collector.findings import Classification, Facts, Finding
from collector.support.classify import classify, flags_for, heaviest, raised_flags
from collector.support.matching import Miss, Situation, misses, situation, topics
from collector.support.model import ANY_TOPIC, Policy, Row

# What evidence can still show to be otherwise: what nobody found, and what prerequisites weigh.
_OPEN = frozenset({None, "", "none", "undetermined", "unknown"})
_KNOWN_BY_NONE = "platform"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One row that was tried, and which of its conditions do not hold; none: it matches."""

    row: Row
    missed: tuple[Miss, ...]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Everything that led to one verdict.

    Attributes:
        situation: what the rows looked at.
        tried: the rows of the finding's topic up to the one that decided, in order.
        nearest: rows that would say something else if one single condition were otherwise, and evidence could
            still show it to be: a known owner or version stays what it is.
    """

    finding: Finding
    situation: Situation
    classification: Classification
    tried: tuple[Attempt, ...]
    nearest: tuple[Attempt, ...]


def explain(finding: Finding, findings: Sequence[Finding], facts: Facts, policy: Policy) -> Explanation:
    """Returns how ``finding``, one of the run's ``findings``, is judged."""
    flags = flags_for(finding.subject, raised_flags(findings, facts, policy))
    now = situation(finding, facts, heaviest(flags))
    rows = [row for row in policy.rows if topics(row) & {finding.topic, ANY_TOPIC}]
    attempts = [Attempt(row=row, missed=tuple(misses(row, now))) for row in rows]
    decided = next((at for at, attempt in enumerate(attempts) if not attempt.missed), len(attempts))
    judged = classify(findings, facts, policy)
    verdict = next(entry.classification for entry in judged if entry.finding == finding)
    nearest = (
        attempt
        for attempt in attempts[:decided]
        if len(attempt.missed) == 1 and is_open(attempt.missed[0]) and attempt.row.scope is not verdict.scope
    )
    return Explanation(
        finding=finding,
        situation=now,
        classification=verdict,
        tried=tuple(attempts[: decided + 1]),
        nearest=tuple(nearest),
    )


def is_open(miss: Miss) -> bool:
    """True if more evidence could make the condition hold."""
    if miss.name == _KNOWN_BY_NONE:
        return miss.found == "unknown"
    return miss.name == "flags" or miss.found in _OPEN
