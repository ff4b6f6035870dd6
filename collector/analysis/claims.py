"""Volume claims that wait for a volume, why, and whose the storage is that they wait for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.analysis.context import RuleContext
from collector.analysis.evidence import BundleView, Item
from collector.core.clock import parse_rfc3339
from collector.findings import Evidence, Platform
from collector.records.access import mapping, sequence, string
from collector.releases import load_applications

_WAITING = ("Pending", "Lost")
_LATE_BINDING = "WaitForFirstConsumer"
_DEFAULT_CLASS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
_CLASS_OF_OLD = "volume.beta.kubernetes.io/storage-class"
_IN_TREE = "kubernetes.io/"
_ADDON_GROUP = "kubeaddons.mesosphere.io"
_CSI_LABEL = "konvoy.d2iq.io/csi"
# Making a disk and attaching it takes minutes on some clouds.
_PATIENCE = timedelta(minutes=5)
_KEPT = 20_000

Place = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A claim without a volume. ``provisioner`` is platform, customer or unknown, as the policy asks."""

    item: Item
    why: str
    provisioner: str
    evidence: tuple[Evidence, ...]


def waiting_claims(context: RuleContext) -> Iterator[Waiting]:
    """Yields the claims in Conductor's namespaces that are lost, or pending though something wants them."""
    view = context.view
    for item in view.objects("persistentvolumeclaims"):
        phase = string(mapping(item.body, "status"), "phase")
        if phase not in _WAITING or item.namespace not in context.facts.conductor_namespaces:
            continue
        storage = _class_of(view, item)
        if phase == "Pending" and not _overdue(view, item, storage, context.now):
            continue
        events = view.once(_events).get((item.namespace, item.name))
        yield Waiting(
            item=item,
            why=_why(phase, item, storage, events[0] if events else ""),
            provisioner=_whose(context, storage),
            evidence=(
                item.at("/status/phase"),
                *((events[1],) if events else ()),
                *((storage.at("/provisioner"),) if storage else ()),
            ),
        )


def _overdue(view: BundleView, item: Item, storage: Item | None, now: datetime) -> bool:
    created = parse_rfc3339(mapping(item.body, "metadata").get("creationTimestamp"))
    if created is not None and now - created < _PATIENCE:
        return False
    late = storage is not None and string(storage.body, "volumeBindingMode") == _LATE_BINDING
    return not late or (item.namespace, item.name) in view.once(_claimed)


def _why(phase: str, item: Item, storage: Item | None, event: str) -> str:
    if phase == "Lost":
        return "the volume that it was bound to is gone"
    named = _class_name(item)
    if event:
        return event
    if named and storage is None:
        return f"pending; no StorageClass {named} was found"
    return (
        "pending; no event says why" if storage else "pending; it names no StorageClass and none is default"
    )


def _class_name(item: Item) -> str:
    annotations = mapping(mapping(item.body, "metadata"), "annotations")
    return string(mapping(item.body, "spec"), "storageClassName") or string(annotations, _CLASS_OF_OLD)


def _class_of(view: BundleView, item: Item) -> Item | None:
    classes, named = view.once(_classes), _class_name(item)
    if named or "storageClassName" in mapping(item.body, "spec"):
        return classes.get(named)
    return next((found for found in classes.values() if _is_default(found)), None)


def _is_default(storage: Item) -> bool:
    annotations = mapping(mapping(storage.body, "metadata"), "annotations")
    return any(string(annotations, name) == "true" for name in _DEFAULT_CLASS)


def _whose(context: RuleContext, storage: Item | None) -> str:
    """Returns whose driver it is: the platform's if its addon is there, the customer's if none ships it."""
    if storage is None or context.facts.platform is Platform.UNKNOWN:
        return "unknown"
    if context.facts.platform is Platform.NONE:
        return "customer"
    provisioner = string(storage.body, "provisioner")
    shipped = load_applications().provider(provisioner)
    if shipped is not None:
        return "platform" if shipped.name in context.view.once(_installed) else "unknown"
    return "unknown" if provisioner.startswith(_IN_TREE) or not provisioner else "customer"


def _installed(view: BundleView) -> frozenset[str]:
    """Returns the storage that the platform is shown to have installed, by the names of applications."""
    addons = {
        item.name for plural in ("addons", "clusteraddons") for item in view.objects(plural, _ADDON_GROUP)
    }
    brought = any(
        _CSI_LABEL in mapping(mapping(item.body, "metadata"), "labels")
        for item in view.objects("clusters", "cluster.x-k8s.io")
    )
    every = {entry.name for entry in load_applications().applications if entry.provisioners}
    return frozenset(addons | (every if brought else set()))


def _classes(view: BundleView) -> dict[str, Item]:
    return {item.name: item for item in view.objects("storageclasses", "storage.k8s.io")}


def _claimed(view: BundleView) -> frozenset[Place]:
    """Returns the claims that pods name."""
    return frozenset(
        (pod.namespace, name)
        for pod in view.objects("pods")
        for volume in sequence(mapping(pod.body, "spec"), "volumes")
        if (name := string(mapping(volume, "persistentVolumeClaim"), "claimName"))
    )


def _events(view: BundleView) -> dict[Place, tuple[str, Evidence]]:
    """Returns the newest warning about each claim."""
    found: dict[Place, tuple[str, Evidence]] = {}
    newest: dict[Place, str] = {}
    for event in view.objects("events"):
        about = mapping(event.body, "involvedObject")
        place = string(about, "namespace"), string(about, "name")
        moment = string(event.body, "lastTimestamp") or string(event.body, "eventTime")
        told = string(about, "kind") == "PersistentVolumeClaim" and string(event.body, "type") == "Warning"
        if told and len(found) < _KEPT and moment >= newest.get(place, ""):
            newest[place] = moment
            message = string(event.body, "message")
            found[place] = message, event.at("/message", message)
    return found
