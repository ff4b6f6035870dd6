"""A view of a bundle for rules: objects with their pointers, our own documents, logs, owners."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

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


class BundleView:
    """Decodes each entry once. An entry that is missing or unreadable yields nothing; gaps say why."""

    def __init__(self, reader: EvidenceReader) -> None:
        self._reader = reader
        self._paths = [entry.path for entry in reader.entries()]
        self._known = frozenset(self._paths)
        self._cache: dict[str, Json] = {}

    def document(self, path: str) -> dict[str, Json]:
        """Returns one of our own documents, empty if it is not there."""
        found = self._decoded(path)
        return found if isinstance(found, dict) else {}

    def documents(self, path: str) -> list[Json]:
        """Returns the objects of one of our own documents that is a list."""
        found = self._decoded(path)
        return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []

    def objects(self, plural: str, group: str = "") -> Iterator[Item]:
        """Yields every object of a resource."""
        for path in layout.objects_of(self._paths, group, plural):
            content = self._decoded(path)
            items, root = (content, "") if isinstance(content, list) else (mapping_items(content), "/items")
            for index, body in enumerate(items):
                if isinstance(body, dict):
                    yield Item(body=body, path=path, pointer=f"{root}/{index}")

    def log_lines(self, namespace: str, pod: str, container: str, *, previous: bool) -> tuple[str, list[str]]:
        """Returns the entry's path and its lines; an empty path if there is no such log."""
        path = layout.log_path(namespace, pod, container, previous=previous)
        if path not in self._known:
            return "", []
        return path, self._reader.read(path).decode("utf-8", "replace").splitlines()

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


def mapping_items(content: Json) -> list[Json]:
    """Returns the ``items`` of a list object, empty for anything else."""
    items = content.get("items") if isinstance(content, dict) else None
    return items if isinstance(items, list) else []


def _controller(item: Item) -> tuple[str, str] | None:
    for owner in sequence(mapping(item.body, "metadata"), "ownerReferences"):
        if owner.get("controller") is True:
            return string(owner, "kind"), string(owner, "name")
    return None
