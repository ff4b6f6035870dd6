"""findings.json: the canonical machine form of a run, from which everything else could be rendered again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from collector.core.clock import rfc3339
from collector.core.text import block
from collector.findings import (
    BackupCard,
    Clause,
    Evidence,
    Facts,
    JudgedFinding,
    Outcome,
    Report,
    RunInfo,
    Subject,
    TimelineMark,
    VersionFact,
)
from collector.report.headline import outcomes
from collector.report.order import by_importance
from collector.report.plain import utc

SCHEMA = "conductor-diag/findings/v1"
_TEXT = 4000
_NAME = 500
_KEYS = 100


def findings_json(report: Report) -> bytes:
    """Returns the document as ASCII JSON, ended by a newline; the same report gives the same bytes.

    Control characters are replaced and texts bounded, so that a value printed raw by another tool harms
    nobody's terminal. The form is configs/schemas/findings.schema.json; within v1 it only ever grows.
    """
    document = {
        "schema": SCHEMA,
        "run": _run(report.run),
        "facts": _facts(report.facts),
        "backup": _backup(report.backup) if report.backup else None,
        "counts": _counts(report),
        "findings": [_finding(judged) for judged in by_importance(report.findings)],
        "timeline": [_mark(mark) for mark in report.timeline],
    }
    return json.dumps(document, indent=1, allow_nan=False).encode("ascii") + b"\n"


def _text(value: object, limit: int = _TEXT) -> str:
    return block(value, limit)


def _texts(values: Iterable[str], limit: int = _TEXT) -> list[str]:
    return [_text(value, limit) for value in values]


def _time(moment: datetime | None) -> str | None:
    known = utc(moment)
    return rfc3339(known) if known else None


def _number(value: float | None) -> float | None:
    return round(value, 3) if value is not None and math.isfinite(value) else None


def _table(values: Mapping[str, str]) -> dict[str, str]:
    return {_text(key, _NAME): _text(values[key]) for key in sorted(values)[:_KEYS]}


def _run(run: RunInfo) -> dict[str, Any]:
    return {
        "bundle_id": _text(run.bundle_id, _NAME),
        "agent_version": _text(run.agent_version, _NAME),
        "started": _time(run.started),
        "finished": _time(run.finished),
        "context": _text(run.context, _NAME),
        "server": _text(run.server, _NAME),
        "label": _text(run.label, _NAME),
        "case": _text(run.case, _NAME),
        "window_seconds": run.window_seconds,
        "tls_verified": run.tls_verified,
        "clock_skew_seconds": _number(run.clock_skew_seconds),
        "spec_sha256": _text(run.spec_sha256, _NAME),
        "policy": {
            "id": _text(run.policy.id, _NAME),
            "version": _text(run.policy.version, _NAME),
            "sha256": _text(run.policy.sha256, _NAME),
        },
        "complete": run.complete,
        "demo": run.demo,
        "entries": run.entries,
        "withheld": run.withheld,
        "redactions": {_text(kind, _NAME): run.redactions[kind] for kind in sorted(run.redactions)},
        "collectors": [
            {
                "name": _text(one.name, _NAME),
                "status": one.status.value,
                "seconds": _number(one.seconds),
                "requests": one.requests,
                "entries": one.entries,
                "size": one.size,
                "note": _text(one.note),
            }
            for one in run.collectors
        ],
        "gaps": [
            {
                "subject": _text(gap.subject, _NAME),
                "status": gap.status.value,
                "reason": _text(gap.reason),
                "needs": _text(gap.needs),
                "namespace": _text(gap.namespace, _NAME),
            }
            for gap in run.gaps
        ],
    }


def _facts(facts: Facts) -> dict[str, Any]:
    return {
        "platform": facts.platform.value,
        "platform_version": _text(facts.platform_version, _NAME),
        "platform_confidence": facts.platform_confidence.value,
        "platform_evidence": [_evidence(one) for one in facts.platform_evidence],
        "platform_window": facts.platform_window.value,
        "window_basis": _text(facts.window_basis, _NAME),
        "environment": facts.environment.value,
        "kubernetes": _text(facts.kubernetes, _NAME),
        "helm": None if facts.helm is None else sorted(_texts(facts.helm, _NAME)),
        "conductor_namespaces": _texts(facts.conductor_namespaces, _NAME),
        "versions": [_version(version) for version in facts.versions],
    }


def _version(version: VersionFact) -> dict[str, Any]:
    return {
        "component": _text(version.component, _NAME),
        "version": _text(version.version, _NAME),
        "confidence": version.confidence.value,
        "source": _text(version.source),
        "subject": _subject(version.subject),
        "evidence": [_evidence(one) for one in version.evidence],
        "serves_conductor": version.serves_conductor,
    }


def _backup(card: BackupCard) -> dict[str, Any]:
    return {
        "state": _text(card.state, _NAME),
        "jobs": _texts(card.jobs, _NAME),
        "last_good": _time(card.last_good),
        "objective_seconds": card.objective_seconds,
        "last_attempt": _time(card.last_attempt),
        "last_attempt_result": _text(card.last_attempt_result),
        "schedule": _text(card.schedule, _NAME),
        "restore_test": _text(card.restore_test, _NAME),
        "window_from": _time(card.window_from),
        "window_to": _time(card.window_to),
        "gaps": card.gaps,
        "archive_lag_seconds": card.archive_lag_seconds,
        "size_trend": _text(card.size_trend, _NAME),
        "last_attempt_error": _text(card.last_attempt_error, _NAME),
        "next_run": _time(card.next_run),
    }


def _counts(report: Report) -> dict[str, Any]:
    found = outcomes(report)
    return {
        "findings": len(report.findings),
        "outcomes": {outcome.value: found[outcome] for outcome in Outcome},
        "scopes": {
            scope.value: {outcome.value: number for outcome, number in row.items()}
            for scope, row in report.matrix().items()
        },
    }


def _finding(judged: JudgedFinding) -> dict[str, Any]:
    finding, given = judged.finding, judged.classification
    return {
        "id": _text(finding.rule, _NAME),
        "topic": _text(finding.topic, _NAME),
        "fingerprint": finding.fingerprint,
        "title": _text(finding.title),
        "summary": _text(finding.summary),
        "outcome": finding.outcome.value,
        "impact": finding.impact.value,
        "scope": given.scope.value,
        "clauses": [_clause(clause) for clause in given.clauses],
        "fileable_severities": sorted(set(given.severities)),
        "severities_stated": given.severities_stated,
        "fix_severities": None if given.fix_severities is None else sorted(set(given.fix_severities)),
        "row": _text(given.row, _NAME),
        "why": _text(given.why),
        "would_change": _text(given.would_change),
        "flags": _texts(given.flags),
        "confidence": finding.confidence.value,
        "subject": _subject(finding.subject),
        "evidence": [_evidence(one) for one in finding.evidence],
        "facts": _table(finding.facts),
        "remedy": _text(finding.remedy),
        "ask": _texts(finding.ask),
        "needs": _text(finding.needs),
        "first_seen": _time(finding.first_seen),
        "last_seen": _time(finding.last_seen),
        "count": finding.count,
    }


def _clause(clause: Clause) -> dict[str, str]:
    return {
        "id": _text(clause.id, _NAME),
        "document": _text(clause.document, _NAME),
        "words": _text(clause.words),
    }


def _subject(subject: Subject) -> dict[str, str]:
    return {
        "kind": _text(subject.kind, _NAME),
        "namespace": _text(subject.namespace, _NAME),
        "name": _text(subject.name, _NAME),
        "owner": subject.owner.value,
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    pointed: dict[str, Any] = {"path": _text(evidence.path, _NAME)}
    if evidence.pointer:
        pointed["pointer"] = _text(evidence.pointer, _NAME)
    if evidence.line:
        pointed["line"] = evidence.line
    if evidence.excerpt:
        pointed["excerpt"] = _text(evidence.excerpt)
    return pointed


def _mark(mark: TimelineMark) -> dict[str, Any]:
    return {
        "lane": _text(mark.lane, _NAME),
        "moment": _time(mark.moment),
        "label": _text(mark.label),
        "outcome": mark.outcome.value,
        "count": mark.count,
    }
