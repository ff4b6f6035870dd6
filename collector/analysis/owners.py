"""Whose an object is that is no workload: by manifests of releases, labels and owners, never by name."""

from __future__ import annotations

from collections.abc import Mapping

from collector.analysis.context import RuleContext
from collector.analysis.evidence import BundleView, Item
from collector.analysis.routes import INGRESS_GROUPS, services_of
from collector.bundle import layout
from collector.findings import Owner, Subject
from collector.records.access import mapping, sequence, string
from collector.releases import load_conductor

_CONDUCTOR = "conductor"
_INSTANCE = ("release", "app.kubernetes.io/instance")
_CHART = ("helm.sh/chart", "chart")
_ADDON = "kubeaddons.mesosphere.io/name"
_ADDONS = ("addons", "clusteraddons")
_ADDON_GROUP = "kubeaddons.mesosphere.io"
_FLUX = "helm.toolkit.fluxcd.io/name"

Key = tuple[str, str, str]
"""Kind, namespace and name."""


def owned_subject(context: RuleContext, kind: str, item: Item) -> Subject:
    """Returns an object as the subject of a finding, with its owner.

    What another release installed is the customer's; what nothing accounts for stays unknown.
    """
    owner = _owner(context.view, kind, item)
    return Subject(kind=kind, namespace=item.namespace, name=item.name, owner=owner)


def _owner(view: BundleView, kind: str, item: Item) -> Owner:
    shipped = view.once(_shipped)
    above = ((string(o, "kind"), item.namespace, string(o, "name")) for o in _owners(item))
    for key in ((kind, item.namespace, item.name), *above):
        if key in shipped:
            return shipped[key]
    found = _by_labels(view, item)
    if found is Owner.UNKNOWN and kind == "Certificate":
        secret = string(mapping(item.body, "spec"), "secretName")
        return view.once(_shown_by_ingresses).get((item.namespace, secret), Owner.UNKNOWN)
    return found


def _shown_by_ingresses(view: BundleView) -> dict[tuple[str, str], Owner]:
    """Returns whose the Ingresses are that show each Secret's certificate: one owner's, or nobody's."""
    owners: dict[tuple[str, str], set[Owner]] = {}
    for group in INGRESS_GROUPS:
        for item in view.objects("ingresses", group):
            for entry in sequence(mapping(item.body, "spec"), "tls"):
                if secret := string(entry, "secretName"):
                    owners.setdefault((item.namespace, secret), set()).add(_of_ingress(view, item))
    return {place: next(iter(found)) for place, found in owners.items() if len(found) == 1}


def _of_ingress(view: BundleView, item: Item) -> Owner:
    """Returns an Ingress' owner; what leads to Conductor's Services and nowhere else serves Conductor."""
    owner = _owner(view, "Ingress", item)
    own = view.once(_services)
    behind = {own.get((item.namespace, name)) for name in services_of(item)}
    return Owner.CONDUCTOR if owner is Owner.UNKNOWN and behind == {Owner.CONDUCTOR} else owner


def _services(view: BundleView) -> dict[tuple[str, str], Owner]:
    return {(item.namespace, item.name): _owner(view, "Service", item) for item in view.objects("services")}


def _by_labels(view: BundleView, item: Item) -> Owner:
    labels = mapping(mapping(item.body, "metadata"), "labels")
    releases = view.once(_releases)
    for label in _INSTANCE:
        found = releases.get((item.namespace, string(labels, label)))
        if found is not None:
            return found
    addon = string(labels, _ADDON)
    if addon == _CONDUCTOR or any(_names_conductor(string(labels, label)) for label in _CHART):
        return Owner.CONDUCTOR
    if addon or string(labels, _FLUX) in view.once(_applications):
        return Owner.PLATFORM_APPLICATION
    return Owner.UNKNOWN


def _names_conductor(label: str) -> bool:
    name, _, version = label.rpartition("-")
    return name == _CONDUCTOR and version[:1].isdigit()


def _owners(item: Item) -> list[Mapping[str, object]]:
    return list(sequence(mapping(item.body, "metadata"), "ownerReferences"))


def _releases(view: BundleView) -> dict[tuple[str, str], Owner]:
    """Returns whose each deployed release is, by namespace and name."""
    addons = {_chart(item) for plural in _ADDONS for item in view.objects(plural, _ADDON_GROUP)}
    own = load_conductor().releases.charts
    found = {}
    for release in sequence(view.document(layout.RELEASES), "releases"):
        chart = string(release, "chart"), string(release, "chart_version")
        if string(release, "status") == "DEPLOYED" and all(chart):
            others = Owner.PLATFORM_APPLICATION if chart in addons else Owner.CUSTOMER
            place = string(release, "namespace"), string(release, "name")
            found[place] = Owner.CONDUCTOR if chart[0] in own else others
    return found


def _chart(addon: Item) -> tuple[str, str]:
    reference = mapping(mapping(addon.body, "spec"), "chartReference")
    return string(reference, "chart").rpartition("/")[2], string(reference, "version")


def _shipped(view: BundleView) -> dict[Key, Owner]:
    """Returns whose the objects are that stand in the manifests of deployed releases."""
    owners = view.once(_releases)
    found: dict[Key, Owner] = {}
    for release in sequence(view.document(layout.RELEASES), "releases"):
        owner = owners.get((string(release, "namespace"), string(release, "name")))
        if owner is not None and string(release, "status") == "DEPLOYED":
            for entry in sequence(release, "objects"):
                key = string(entry, "kind"), string(entry, "namespace"), string(entry, "name")
                found[key] = owner
    return found


def _applications(view: BundleView) -> frozenset[str]:
    return frozenset(item.name for item in view.objects("appdeployments", "apps.kommander.d2iq.io"))
