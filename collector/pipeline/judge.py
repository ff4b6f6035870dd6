"""Judging: analysis of redacted evidence, then the support policy. Live run or old bundle alike."""

from __future__ import annotations

from collector.analysis import analyse, load_rule_texts
from collector.findings import Report, RunInfo
from collector.records import EvidenceReader
from collector.releases import Basis
from collector.report.order import by_importance
from collector.support import Policy, classify


def judge(reader: EvidenceReader, run: RunInfo, policy: Policy, basis: Basis | None = None) -> Report:
    """Returns the report on a bundle. The same bundle, policy and basis give the same report.

    ``basis`` is what the version window is counted from; left out, it is the day of the collection.
    """
    analysis = analyse(reader, now=run.by_cluster_clock(run.started), texts=load_rule_texts(), basis=basis)
    judged = classify(analysis.findings, analysis.facts, policy)
    return Report(
        run=run,
        facts=analysis.facts,
        findings=by_importance(judged),
        backup=analysis.backup,
        timeline=analysis.timeline,
    )
