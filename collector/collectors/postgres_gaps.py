"""Makes gaps of the steps that were asked for and failed: a run that got no answer is not complete."""

from __future__ import annotations

from collections.abc import Iterator

from collector.postgres.model import Cluster, Step, StepStatus
from collector.records import Gap, Status

# A tool that is not there was not asked for, and a step that nobody allowed was not either.
_FAILED: dict[StepStatus, Status] = {
    "denied": Status.DENIED,
    "timeout": Status.TIMEOUT,
    "error": Status.FAILED,
}
_SHOWN = 4


def gaps_of(cluster: Cluster) -> Iterator[Gap]:
    """Yields a gap for each reason why steps failed at this cluster, with the names of those steps."""
    failed: dict[tuple[Status, str], list[Step]] = {}
    for step in cluster.steps:
        if step.status in _FAILED:
            failed.setdefault((_FAILED[step.status], step.error), []).append(step)
    for (status, error), steps in failed.items():
        names = list(dict.fromkeys(step.name for step in steps))
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        yield Gap(
            subject=f"{', '.join(names[:_SHOWN])}{more} of database {cluster.name}",
            status=status,
            reason=error or "no reason given",
            needs=next((step.needs for step in steps if step.needs), ""),
            namespace=cluster.namespace,
        )
