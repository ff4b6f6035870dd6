"""What a run would read, worked out beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collector.records.rights import PlannedRight, RightsPlan


@dataclass(frozen=True, kw_only=True)
class Step:
    """One collector's work.

    Attributes:
        collector: its name.
        rights: what it asks for; its lists, logs and paths.
        requests: how many requests at least; a list takes one more for every 500 objects. 0 if that depends
            on what the cluster holds.
        again: lists that another collector reads too: name, and which part in words.
        note: what bounds its size, or which part of it is read.
    """

    collector: str
    rights: tuple[PlannedRight, ...]
    requests: int
    again: tuple[tuple[str, str], ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Outline:
    """The whole run. ``skipped`` maps a reason to the resources that are not read because of it.

    Attributes:
        plan: the server and the rights.
        steps: by collector, in order.
        where: the namespaces in words.
        bundle_bytes: the most that the finished file may hold.
        run_seconds: the most that the run may take.
        requests_per_second: pace.
        parallel_requests: requests at once.
        folder: where the bundle goes.
        notices_to: address of the endpoint for notices; empty if nothing is sent.
        skipped: see above.
    """

    plan: RightsPlan
    steps: tuple[Step, ...]
    where: str
    bundle_bytes: int
    run_seconds: float
    requests_per_second: int
    parallel_requests: int
    folder: str
    notices_to: str
    skipped: Mapping[str, tuple[str, ...]]
