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
from collector.redaction import Counts, Ledger, by_kind
from collector.report.findings_json import findings_json
from collector.report.html import report_html
from collector.report.readme import readme_txt
from collector.report.summary import summary_md

_SELF = "agent"
REPORTS = (
    layout.FINDINGS_JSON,
    layout.SUMMARY_MD,
    layout.REPORT_HTML,
    layout.README_TXT,
    layout.VERSION_YAML,
    layout.AGENT_LOG,
    layout.REDACTION_LEDGER,
)
"""What is added once the run is judged; the run's own count of entries includes it."""
_VERSION_YAML = b"""\
apiVersion: troubleshoot.sh/v1beta2
kind: SupportBundle
spec:
  versionNumber: conductor-diag
"""


class Packer:
    """Writes the run's own entries, redacted and noted like all others."""

    def __init__(self, plan: Plan, writer: BundleWriter, ledger: Ledger) -> None:
        self._plan = plan
        self._redactor = plan.redactor
        self._writer = writer
        self._ledger = ledger

    def account(self, gathered: Gathered) -> None:
        """Adds what the run wanted and how it went; analysis reads the gaps from here."""
        for path, value in (
            (layout.GAPS, msgspec.to_builtins(gathered.gaps)),
            (layout.COLLECTORS, msgspec.to_builtins(gathered.runs)),
            (layout.SPEC_JSON, msgspec.to_builtins(self._plan.options.spec)),
        ):
            self._document(path, value)
        self._file(layout.POLICY_YAML, self._plan.policy.source)

    def reports(self, report: Report, sink: LogSink) -> None:
        """Adds the reports, the agent's log and, last, the redaction ledger."""
        contents = (
            findings_json(report),
            summary_md(report, None).encode(),
            report_html(report),
            readme_txt(report.run).encode(),
            _VERSION_YAML,
            "".join(f"{line}\n" for line in sink.lines()).encode(),
        )
        for path, data in zip(REPORTS[:-1], contents, strict=True):
            self._file(path, data)
        self._document(layout.REDACTION_LEDGER, self._ledger.content())

    def _document(self, path: str, value: Json) -> None:
        counts: Counts = Counter()
        self._add(path, self._redactor.document(value, counts, path), counts)

    def _file(self, path: str, data: bytes) -> None:
        counts: Counts = Counter()
        self._add(path, self._redactor.finished(data, counts, path), counts)

    def _add(self, path: str, piece: Redacted, counts: Counts) -> None:
        self._writer.add(path, piece, collector=_SELF, redactions=by_kind(counts))
        self._ledger.note(path, _SELF, counts)


def seal(plan: Plan, report: Report, writer: BundleWriter, proof: Proof) -> Sealed:
    """Writes the manifest and closes the bundle, once nothing secret is found in it."""
    run = msgspec.to_builtins(report.run)

    def content(entries: Sequence[Entry]) -> Iterator[Redacted]:
        return plan.redactor.manifest(functools.partial(manifest.encode, run, entries))

    return writer.seal(content, prove=proof.check)
