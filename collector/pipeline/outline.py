"""Says beforehand what a run would read, from the same choices that the run itself makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from collector.collectors import Choice, Reread
from collector.core import quantity
from collector.core.text import human_bytes
from collector.kube.lists import MAX_PAGE_BYTES, PAGE
from collector.pipeline.preflight import Preflight
from collector.records.outline import Outline, Step
from collector.records.rights import RightsPlan
from collector.spec import Spec

_LOG = "pods/log"
_RECORDS = "get", "secrets"
_RECORD_NOTE = "of Secrets Helm 3's records of Conductor's own releases alone, in its namespaces"


def outline(found: Preflight, spec: Spec, *, folder: str, notices_to: str) -> Outline:
    """Returns what a run with this spec would do. ``notices_to``: an address, empty if there is none."""
    limits = spec.limits
    return Outline(
        plan=found.rights,
        steps=tuple(_steps(found, spec)),
        where=_where(spec, found.rights),
        bundle_bytes=quantity.size(limits.bundle),
        run_seconds=quantity.seconds(limits.run),
        requests_per_second=limits.requests_per_second,
        parallel_requests=limits.parallel_requests,
        folder=folder,
        notices_to=_address(notices_to),
        skipped=_skipped(found.choices),
    )


def _steps(found: Preflight, spec: Spec) -> Iterator[Step]:
    for collector in found.collectors:
        needed = tuple(planned for planned in found.rights.rights if planned.collector == collector.name)
        own = {planned.right.name for planned in needed}
        again = tuple(row for row in _again(collector.rereads(spec), found.choices) if row[0] not in own)
        if not (needed or again):
            continue
        logs = any(planned.right.resource == _LOG for planned in needed)
        lists = any(planned.right.verb == "list" for planned in needed)
        records = any((planned.right.verb, planned.right.resource) == _RECORDS for planned in needed)
        yield Step(
            collector=collector.name,
            rights=needed,
            requests=0 if logs else len(needed),
            again=again,
            note=_log_note(spec) if logs else _RECORD_NOTE if records else _list_note() if lists else "",
        )


def _again(rereads: Sequence[Reread], choices: Sequence[Choice]) -> Iterator[tuple[str, str]]:
    offered = {(choice.resource.group, choice.resource.plural): choice.resource for choice in choices}
    for reread in rereads:
        found = (
            offered[group, reread.resource] for group in reread.groups if (group, reread.resource) in offered
        )
        if (resource := next(found, None)) is not None:
            yield resource.full_name, reread.part


def _list_note() -> str:
    return f"each list in pages of {PAGE} objects, a page of {human_bytes(MAX_PAGE_BYTES)} at most"


def _log_note(spec: Spec) -> str:
    logs = spec.logs
    pods = "all pods" if spec.profile == "full" else "Conductor's pods and pods in trouble"
    chosen = f" with {logs.selector}" if logs.selector else ""
    most = human_bytes(quantity.size(logs.bytes_per_container))
    return f"of {pods}{chosen}, {most} a container at most, the last {logs.window}"


def _where(spec: Spec, rights: RightsPlan) -> str:
    named = ", ".join(spec.namespaces) or "all"
    without = f", without {', '.join(spec.exclude_namespaces)}" if spec.exclude_namespaces else ""
    partly = sorted({namespace for planned in rights.rights for namespace in planned.inside})
    instead = f"; where that is denied, {', '.join(partly)}" if partly else ""
    return named + without + instead


def _address(url: str) -> str:
    """Returns an address without user information, path and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if url else ""


def _skipped(choices: Sequence[Choice]) -> Mapping[str, tuple[str, ...]]:
    reasons: dict[str, list[str]] = {}
    for choice in choices:
        if choice.skipped:
            reasons.setdefault(choice.skipped, []).append(choice.resource.full_name)
    return {reason: tuple(names) for reason, names in reasons.items()}
