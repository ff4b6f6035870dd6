"""Which collectors take part, by the operator's wish."""

from __future__ import annotations

from collector.collectors import Collector
from collector.core.errors import UsageError
from collector.findings import CollectorRun
from collector.spec import Spec


def selected(spec: Spec, collectors: tuple[Collector, ...]) -> tuple[Collector, ...]:
    """Returns the collectors that ``only`` and ``skip`` leave. Raises UsageError for a name unknown to us."""
    known = {collector.name for collector in collectors}
    for name in (*spec.only, *spec.skip):
        if name not in known:
            raise UsageError(
                f"there is no collector {name!r}",
                why=f"there are: {', '.join(sorted(known))}",
                hint="try: conductor-diag collect --only NAME, with one of those names",
            )
    wanted = set(spec.only) or known
    return tuple(c for c in collectors if c.always or (c.name in wanted and c.name not in spec.skip))


def not_run(spec: Spec, collectors: tuple[Collector, ...]) -> list[CollectorRun]:
    """Returns the account of those left out: what was not looked at must not read as fine."""
    taking_part = {collector.name for collector in selected(spec, collectors)}
    return [
        CollectorRun.skipped(collector.name, "left out (only, skip)")
        for collector in collectors
        if collector.name not in taking_part
    ]
