"""Which row decides: the conditions of the policy held against one finding. The whole engine is here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from collector.findings import Environment, Facts, Finding, Outcome, Owner, Platform, Window
from collector.support.model import ANY_TOPIC, FlagState, Row, When

_MAJOR_MINOR = re.compile(r"v?([0-9]{1,4}\.[0-9]{1,4})")

T = TypeVar("T", bound=str)


@dataclass(frozen=True, kw_only=True)
class Situation:
    """Everything a row may look at, for one finding."""

    topic: str
    outcome: Outcome
    owner: Owner
    platform: Platform
    platform_version: str
    conductor_version: str
    window: Window
    environment: Environment
    flags: FlagState
    facts: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Miss:
    """A condition that does not hold: what was found (None: nothing) and what would have been admitted."""

    name: str
    found: str | None
    wanted: tuple[str, ...]


def situation(finding: Finding, facts: Facts, flags: FlagState) -> Situation:
    """Returns what the rows look at. ``flags`` is the heaviest flag raised by the run's findings."""
    return Situation(
        topic=finding.topic,
        outcome=finding.outcome,
        owner=finding.subject.owner,
        platform=facts.platform,
        platform_version=facts.platform_version,
        conductor_version=_conductor_version(facts),
        window=facts.platform_window,
        environment=facts.environment,
        flags=flags,
        facts=finding.facts,
    )


def first_match(rows: Iterable[Row], now: Situation) -> Row | None:
    """Returns the first row whose topic and conditions all hold, or None."""
    return next((row for row in rows if _matches(row, now)), None)


def members(wanted: T | tuple[T, ...] | None) -> frozenset[T] | None:
    """Returns the values that a condition admits; None where it admits all."""
    if wanted is None:
        return None
    return frozenset(wanted) if isinstance(wanted, tuple) else frozenset({wanted})


def topics(row: Row) -> frozenset[str]:
    """Returns the topics of a row."""
    return frozenset(row.topic) if isinstance(row.topic, tuple) else frozenset({row.topic})


def conditions(when: When) -> dict[str, frozenset[str] | None]:
    """Returns the conditions on fixed names, each with the values that it admits."""
    return {
        "outcome": members(when.outcome),
        "owner": members(when.owner),
        "platform": members(when.platform),
        "platform_version": members(when.platform_version),
        "conductor_version": members(when.conductor_version),
        "window": members(when.window),
        "environment": members(when.environment),
        "flags": members(when.flags),
    }


def _matches(row: Row, now: Situation) -> bool:
    return bool(topics(row) & {now.topic, ANY_TOPIC}) and not any(misses(row, now))


def misses(row: Row, now: Situation) -> Iterator[Miss]:
    """Yields every condition of a row that does not hold, fixed names before the finding's own facts."""
    for name, admitted in conditions(row.when).items():
        found = str(getattr(now, name))
        if admitted is not None and found not in admitted:
            yield Miss(name=name, found=found, wanted=tuple(sorted(admitted)))
    for name, wanted in row.when.facts.items():
        stated = now.facts.get(name)
        admitted = members(wanted) or frozenset()
        if stated not in admitted:
            yield Miss(name=name, found=stated, wanted=tuple(sorted(admitted)))


def _conductor_version(facts: Facts) -> str:
    """Returns Conductor's MAJOR.MINOR; empty if it is not known or if two are installed."""
    stated = {fact.version for fact in facts.versions if fact.component == "conductor" and fact.version}
    found = {match[1] if (match := _MAJOR_MINOR.match(version)) else "" for version in stated}
    return found.pop() if len(found) == 1 else ""
