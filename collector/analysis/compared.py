"""What the collector found when it held Conductor's workloads against the manifests of its release."""

from __future__ import annotations

from collections.abc import Iterator

from collector.analysis.context import RuleContext
from collector.bundle import layout
from collector.findings import Evidence, Owner, Subject
from collector.records import Json
from collector.records.access import sequence, string, strings


def entries(context: RuleContext) -> list[Json]:
    """Returns one entry for each workload that was compared."""
    return list(sequence(context.view.document(layout.ALTERATIONS), "compared"))


def compared(context: RuleContext, area: str) -> Iterator[tuple[Json, list[Json]]]:
    """Yields each workload that differs in an area, with its differences there."""
    for entry in entries(context):
        if changes := differences(entry, area):
            yield entry, changes


def differences(entry: Json, area: str) -> list[Json]:
    """Returns what of a workload differs in an area."""
    return [change for change in sequence(entry, "differences") if string(change, "area") == area]


def shipped_images(entry: Json) -> dict[str, tuple[str, ...]]:
    """Returns the references that the manifests name, by container."""
    return {
        string(image, "container"): tuple(strings(image, "shipped")) for image in sequence(entry, "images")
    }


def subject(entry: Json) -> Subject:
    """Returns the workload as the subject of a finding."""
    return Subject(
        kind=string(entry, "kind"),
        namespace=string(entry, "namespace"),
        name=string(entry, "name"),
        owner=Owner.CONDUCTOR,
    )


def evidence(entry: Json) -> list[Evidence]:
    """Returns where the workload and the comparison stand."""
    found = Evidence(path=layout.ALTERATIONS, pointer="/compared")
    path = string(entry, "path")
    return [Evidence(path=path, pointer=string(entry, "pointer")), found] if path else [found]
