"""The result for other programs: ``-o json`` on standard output, and the container's termination message."""

from __future__ import annotations

import json
from typing import Any

from collector.core.text import display
from collector.findings import JudgedFinding, Outcome, Report
from collector.report import headline
from collector.report.files import BundleFileInfo
from collector.report.order import by_importance

SCHEMA = "conductor-diag/result/v1"
MAX_TERMINATION_BYTES = 4096
"""What the kubelet keeps of /dev/termination-log."""

_TEXT = 500
_SHORT = 80
_LEAST_FINDING = 64  # bytes: no more than these can ever fit


def result_json(
    report: Report,
    bundle: BundleFileInfo | None,
    *,
    ticket: str = "",
    delivery_state: str = "",
    delivery_detail: str = "",
) -> str:
    """Returns one line of ASCII JSON without a newline.

    Args:
        report: the run.
        bundle: the sealed file; None when none was written.
        ticket: where the text for the ticket is; empty when it was not written.
        delivery_state: delivered, partly, spooled, rejected or unreachable; empty if nothing was sent.
        delivery_detail: one sentence for a person.
    """
    document = {
        **_common(report, bundle, delivery_state, limit=_TEXT),
        "ticket": ticket,
        "delivery_detail": display(delivery_detail, _TEXT),
        "scopes": {
            scope.value: {outcome.value: number for outcome, number in row.items()}
            for scope, row in report.matrix().items()
        },
        "findings": [_finding(judged) for judged in by_importance(report.findings)],
    }
    return json.dumps(document)


def termination_message(report: Report, bundle: BundleFileInfo | None, *, delivery_state: str = "") -> bytes:
    """Returns ASCII JSON of at most MAX_TERMINATION_BYTES; the least important findings are left out."""
    common = _common(report, bundle, delivery_state, limit=_SHORT)
    told = [_finding(judged, limit=_SHORT) for judged in by_importance(report.findings)]
    told = [finding for finding in told if finding["outcome"] != Outcome.PASS]
    for kept in range(min(len(told), MAX_TERMINATION_BYTES // _LEAST_FINDING), -1, -1):
        message = json.dumps({**common, "findings": told[:kept]}, separators=(",", ":")).encode("ascii")
        if len(message) <= MAX_TERMINATION_BYTES:
            return message
    return json.dumps({"schema": SCHEMA}).encode("ascii")


def _common(report: Report, bundle: BundleFileInfo | None, delivery: str, *, limit: int) -> dict[str, Any]:
    found = headline.outcomes(report)
    return {
        "schema": SCHEMA,
        "bundle_id": display(report.run.bundle_id, limit),
        "bundle": _file(bundle, limit) if bundle else None,
        "complete": report.run.complete,
        "verdict": headline.worst(report).value,
        "counts": {outcome.value: found[outcome] for outcome in Outcome},
        "delivery": display(delivery, _SHORT),
    }


def _file(bundle: BundleFileInfo, limit: int) -> dict[str, Any]:
    # A path is for opening: it is given whole or, where bytes are scarce, by its name alone.
    path = bundle.path if limit >= _TEXT else display(bundle.name, limit)
    return {"path": path, "sha256": display(bundle.sha256, 64), "size": bundle.size}


def _finding(judged: JudgedFinding, *, limit: int = _TEXT) -> dict[str, Any]:
    finding = judged.finding
    return {
        "id": display(finding.rule, limit),
        "fingerprint": finding.fingerprint,
        "outcome": finding.outcome.value,
        "scope": judged.classification.scope.value,
    }
