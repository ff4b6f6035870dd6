"""Puts the run's own files into the bundle: its account, then the reports, the manifest last."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from collector.bundle import layout, manifest
from collector.bundle.writer import BundleWriter, Sealed
from collector.core.log import LogSink
from collector.findings import Report
from collector.pipeline.gather import Gathered
from collector.pipeline.plan import Plan
from collector.pipeline.proof import Proof
from collector.records import Entry, Json, Redacted
from collector.report.findings_json import findings_json
from collector.report.html import report_html
from collector.report.readme import readme_txt
from collector.report.summary import summary_md

_SELF = "agent"
_VERSION_YAML = b"""\
apiVersion: troubleshoot.sh/v1beta2
kind: SupportBundle
spec:
  versionNumber: conductor-diag
"""


def pack_account(plan: Plan, gathered: Gathered, writer: BundleWriter) -> None:
    """Adds what the run wanted and how it went; analysis reads the gaps from here."""
    for path, value in (
        (layout.GAPS, msgspec.to_builtins(gathered.gaps)),
        (layout.COLLECTORS, msgspec.to_builtins(gathered.runs)),
        (layout.SPEC_JSON, msgspec.to_builtins(plan.options.spec)),
    ):
        _add(plan, writer, path, value)
    _add_bytes(plan, writer, layout.POLICY_YAML, plan.policy.source)


def pack_reports(plan: Plan, report: Report, writer: BundleWriter, sink: LogSink) -> None:
    """Adds the reports, the redaction ledger and the agent's log."""
    for path, data in (
        (layout.FINDINGS_JSON, findings_json(report)),
        (layout.SUMMARY_MD, summary_md(report, None).encode()),
        (layout.REPORT_HTML, report_html(report)),
        (layout.README_TXT, readme_txt(report.run).encode()),
        (layout.VERSION_YAML, _VERSION_YAML),
        (layout.AGENT_LOG, "".join(f"{line}\n" for line in sink.lines()).encode()),
    ):
        _add_bytes(plan, writer, path, data)
    ledger = {entry.path: dict(entry.redactions) for entry in writer.entries if entry.redactions}
    _add(plan, writer, layout.REDACTION_LEDGER, {"total": dict(report.run.redactions), "entries": ledger})


def seal(plan: Plan, report: Report, writer: BundleWriter, proof: Proof) -> Sealed:
    """Writes the manifest and closes the bundle, once nothing secret is found in it."""
    run = msgspec.to_builtins(report.run)

    def content(entries: Sequence[Entry]) -> Iterator[Redacted]:
        return plan.redactor.manifest(functools.partial(manifest.encode, run, entries))

    return writer.seal(content, prove=proof.check)


def _add(plan: Plan, writer: BundleWriter, path: str, value: Json) -> None:
    counts: Counter[str] = Counter()
    piece = plan.redactor.document(value, counts)
    writer.add(path, piece, collector=_SELF, redactions=counts)


def _add_bytes(plan: Plan, writer: BundleWriter, path: str, data: bytes) -> None:
    counts: Counter[str] = Counter()
    piece = plan.redactor.finished(data, counts)
    writer.add(path, piece, collector=_SELF, redactions=counts)
