"""Turns a report into notices: pure functions, the same report always gives the same notices.

Errbit groups by type, message, component, action, environment and backtrace, so these hold only what is
the same in every run: a rule, its fixed title, the scope, the clause. What varies stands in ``params``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from collector.core import ids
from collector.core.clock import rfc3339
from collector.delivery import clean
from collector.delivery.notice import Notice, Origin, Params, Site, make_notice
from collector.findings import Evidence, Impact, JudgedFinding, Outcome, Report, RunInfo

MAX_FINDINGS = 50
BUNDLE_TYPE = "diagnostic.bundle"
BUNDLE_MESSAGE = "Diagnostic bundle collected"
REST_TYPE = "finding.rest"
REST_MESSAGE = "More findings than are sent one by one"
_MAX_EXCERPTS = 20
_MAX_FACTS = 40
_OUTCOMES = {outcome: place for place, outcome in enumerate((Outcome.FAIL, Outcome.WARN, Outcome.UNKNOWN))}
_IMPACTS = {impact: place for place, impact in enumerate(Impact)}


class BundleFile(Protocol):
    """What an announcement says of the bundle's file."""

    @property
    def path(self) -> Path:
        """Where it is; only its name leaves this machine."""
        ...

    @property
    def sha256(self) -> str:
        """Hex digest of the file."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the file."""
        ...


def notices(
    report: Report,
    bundle: BundleFile,
    site: Site,
    *,
    due: Callable[[str, int], bool] = lambda _finding, _rank: True,
    whereabouts: Params | None = None,
) -> list[Notice]:
    """Returns a run's notices in the order of sending: findings, the rest in one, the announcement.

    ``due`` says, by a finding's fingerprint and rank, whether it is to be told today; ``whereabouts`` are
    further params of the announcement, on how to get at the bundle.
    """
    chosen = [judged for judged in sendable(report.findings) if due(judged.finding.fingerprint, rank(judged))]
    made = [finding_notice(judged, report.run, site) for judged in chosen[:MAX_FINDINGS]]
    if len(chosen) > MAX_FINDINGS:
        made.append(rest_notice(chosen[MAX_FINDINGS:], report.run, site))
    made.append(bundle_notice(report, bundle, site, whereabouts or {}))
    return list({notice.uid: notice for notice in made}.values())


def sendable(findings: Iterable[JudgedFinding]) -> list[JudgedFinding]:
    """Returns those that failed, warn or are unknown, most important first; passed ones are no news."""
    return sorted((judged for judged in findings if judged.finding.outcome in _OUTCOMES), key=rank)


def rank(judged: JudgedFinding) -> int:
    """Returns how bad a finding is: by outcome, then by impact; lower is worse."""
    finding = judged.finding
    return _OUTCOMES[finding.outcome] * len(_IMPACTS) + _IMPACTS[finding.impact]


def finding_notice(judged: JudgedFinding, run: RunInfo, site: Site) -> Notice:
    """Returns the notice of one finding.

    One problem for each rule and class of subject: the class is how the policy sees the subject, that is its
    scope and clause, or its kind where no clause speaks of it.
    """
    finding, classification = judged.finding, judged.classification
    clause = classification.clauses[0].id if classification.clauses else ""
    uid = ids.fingerprint(run.bundle_id, finding.fingerprint, finding.topic, finding.summary)
    made = make_notice(
        uid=uid,
        name=f"finding.{finding.rule}",
        message=finding.title,
        frame=(f"rules/{finding.rule}", finding.rule),
        where=(classification.scope, clause or finding.subject.kind),
        origin=Origin.of(run),
        site=site,
        params=_finding_params(judged),
    )
    return replace(made, finding=finding.fingerprint, rank=rank(judged))


def rest_notice(rest: Sequence[JudgedFinding], run: RunInfo, site: Site) -> Notice:
    """Returns one notice for all findings past the first 50; its own limit cuts the list."""
    counts = Counter(str(judged.finding.outcome) for judged in rest)
    lines = (f"{judged.finding.outcome} {judged.finding.rule} {judged.finding.subject}" for judged in rest)
    return make_notice(
        uid=ids.fingerprint(run.bundle_id, REST_TYPE),
        name=REST_TYPE,
        message=REST_MESSAGE,
        frame=("findings/rest", "rest"),
        where=("findings", "rest"),
        origin=Origin.of(run),
        site=site,
        params={
            "count": len(rest),
            **{f"count_{name}": n for name, n in counts.items()},
            "findings": "\n".join(lines),
        },
    )


def bundle_notice(report: Report, bundle: BundleFile, site: Site, whereabouts: Params) -> Notice:
    """Returns the announcement of the bundle; ``location`` is a file name, never a path of this machine."""
    run = report.run
    params: Params = {
        "sha256": bundle.sha256,
        "bytes": bundle.size,
        "entries": run.entries,
        "created_at": rfc3339(run.finished),
        "location": bundle.path.name,
        "complete": run.complete,
        "redactions": run.redaction_count,
        "withheld": run.withheld,
        "policy_version": run.policy.version,
    }
    for scope, outcomes in report.matrix().items():
        params[f"count_{scope}"] = sum(outcomes.values())
        params |= {f"count_{scope}_{outcome}": n for outcome, n in outcomes.items() if n}
    params |= whereabouts
    return make_notice(
        uid=ids.fingerprint(run.bundle_id, BUNDLE_TYPE),
        name=BUNDLE_TYPE,
        message=BUNDLE_MESSAGE,
        frame=("bundle", "collected"),
        where=("bundle", "collected"),
        origin=Origin.of(run),
        site=site,
        params=params,
    )


def _finding_params(judged: JudgedFinding) -> Params:
    finding, classification = judged.finding, judged.classification
    clauses = classification.clauses
    severities = ", ".join(str(severity) for severity in classification.severities) or "none"
    params: Params = {
        "fingerprint": finding.fingerprint,
        "rule": finding.rule,
        "topic": finding.topic,
        "outcome": finding.outcome,
        "impact": finding.impact,
        "confidence": finding.confidence,
        "subject": str(finding.subject),
        "subject_kind": finding.subject.kind,
        "subject_owner": finding.subject.owner,
        "summary": finding.summary,
        "scope": classification.scope,
        "clause": ", ".join(clause.id for clause in clauses),
        "clause_document": clauses[0].document if clauses else "",
        "clause_words": "\n".join(clause.words for clause in clauses),
        "fileable_severities": severities if classification.severities_stated else "not stated",
        "policy_row": classification.row,
        "why": classification.why,
        "would_change": classification.would_change,
        "flags": "\n".join(classification.flags),
        "remedy": finding.remedy,
        "ask": "\n".join(finding.ask),
        "needs": finding.needs,
        "first_seen": rfc3339(finding.first_seen) if finding.first_seen else "",
        "last_seen": rfc3339(finding.last_seen) if finding.last_seen else "",
        "count": finding.count,
        "evidence": "\n".join(_pointer(item) for item in finding.evidence),
    }
    excerpts = [item.excerpt for item in finding.evidence if item.excerpt][:_MAX_EXCERPTS]
    params |= {f"excerpt_{number:02}": excerpt for number, excerpt in enumerate(excerpts, 1)}
    for name, fact in list(finding.facts.items())[:_MAX_FACTS]:
        params[clean.key(f"fact_{name}", params)] = fact
    return {name: value for name, value in params.items() if value not in ("", None)}


def _pointer(item: Evidence) -> str:
    return f"{item.path}:{item.line}" if item.line else f"{item.path}#{item.pointer}"
