"""What later collectors need of the objects an earlier one streamed past, in a few hundred bytes each.

So a list is read once, however many collectors draw on it. Positions are kept, because evidence points at
``entry#/items/N``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from collector.collectors.eventlog import EventLog
from collector.collectors.release import Release
from collector.postgres.operators import RESOURCES
from collector.records import Json
from collector.records.access import integer, mapping, sequence, string

_KEPT_LABELS = frozenset(
    {
        "app",
        "app.kubernetes.io/component",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/managed-by",
        "app.kubernetes.io/name",
        "app.kubernetes.io/version",
        "chart",
        "component",
        "helm.sh/chart",
        "helm.toolkit.fluxcd.io/name",
        "helm.toolkit.fluxcd.io/namespace",
        "heritage",
        "kubeaddons.mesosphere.io/name",
        "name",
        "release",
    }
)
_LIMIT = 100_000
_NOTHING: Mapping[str, Json] = MappingProxyType({})
_MAX_RECORDS = 4
_BACKUP_OBJECTS = 5_000
_CUSTOM = "cluster-resources/custom-resources/"


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerDigest:
    """One container: ``image`` as the spec asks for it, ``image_id`` as the node runs it."""

    name: str
    image: str
    image_id: str
    init: bool
    ready: bool
    restarts: int
    waiting: str
    terminated: Mapping[str, Json] | None
    last_terminated: Mapping[str, Json] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectDigest:
    """One object. ``path`` and ``pointer`` say where in the bundle it is; ``body`` only for small kinds."""

    kind: str
    namespace: str
    name: str
    labels: Mapping[str, str]
    owner: tuple[str, str] | None
    path: str
    pointer: str
    phase: str = ""
    containers: tuple[ContainerDigest, ...] = ()
    body: Mapping[str, Json] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """Identity inside the cluster."""
        return self.kind, self.namespace, self.name


# Kinds whose metadata, spec and status later collectors read; they are small.
_WITH_BODY = frozenset(
    {
        "Addon",
        "ClusterAddon",
        "ClusterRoleBinding",
        "CronJob",
        "HelmRelease",
        "Ingress",
        "Job",
        "KonvoyCluster",
        "RoleBinding",
    }
)
_WITH_ALL_LABELS = frozenset({"Cluster", "Node"})
_BODY = ("metadata", "spec", "status", "roleRef", "subjects")
_KINDS = _WITH_BODY | {
    "AppDeployment",
    "Cluster",
    "CustomResourceDefinition",
    "DaemonSet",
    "Deployment",
    "Namespace",
    "Node",
    "Pod",
    "ReplicaSet",
    "StatefulSet",
}


class Digest:
    """Filled by the collectors that stream objects, read by those that come after them.

    Attributes:
        listed: how many objects of each resource were seen; a resource that could not be listed is absent.
        releases: Helm release records in the form of ``helm/releases.json``.
        records: Conductor's live record and those newer than it, undigested: they hold secrets.
        ownership: owner word for each (kind, namespace, name) that a release or addon accounts for.
        conductor_namespaces: where Conductor was found.
        claims: volume claims by ``namespace/pod``.
        backup_objects: objects that speak of database backups, by ``plural.group``.
        events: the newest events of all namespaces in order of time.
    """

    def __init__(self) -> None:
        self._objects: dict[str, list[ObjectDigest]] = {}
        self._shared = _Shared()
        self.releases: list[Json] = []
        self.records: list[Release] = []
        self.ownership: dict[tuple[str, str, str], str] = {}
        self.conductor_namespaces: tuple[str, ...] = ()
        self.listed: dict[str, int] = {}
        self.claims: dict[str, tuple[str, ...]] = {}
        self.backup_objects: dict[str, list[ObjectDigest]] = {}
        self.events = EventLog()

    def add(self, item: Mapping[str, Json], *, kind: str, path: str, pointer: str) -> None:
        """Takes note of one object that is being written to ``path`` at ``pointer``."""
        if kind == "Event":
            self.events.add(item)
            return
        if path.startswith(_CUSTOM) and (resource := _resource(path)) in RESOURCES:
            kept = self.backup_objects.setdefault(resource, [])
            if len(kept) < _BACKUP_OBJECTS:
                kept.append(self._shared.digest(item, kind, path, pointer, whole=True))
            return
        if kind == "Pod":
            self._note_claims(item)
        known = self._objects.setdefault(kind, [])
        if kind in _KINDS and len(known) < _LIMIT:
            known.append(self._shared.digest(item, kind, path, pointer))

    def keep_record(self, record: Release) -> None:
        """Keeps a record of Conductor's if it is the newest deployed one or newer; a handful at most."""
        known = sorted([*self.records, record], key=lambda r: (r.helm, r.revision))
        deployed = [at for at, r in enumerate(known) if r.status == "DEPLOYED"]
        self.records = known[max(deployed, default=0) :][-_MAX_RECORDS:]

    def _note_claims(self, item: Mapping[str, Json]) -> None:
        metadata = mapping(item, "metadata")
        volumes = sequence(mapping(item, "spec"), "volumes")
        named = (string(mapping(volume, "persistentVolumeClaim"), "claimName") for volume in volumes)
        if claims := tuple(filter(None, named)):
            self.claims[f"{string(metadata, 'namespace')}/{string(metadata, 'name')}"] = claims

    def forget(self) -> None:
        """Lets go of the objects, once no collector will ask for them any more."""
        self._objects.clear()
        self._shared = _Shared()
        self.events = EventLog()

    def of(self, *kinds: str) -> list[ObjectDigest]:
        """Returns the objects of these kinds in the order they were read."""
        return [item for kind in kinds for item in self._objects.get(kind, ())]

    def find(self, kind: str, namespace: str, name: str) -> ObjectDigest | None:
        """Returns one object, or None."""
        return next(
            (item for item in self._objects.get(kind, ()) if item.key == (kind, namespace, name)), None
        )

    def top(self, item: ObjectDigest) -> ObjectDigest:
        """Returns the object at the top of the chain of owner references, itself if it has none."""
        for _ in range(8):
            if item.owner is None:
                break
            above = self.find(item.owner[0], item.namespace, item.owner[1])
            if above is None:
                break
            item = above
        return item


