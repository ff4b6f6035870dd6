"""Runs every rule over the evidence. A rule that raises becomes an unknown finding, never a lost one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from collector.analysis import (
    rules_alterations,
    rules_app,
    rules_backup,
    rules_backup_log,
    rules_backup_schedule,
    rules_coverage,
    rules_errbit,
    rules_images,
    rules_platform,
    rules_postgres,
    rules_reach,
    rules_room,
    rules_routes,
    rules_server,
    rules_versions,
)
from collector.analysis.annotate import annotated
from collector.analysis.card import backup_card
from collector.analysis.context import Rule, RuleContext
from collector.analysis.evidence import BundleView
from collector.analysis.facts import read_facts
from collector.analysis.overview import timeline
from collector.analysis.texts import RuleText
from collector.findings import BackupCard, Facts, Finding, Impact, Outcome, Subject, TimelineMark
from collector.records import EvidenceReader
from collector.releases import Basis

RULES: tuple[Rule, ...] = (
    *rules_reach.RULES,
    *rules_server.RULES,
    *rules_app.RULES,
    *rules_room.RULES,
    *rules_routes.RULES,
    *rules_platform.RULES,
    *rules_versions.RULES,
    *rules_images.RULES,
    *rules_alterations.RULES,
    *rules_backup.RULES,
    *rules_backup_log.RULES,
    *rules_backup_schedule.RULES,
    *rules_postgres.RULES,
    *rules_errbit.RULES,
    *rules_coverage.RULES,
)


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What the evidence says, before any policy has been asked."""

    facts: Facts
    findings: tuple[Finding, ...]
    backup: BackupCard | None
    timeline: tuple[TimelineMark, ...]


def analyse(
    reader: EvidenceReader,
    *,
    now: datetime,
    texts: dict[str, RuleText],
    rules: tuple[Rule, ...] = RULES,
    basis: Basis | None = None,
) -> Analysis:
    """Returns the analysis of a bundle. ``now`` is the time of collection, to which ages are held.

    ``basis`` is what the vendor's version window is counted from; left out, it is the day of the collection.
    """
    view = BundleView(reader)
    facts = read_facts(view, basis or Basis(as_of=now.date()))
    context = RuleContext(view=view, facts=facts, texts=texts, now=now)
    found = tuple(finding for rule in rules for finding in _run(rule, context))
    findings = annotated(found, context)
    return Analysis(
        facts=facts,
        findings=findings,
        backup=backup_card(context),
        timeline=tuple(timeline(context)),
    )


def _run(rule: Rule, context: RuleContext) -> Iterator[Finding]:
    try:
        yield from tuple(rule(context))
    except Exception as error:  # noqa: BLE001 - a defect in one rule must not cost the others
        name = rule.__name__
        yield Finding(
            rule="CND-RUN-002",
            topic="agent.not_collected",
            title="A rule could not be evaluated",
            summary=f"the rule {name} failed on this evidence ({type(error).__name__})",
            outcome=Outcome.UNKNOWN,
            impact=Impact.INFO,
            subject=Subject(kind="Rule", name=name),
            needs="send this bundle to support; the evidence itself is complete",
        )
