"""What a run collected and what it asked for, in the words of tests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from collector.bundle import layout
from collector.bundle.reader import BundleReader
from collector.demo.recording import LogKey, Recording, log_key
from collector.pipeline import RunResult
from collector.pipeline.proof import COLLECTOR as CANARIES
from collector.spec import Spec, load_spec
from tests.lib.runs import entry, problems

_LIST = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/[^/]+/(?:namespaces/(?P<namespace>[^/]+)/)?(?P<name>[^/]+)"
)
_COMPARED = frozenset(
    {"deployments.apps", "statefulsets.apps", "daemonsets.apps", "cronjobs.batch"}
    | {"deployments.extensions", "daemonsets.extensions", "horizontalpodautoscalers.autoscaling"}
)


def spec(**changes: Any) -> Spec:
    """Returns the shipped spec with changes; ``logs`` and ``limits`` are changes themselves."""
    base = load_spec()
    for part in ("logs", "limits", "resources"):
        if part in changes:
            changes[part] = msgspec.structs.replace(getattr(base, part), **changes[part])
    return msgspec.structs.replace(base, **changes)


def entries(path: Path) -> dict[str, dict[str, Any]]:
    """Returns what the manifest says of each entry, by its path."""
    return {found["path"]: found for found in entry(path, layout.MANIFEST_JSON)["entries"]}


def content(path: Path, name: str) -> bytes:
    """Returns one entry."""
    with BundleReader(path) as reader:
        return reader.read(name)


def resources(path: Path) -> dict[str, dict[str, Any]]:
    """Returns what became of each listable resource, by its full name."""
    rows = entry(path, layout.READ)
    named = {row["resource"]: row for row in rows}
    assert len(named) == len(rows)
    return named


def kinds(path: Path) -> set[str]:
    """Returns the kinds of entries: paths without namespaces, pods and containers; canaries left out."""
    found = set()
    for name, told in entries(path).items():
        if told["collector"] == CANARIES:
            continue
        if layout.parse_log_path(name):
            found.add("cluster-resources/pods/logs/")
        elif layout.namespace_of(name) and name.count("/") > 1:
            found.add(name.rpartition("/")[0] + "/")
        else:
            found.add(name)
    return found


def logs(path: Path) -> set[LogKey]:
    """Returns whose logs are in the bundle."""
    parsed = (layout.parse_log_path(name) for name in entries(path))
    return {
        LogKey(namespace=found[0], pod=found[1], container=found[2], previous=found[3])
        for found in parsed
        if found
    }


def log_moments(path: Path) -> dict[str, list[bytes]]:
    """Returns when each line of each log was written, by the log's path; words may differ in pseudonyms."""
    with BundleReader(path) as reader:
        return {
            name: [line.partition(b" ")[0] for line in reader.read(name).splitlines()]
            for name in reader.names()
            if layout.parse_log_path(name)
        }


def asked_lists(requests: Iterable[str]) -> set[tuple[str, str]]:
    """Returns full name of the resource and namespace (empty: all) of each list that was asked for.

    Conductor's own workloads are read a second time, to compare them with the release's manifest; these
    reads are left out where the whole list was asked for as well.
    """
    found = set()
    for request in requests:
        parts = urlsplit(request.removeprefix("GET "))
        matched = _LIST.fullmatch(parts.path)
        if matched and "limit" in parse_qs(parts.query):
            group = matched["group"]
            name = f"{matched['name']}.{group}" if group else matched["name"]
            found.add((name, matched["namespace"] or ""))
    return {
        (name, namespace)
        for name, namespace in found
        if not (namespace and name in _COMPARED and (name, "") in found)
    }


def asked_logs(requests: Iterable[str]) -> list[LogKey]:
    """Returns whose logs were asked for, in order."""
    keys = (log_key(request.removeprefix("GET ")) for request in requests)
    return [key for key in keys if key is not None]


def listable(recording: Recording) -> set[str]:
    """Returns the full names of the resources that the recorded server lists, straight from its answers."""
    return {
        f"{entry.name}.{entry.group}" if entry.group else entry.name
        for named in recording.resources.values()
        for entry in named.values()
        if "list" in entry.verbs and "/" not in entry.name
    }


def gaps(result: RunResult) -> dict[str, str]:
    """Returns the status of each gap by its subject."""
    return {gap.subject: str(gap.status) for gap in result.report.run.gaps}


def sound(result: RunResult, folder: Path) -> None:
    """Fails unless the bundle verifies and nothing but it and its ticket is left in the folder."""
    assert problems(result.bundle.path) == ()
    expected = {result.bundle.path, result.ticket}
    assert set(folder.iterdir()) == expected