def _resource(path: str) -> str:
    """Returns ``plural.group`` of a custom resource's entry."""
    return path[len(_CUSTOM) :].partition("/")[0].removesuffix(".json")


class _Shared:
    """Makes digests; what repeats from object to object, such as from replica to replica, is there once."""

    def __init__(self) -> None:
        self._labels: dict[tuple[str, ...], Mapping[str, str]] = {}
        self._owners: dict[tuple[str, str], tuple[str, str]] = {}
        self._containers: dict[tuple[ContainerDigest, ...], tuple[ContainerDigest, ...]] = {}

    def digest(
        self, item: Mapping[str, Json], kind: str, path: str, pointer: str, *, whole: bool = False
    ) -> ObjectDigest:
        """Returns an object's digest; with ``whole``, all of its labels and its body too."""
        metadata = mapping(item, "metadata")
        labels = mapping(metadata, "labels")
        keep_all = whole or kind in _WITH_ALL_LABELS
        parts = _BODY if whole or kind in _WITH_BODY else ()
        owners = [entry for entry in sequence(metadata, "ownerReferences") if entry.get("controller")]
        kept = {
            _one(key): _one(value)
            for key, value in labels.items()
            if isinstance(value, str) and (keep_all or key in _KEPT_LABELS)
        }
        owner = (_one(string(owners[0], "kind")), _one(string(owners[0], "name"))) if owners else None
        return ObjectDigest(
            kind=kind,
            namespace=_one(string(metadata, "namespace")),
            name=string(metadata, "name"),
            labels=self._labels.setdefault((*kept, *kept.values()), kept),
            owner=self._owners.setdefault(owner, owner) if owner else None,
            path=_one(path),
            pointer=_one(pointer),
            phase=_one(string(mapping(item, "status"), "phase")),
            containers=self._one_of(tuple(_containers(item, kind))),
            body={key: item[key] for key in parts if key in item} if parts else _NOTHING,
        )

    def _one_of(self, containers: tuple[ContainerDigest, ...]) -> tuple[ContainerDigest, ...]:
        if any(one.terminated or one.last_terminated for one in containers):
            return containers  # how each of them ended is its own
        return self._containers.setdefault(containers, containers)


def _one(text: str) -> str:
    """Returns the one copy of a text that repeats from object to object: names, images, label values."""
    return sys.intern(text)


def _containers(item: Mapping[str, Json], kind: str) -> list[ContainerDigest]:
    spec = mapping(item, "spec")
    if kind == "CronJob":
        spec = mapping(mapping(spec, "jobTemplate"), "spec")
    if kind != "Pod":
        spec = mapping(mapping(spec, "template"), "spec")
    status = mapping(item, "status")
    found = []
    for where, statuses, init in (
        ("initContainers", "initContainerStatuses", True),
        ("containers", "containerStatuses", False),
        ("ephemeralContainers", "ephemeralContainerStatuses", False),
    ):
        known = {string(entry, "name"): entry for entry in sequence(status, statuses)}
        found += [
            _container(entry, known.get(string(entry, "name"), {}), init=init)
            for entry in sequence(spec, where)
        ]
    return found


def _container(entry: Json, status: Json, *, init: bool) -> ContainerDigest:
    state, last = mapping(status, "state"), mapping(status, "lastState")
    return ContainerDigest(
        name=_one(string(entry, "name")),
        image=_one(string(entry, "image")),
        image_id=_one(string(status, "imageID")),
        init=init,
        ready=status.get("ready") is True,
        restarts=integer(status, "restartCount"),
        waiting=_one(string(mapping(state, "waiting"), "reason")),
        terminated=mapping(state, "terminated") or None,
        last_terminated=mapping(last, "terminated") or None,
    )
