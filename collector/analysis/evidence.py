"""A view of a bundle for rules: objects with their pointers, our own documents, logs, owners."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from collector.analysis.reading import read_objects, tail
from collector.bundle import layout
from collector.findings import Evidence, Owner, Subject
from collector.records import EvidenceReader, Json
from collector.records.access import mapping, sequence, string

_EXCERPT = 240


@dataclass(frozen=True, kw_only=True)
class Item:
    """One object and where it stands."""

    body: Json
    path: str
    pointer: str

    @property
    def name(self) -> str:
        """Its metadata.name."""
        return string(mapping(self.body, "metadata"), "name")

    @property
    def namespace(self) -> str:
        """Its metadata.namespace, empty for cluster-scoped objects."""
        return string(mapping(self.body, "metadata"), "namespace")

    def at(self, suffix: str = "", excerpt: str = "") -> Evidence:
        """Returns a pointer to the object, or to ``suffix`` inside it."""
        return Evidence(path=self.path, pointer=self.pointer + suffix, excerpt=excerpt[:_EXCERPT])


T = TypeVar("T")


class BundleView:
    """Looks into a bundle in bounded memory: one object at a time, however large the cluster is.

    Our own documents are decoded once. An entry that is missing or unreadable yields nothing; gaps say why.
    """

    def __init__(self, reader: EvidenceReader) -> None:
        self._reader = reader
        self._paths = [entry.path for entry in reader.entries()]
        self._known = frozenset(self._paths)
        self._cache: dict[str, Json] = {}
        self._made: dict[Callable[[BundleView], Any], Any] = {}

    def document(self, path: str) -> dict[str, Json]:
        """Returns one of our own documents, empty if it is not there."""
        found = self._decoded(path)
        return found if isinstance(found, dict) else {}

    def documents(self, path: str) -> list[Json]:
        """Returns the objects of one of our own documents that is a list."""
        found = self._decoded(path)
        return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []

    def objects(self, plural: str, group: str = "") -> Iterator[Item]:
        """Yields every object of a resource. Each call reads them anew: keep what is needed of them."""
        for path in layout.objects_of(self._paths, group, plural):
            root = "" if layout.is_bare_array(group, plural) else "/items"
            for index, body in enumerate(read_objects(functools.partial(self._reader.open, path))):
                if isinstance(body, dict):
                    yield Item(body=body, path=path, pointer=f"{root}/{index}")

    def once(self, make: Callable[[BundleView], T]) -> T:
        """Returns what ``make`` made of this view; it is called the first time only."""
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made

    def log_tail(
        self, namespace: str, pod: str, container: str, *, previous: bool, lines: int
    ) -> tuple[str, int, list[str]]:
        """Returns the entry's path, the number of the first line returned, and the last lines of a log.

        The path is empty if there is no such log.
        """
        path = layout.log_path(namespace, pod, container, previous=previous)
        if path not in self._known:
            return "", 0, []
        return (path, *tail(self._reader.open(path), lines))

    def logs_of(self, namespace: str, pod: str) -> list[tuple[str, bool]]:
        """Returns the containers of a pod whose logs are there, and whether each is of the former run.

        A container's former run comes before its current one.
        """
        return sorted(self._logs.get((namespace, pod), ()), key=lambda entry: (entry[0], not entry[1]))

    @functools.cached_property
    def _logs(self) -> dict[tuple[str, str], list[tuple[str, bool]]]:
        found: dict[tuple[str, str], list[tuple[str, bool]]] = {}
        for path in self._paths:
            if log := layout.parse_log_path(path):
                namespace, pod, container, previous = log
                found.setdefault((namespace, pod), []).append((container, previous))
        return found

    @functools.cached_property
    def _owned(self) -> dict[tuple[str, str, str], Owner]:
        known = {owner.value: owner for owner in Owner}
        return {
            (string(o, "kind"), string(o, "namespace"), string(o, "name")): known.get(
                string(o, "owner"), Owner.UNKNOWN
            )
            for o in sequence(self.document(layout.CONDUCTOR), "objects")
        }

    @functools.cached_property
    def _parents(self) -> dict[tuple[str, str, str], tuple[str, str]]:
        parents = {}
        for kind, plural, group in (
            ("ReplicaSet", "replicasets", "apps"),
            ("Job", "jobs", "batch"),
            ("Deployment", "deployments", "apps"),
        ):
            for item in self.objects(plural, group):
                if parent := _controller(item):
                    parents[kind, item.namespace, item.name] = parent
        return parents

    def subject(self, kind: str, namespace: str, name: str) -> Subject:
        """Returns the subject with its owner."""
        return Subject(
            kind=kind,
            namespace=namespace,
            name=name,
            owner=self._owned.get((kind, namespace, name), Owner.UNKNOWN),
        )

    def workload_of(self, pod: Item) -> Subject:
        """Returns the top of a pod's owner references: a Deployment, a CronJob, or the pod itself."""
        kind, name = _controller(pod) or ("Pod", pod.name)
        for _ in range(4):
            parent = self._parents.get((kind, pod.namespace, name))
            if parent is None:
                break
            kind, name = parent
        return self.subject(kind, pod.namespace, name)

    def _decoded(self, path: str) -> Json:
        if path not in self._cache:
            self._cache[path] = self._decode(path)
        return self._cache[path]

    def _decode(self, path: str) -> Json:
        if path not in self._known:
            return None
        try:
            return msgspec.json.decode(self._reader.read(path))
        except (msgspec.DecodeError, RecursionError):
            return None


def _controller(item: Item) -> tuple[str, str] | None:
    for owner in sequence(mapping(item.body, "metadata"), "ownerReferences"):
        if owner.get("controller") is True:
            return string(owner, "kind"), string(owner, "name")
    return None
