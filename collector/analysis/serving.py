"""Which Traefik serves Conductor: by the class its Ingresses name and the class each Traefik listens to.

A Traefik that is not told a class serves Ingresses that name ``traefik`` or none. Where two could serve, or a
configuration file may say otherwise, it stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from collector.analysis.evidence import BundleView, Item
from collector.findings import VersionFact
from collector.records import Json
from collector.records.access import mapping, sequence, string, strings

_CLASS = re.compile(
    r"--(?:kubernetes\.ingressclass|providers\.kubernetesingress\.ingressclass)[= ]([\w.-]+)", re.IGNORECASE
)
_FILE = re.compile(r"--configfile\b", re.IGNORECASE)
_ROUTES = ("traefik.containo.us", "traefik.io")
_DEFAULT = frozenset({"", "traefik"})
_KINDS = (("Deployment", "deployments"), ("DaemonSet", "daemonsets"), ("StatefulSet", "statefulsets"))


def with_serving(
    versions: Iterable[VersionFact], view: BundleView, namespaces: tuple[str, ...]
) -> tuple[VersionFact, ...]:
    """Returns the versions, every Traefik with whether it serves Conductor, as far as that can be told."""
    facts = tuple(versions)
    traefiks = [fact for fact in facts if fact.component == "traefik"]
    classes = _classes(view, set(namespaces))
    routes = _routes(view, set(namespaces))
    if not traefiks or not (classes or routes):
        return facts
    may = {id(fact): _may_serve(view, fact, classes, routes=routes) for fact in traefiks}
    able = sum(1 for able in may.values() if able)
    return tuple(
        replace(fact, serves_conductor=_verdict(able=may[id(fact)], rivals=able - 1))
        if id(fact) in may
        else fact
        for fact in facts
    )


def listens_to(view: BundleView, fact: VersionFact) -> tuple[frozenset[str], bool]:
    """Returns the classes whose Ingresses a Traefik serves, and whether a file may tell it otherwise.

    The empty class is that of Ingresses which name none.
    """
    words = _words(view, fact)
    found = _CLASS.search(words)
    return (frozenset({found[1]}), False) if found else (_DEFAULT, bool(_FILE.search(words)))


def stated_class(ingress: Item) -> str:
    """Returns the class that an Ingress names, in its annotation or its spec; empty if it names none."""
    annotations = mapping(mapping(ingress.body, "metadata"), "annotations")
    stated = string(annotations, "kubernetes.io/ingress.class")
    return stated or string(mapping(ingress.body, "spec"), "ingressClassName")


def _verdict(*, able: bool, rivals: int) -> bool | None:
    if not able:
        return False
    return True if rivals == 0 else None


def _may_serve(view: BundleView, fact: VersionFact, classes: set[str], *, routes: bool) -> bool:
    if routes and not fact.version.startswith(("1.", "0.")):
        return True
    return bool(classes & listens_to(view, fact)[0])


def _words(view: BundleView, fact: VersionFact) -> str:
    """Returns the arguments and commands of a Traefik's containers."""
    plural = next((plural for kind, plural in _KINDS if kind == fact.subject.kind), "")
    return " ".join(
        word
        for item in (view.objects(plural, "apps") if plural else ())
        if (item.namespace, item.name) == (fact.subject.namespace, fact.subject.name)
        for container in _containers(item)
        for word in (*strings(container, "args"), *strings(container, "command"))
    )


def _containers(item: Item) -> list[Json]:
    template = mapping(mapping(item.body, "spec"), "template")
    return sequence(mapping(template, "spec"), "containers")


def _classes(view: BundleView, namespaces: set[str]) -> set[str]:
    found = set()
    for group in ("networking.k8s.io", "extensions"):
        for item in view.objects("ingresses", group):
            if item.namespace in namespaces:
                found.add(stated_class(item))
    return found


def _routes(view: BundleView, namespaces: set[str]) -> bool:
    return any(
        item.namespace in namespaces for group in _ROUTES for item in view.objects("ingressroutes", group)
    )
