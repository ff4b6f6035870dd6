"""Cases for a policy as data: facts in, classification out. ``policy test`` runs them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from collector.core.errors import PolicyError
from collector.core.yamlfile import YamlFile
from collector.findings import (
    Classification,
    Confidence,
    Environment,
    Facts,
    Finding,
    Impact,
    Outcome,
    Owner,
    Platform,
    Scope,
    Subject,
    VersionFact,
    Window,
)
from collector.support.classify import classify
from collector.support.model import Policy

_RAISED_BY = re.compile(r" \(row ([^)]+)\)$")
_UNSTATED = "-"


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A finding as a case states it.

    Facts that rules state of every failing workload need not be written: ``cause: unknown``, and of an OOM
    kill ``limits: shipped``; the value ``-`` takes one away.
    """

    topic: str
    owner: Owner = Owner.CONDUCTOR
    outcome: Outcome = Outcome.FAIL
    summary: str = ""
    facts: Mapping[str, str] = {}
    subject: str = "web"

    def all_facts(self) -> dict[str, str]:
        """Returns the facts with those that need not be written."""
        stated = {"cause": "unknown"} if self.topic.startswith("app.") else {}
        stated |= {"limits": "shipped"} if self.topic == "app.oom_killed" else {}
        return {name: value for name, value in {**stated, **self.facts}.items() if value != _UNSTATED}

    def finding(self) -> Finding:
        """Returns the finding that the case speaks of."""
        return Finding(
            rule="CND-CASE-001",
            topic=self.topic,
            title="a finding",
            summary=self.summary or f"{self.topic} with {dict(self.facts)}",
            outcome=self.outcome,
            impact=Impact.DEGRADED,
            subject=Subject(kind="Deployment", name=self.subject, namespace="conductor", owner=self.owner),
            facts=self.all_facts(),
        )


class Case(Given, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A finding, what stands beside it, and the classification that must come out.

    ``why`` is a part of the sentence; ``flags`` are the rows that raised them; ``fix`` are the severities of
    the fix. ``table`` and ``trap`` say which rows and traps of the vendor's texts it is the case of.
    """

    name: str
    platform: Platform = Platform.NONE
    version: str = ""
    conductor: str = ""
    window: Window = Window.UNKNOWN
    environment: Environment = Environment.UNKNOWN
    beside: tuple[Given, ...] = ()
    row: str
    scope: Scope
    clauses: tuple[str, ...]
    severities: Literal["not stated"] | tuple[int, ...]
    fix: tuple[int, ...] | None = None
    why: str = ""
    flags: tuple[str, ...] | None = None
    table: tuple[int, ...] = ()
    trap: str = ""

    def facts_of_cluster(self) -> Facts:
        """Returns the facts that the case states of the cluster."""
        known = facts(self.platform, self.version, self.conductor)
        return replace(known, platform_window=self.window, environment=self.environment)

    def judged(self, policy: Policy) -> Classification:
        """Returns what the policy says of the case."""
        return judge(self.finding(), self.facts_of_cluster(), policy, beside=self.beside)

    def numbers(self) -> set[int]:
        """Returns the rows of the decision table that this is a case of."""
        found = re.match(r"\d+", self.row)
        return {*self.table, *([int(found[0])] if found else [])}


_Cases = Annotated[tuple[Case, ...], Meta(max_length=5000)]


def facts(platform: Platform, version: str = "", conductor: str = "") -> Facts:
    """Returns facts of a cluster, with Conductor's version if one is given."""
    stated = () if not conductor else (conductor_version(conductor),)
    return Facts(platform=platform, platform_version=version, versions=stated)


def conductor_version(version: str) -> VersionFact:
    """Returns the fact that Conductor is of a version."""
    return VersionFact(
        component="conductor",
        version=version,
        confidence=Confidence.PROVEN,
        source="Helm release record",
        subject=Subject(kind="Release", name="conductor"),
    )


def judge(
    finding: Finding, cluster: Facts, policy: Policy, *, beside: Iterable[Given] = ()
) -> Classification:
    """Returns the classification of one finding among others."""
    others = [given.finding() for given in beside]
    return classify([finding, *others], cluster, policy)[0].classification


def load_cases(path: Path) -> tuple[Case, ...]:
    """Returns the cases in a YAML file. Raises PolicyError."""
    found: tuple[Case, ...] = YamlFile(path, PolicyError).decode(_Cases)
    return found


def disagreements(case: Case, policy: Policy) -> Iterator[str]:
    """Yields one line for each thing that comes out otherwise than the case says."""
    got = case.judged(policy)
    severities = tuple(got.severities) if got.severities_stated else "not stated"
    flags = tuple(match[1] for text in got.flags if (match := _RAISED_BY.search(text)))
    pairs = (
        ("row", case.row, got.row),
        ("scope", case.scope.value, got.scope.value),
        ("clauses", case.clauses, tuple(clause.id for clause in got.clauses)),
        ("severities", case.severities, severities),
        ("fix", case.fix, got.fix_severities),
        ("flags", case.flags if case.flags is not None else flags, flags),
    )
    for name, wanted, found in pairs:
        if wanted != found:
            yield f"{name}: expected {_said(wanted)}, got {_said(found)}"
    if case.why not in got.why:
        yield f"why: expected {case.why!r} in {got.why!r}"


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value) if value not in ("", None) else "none"
