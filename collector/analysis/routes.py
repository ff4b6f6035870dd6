"""Where Ingresses lead: whether the Service and the port behind each path are there and anything answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collector.analysis.evidence import BundleView, Item
from collector.analysis.workloads import troubled_pods
from collector.bundle import layout
from collector.findings import Evidence
from collector.records import Json
from collector.records.access import integer, mapping, sequence, string

INGRESS_GROUPS = ("networking.k8s.io", "extensions")
"""Where servers list Ingresses; old ones list the same objects in both."""
_NO_ENDPOINTS_NEEDED = "ExternalName"
_MAX_SERVICES = 20_000
_MAX_PODS = 20

Place = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A Service as routes need it. ``ports`` holds numbers and names, both as text."""

    ports: frozenset[str]
    external: bool
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """What stands behind a Service: how many addresses are ready, and the pods of those that are not.

    An address that is no pod's has an empty name; ``unready`` holds the first few.
    """

    ready: int
    unready: tuple[str, ...]
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class DeadEnd:
    """A path of an Ingress that leads nowhere. ``missing``: there is nothing at all, ready or not."""

    why: str
    missing: bool
    evidence: tuple[Evidence, ...]


def ingresses(view: BundleView, namespaces: tuple[str, ...]) -> Iterator[Item]:
    """Yields the Ingresses of these namespaces, without those that cert-manager makes for a challenge."""
    seen: set[Place] = set()
    for group in INGRESS_GROUPS:
        for item in view.objects("ingresses", group):
            place = item.namespace, item.name
            owners = sequence(mapping(item.body, "metadata"), "ownerReferences")
            if item.namespace not in namespaces or place in seen:
                continue
            if any(string(owner, "kind") in ("Challenge", "Order") for owner in owners):
                continue
            seen.add(place)
            yield item


def services_of(ingress: Item) -> frozenset[str]:
    """Returns the names of the Services that an Ingress leads to."""
    return frozenset(name for _, backend in _backends(ingress) if (name := _target(backend)[0]))


def dead_ends(view: BundleView, ingress: Item) -> Iterator[DeadEnd]:
    """Yields each backend of an Ingress once that cannot answer, as far as Services and Endpoints were read.

    Pods that are not ready are left to the rules on their workload, where there is one.
    """
    told: set[str] = set()
    for pointer, backend in _backends(ingress):
        name, port = _target(backend)
        found = _dead_end(view, ingress, pointer, name, port) if name else None
        if found is not None and found.why not in told:
            told.add(found.why)
            yield found


def _dead_end(view: BundleView, ingress: Item, pointer: str, name: str, port: str) -> DeadEnd | None:
    place = ingress.namespace, name
    route = ingress.at(pointer)
    service = view.once(_services).get(place)
    if service is None:
        known = view.once(_whole).get("services", False)
        return DeadEnd(why=f"there is no Service {name}", missing=True, evidence=(route,)) if known else None
    if service.external:
        return None
    if port and service.ports and port not in service.ports:
        why = f"Service {name} has no port {port}"
        return DeadEnd(why=why, missing=True, evidence=(route, service.evidence))
    endpoint = view.once(_endpoints).get(place)
    if endpoint is None or endpoint.ready:
        return None
    evidence = (route, endpoint.evidence)
    if endpoint.unready:
        told = view.once(_told_of)
        if all((ingress.namespace, pod) in told for pod in endpoint.unready):
            return None
        return DeadEnd(why=f"none of the pods behind {name} is ready", missing=False, evidence=evidence)
    return DeadEnd(why=f"no pod stands behind Service {name}", missing=True, evidence=evidence)


def _backends(ingress: Item) -> Iterator[tuple[str, Json]]:
    spec = mapping(ingress.body, "spec")
    for key in ("backend", "defaultBackend"):
        if mapping(spec, key):
            yield f"/spec/{key}", mapping(spec, key)
    for at, rule in enumerate(sequence(spec, "rules")):
        for number, path in enumerate(sequence(mapping(rule, "http"), "paths")):
            yield f"/spec/rules/{at}/http/paths/{number}", mapping(path, "backend")


def _target(backend: Json) -> tuple[str, str]:
    """Returns the Service's name and its port, as number or name; old servers write both flat."""
    service = mapping(backend, "service")
    if service:
        port = mapping(service, "port")
        return string(service, "name"), string(port, "name") or _number(port, "number")
    return string(backend, "serviceName"), string(backend, "servicePort") or _number(backend, "servicePort")


def _number(value: Json, key: str) -> str:
    found = integer(value, key)
    return str(found) if found else ""


def _services(view: BundleView) -> dict[Place, Service]:
    found: dict[Place, Service] = {}
    for item in view.objects("services"):
        spec = mapping(item.body, "spec")
        ports = [
            name
            for port in sequence(spec, "ports")
            for name in (_number(port, "port"), string(port, "name"))
            if name
        ]
        if len(found) < _MAX_SERVICES:
            external = string(spec, "type") == _NO_ENDPOINTS_NEEDED
            found[item.namespace, item.name] = Service(
                ports=frozenset(ports), external=external, evidence=item.at()
            )
    return found


def _endpoints(view: BundleView) -> dict[Place, Endpoint]:
    found: dict[Place, Endpoint] = {}
    for item in view.objects("endpoints"):
        subsets = sequence(item.body, "subsets")
        unready = [
            string(mapping(address, "targetRef"), "name")
            for subset in subsets
            for address in sequence(subset, "notReadyAddresses")
        ]
        if len(found) < _MAX_SERVICES:
            found[item.namespace, item.name] = Endpoint(
                ready=sum(len(sequence(subset, "addresses")) for subset in subsets),
                unready=tuple(unready[:_MAX_PODS]),
                evidence=item.at(),
            )
    return found


def _told_of(view: BundleView) -> frozenset[Place]:
    """Returns the pods in trouble whose workload's missing replicas are a finding of their own."""
    return frozenset(
        (pod.namespace, pod.name)
        for pod in troubled_pods(view)
        if view.workload_of(pod).kind in ("Deployment", "StatefulSet")
    )


def _whole(view: BundleView) -> dict[str, bool]:
    """Returns for each resource whether all of it was read, so that what is not there does not exist."""
    gaps = {string(gap, "subject") for gap in view.documents(layout.GAPS)}
    return {
        string(entry, "resource"): string(entry, "state") == "read"
        and f"list {string(entry, 'resource')}" not in gaps
        for entry in view.documents(layout.READ)
    }
