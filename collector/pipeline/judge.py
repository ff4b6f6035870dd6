"""Judging: analysis of redacted evidence, then the support policy. Live run or old bundle alike."""

from __future__ import annotations

from collector.analysis import analyse, load_rule_texts
from collector.findings import Report, RunInfo
from collector.records import EvidenceReader
from collector.report.order import by_importance
from collector.support import Policy, classify


def judge(reader: EvidenceReader, run: RunInfo, policy: Policy) -> Report:
    """Returns the report on a bundle. The same bundle and policy give the same report."""
    analysis = analyse(reader, now=run.by_cluster_clock(run.started), texts=load_rule_texts())
    judged = classify(analysis.findings, analysis.facts, policy)
    return Report(
        run=run,
        facts=analysis.facts,
        findings=by_importance(judged),
        backup=analysis.backup,
        timeline=analysis.timeline,
    )
