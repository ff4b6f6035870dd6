"""Cases for the support policy, read from data, and the findings and facts that they speak of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec
import yaml

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
from collector.support import Policy, classify
from collector.support.model import Row

DATA = Path(__file__).resolve().parent.parent / "data" / "policy"


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A finding as a case states it."""

    topic: str
    owner: Owner = Owner.CONDUCTOR
    outcome: Outcome = Outcome.FAIL
    summary: str = ""
    facts: Mapping[str, str] = {}
    subject: str = "web"

    def all_facts(self) -> dict[str, str]:
        """Returns the facts with those that the rules state of every failing workload."""
        stated = {"cause": "unknown"} if self.topic.startswith("app.") else {}
        stated |= {"limits": "shipped"} if self.topic == "app.oom_killed" else {}
        return {name: value for name, value in {**stated, **self.facts}.items() if value != "-"}

    def finding(self) -> Finding:
        return Finding(
            rule="CND-TEST-001",
            topic=self.topic,
            title="a finding",
            summary=self.summary or f"{self.topic} with {dict(self.facts)}",
            outcome=self.outcome,
            impact=Impact.DEGRADED,
            subject=Subject(kind="Deployment", name=self.subject, namespace="conductor", owner=self.owner),
            facts=self.all_facts(),
        )


class Case(Given, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A finding, what stands beside it, and the classification that must come out."""

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
    why: str = ""
    flags: tuple[str, ...] | None = None
    fix: tuple[int, ...] | None = None
    table: tuple[int, ...] = ()
    trap: str = ""

    def facts_of_cluster(self) -> Facts:
        known = facts(self.platform, self.version, self.conductor)
        return replace(known, platform_window=self.window, environment=self.environment)

    def numbers(self) -> set[int]:
        """Returns the rows of the decision table that this is a case of."""
        found = re.match(r"\d+", self.row)
        return {*self.table, *([int(found[0])] if found else [])}

    def judged(self, policy: Policy) -> Classification:
        return judge(self.finding(), self.facts_of_cluster(), policy, beside=self.beside)


def facts(platform: Platform, version: str = "", conductor: str = "") -> Facts:
    stated = () if not conductor else (conductor_version(conductor),)
    return Facts(platform=platform, platform_version=version, versions=stated)


def conductor_version(version: str) -> VersionFact:
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
    others = [given.finding() for given in beside]
    return classify([finding, *others], cluster, policy)[0].classification


def cases() -> tuple[Case, ...]:
    content = yaml.safe_load((DATA / "cases.yaml").read_text("utf-8"))
    return msgspec.convert(content, tuple[Case, ...])


def with_row(policy: Policy, row_id: str, **changes: object) -> Policy:
    """Returns the policy with one row changed."""

    def changed(row: Row) -> Row:
        return msgspec.structs.replace(row, **changes) if row.id == row_id else row

    return replace(policy, rows=tuple(changed(row) for row in policy.rows))
