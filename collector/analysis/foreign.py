"""Who else uses what Conductor installed or lives in its namespaces, from ownership and addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from collector.analysis.context import RuleContext
from collector.analysis.evidence import Item
from collector.bundle import layout
from collector.findings import Evidence, Owner, Subject
from collector.records import Json
from collector.records.access import mapping, sequence, string, strings
from collector.releases import load_components
from collector.releases.images import parse_image

_CONTROLLERS = (
    ("Deployment", "deployments", "apps"),
    ("StatefulSet", "statefulsets", "apps"),
    ("DaemonSet", "daemonsets", "apps"),
    ("CronJob", "cronjobs", "batch"),
)
_PARTS = ("postgres", "errbit", "errbit-store")
# Labels that a chart puts on its objects; what carries none of them was made by hand or by another tool.
_CHART_SIGNS = frozenset(
    {
        "app.kubernetes.io/instance",
        "app.kubernetes.io/managed-by",
        "chart",
        "helm.sh/chart",
        "heritage",
        "kubeaddons.mesosphere.io/name",
        "release",
    }
)
_WORD = re.compile(r"[A-Za-z0-9.-]{1,253}")
_MAX_USES = 200


@dataclass(frozen=True, kw_only=True)
class Use:
    """A workload outside Conductor that names a component of Conductor's by its address."""

    subject: Subject
    component: str
    host: str
    evidence: Evidence


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A workload in Conductor's namespace that is somebody else's, and how we know."""

    subject: Subject
    why: str
    evidence: Evidence


def foreign_users(context: RuleContext) -> Iterator[Use]:
    """Yields each workload once for each component of Conductor's that its pods name."""
    hosts = _hosts(context)
    others = others_of(context)
    seen: set[tuple[Subject, str]] = set()
    for pod in context.view.objects("pods") if hosts else ():
        subject = context.view.workload_of(pod)
        if subject.owner is Owner.CONDUCTOR or len(seen) >= _MAX_USES:
            continue
        for host, pointer in _named(pod, hosts):
            component = hosts[host]
            if (subject, component) not in seen:
                seen.add((subject, component))
                owner = Owner.CUSTOMER if key_of(subject) in others else subject.owner
                yield Use(
                    subject=replace(subject, owner=owner),
                    component=component,
                    host=host,
                    evidence=pod.at(pointer),
                )


def foreign_workloads(context: RuleContext) -> Iterator[Neighbour]:
    """Yields what another release or nobody's chart put into Conductor's namespaces."""
    ours = set(context.facts.conductor_namespaces)
    others = others_of(context)
    for kind, plural, group in _CONTROLLERS:
        for item in context.view.objects(plural, group):
            if item.namespace not in ours:
                continue
            subject = context.view.subject(kind, item.namespace, item.name)
            why = others.get(key_of(subject), "")
            if why:
                yield Neighbour(subject=replace(subject, owner=Owner.CUSTOMER), why=why, evidence=item.at())


def others_of(context: RuleContext) -> Mapping[tuple[str, str, str], str]:
    """Returns the workloads that are shown to be neither Conductor's nor the platform's, with the proof."""
    document = context.view.document(layout.CONDUCTOR)
    found = {
        (string(o, "kind"), string(o, "namespace"), string(o, "name")): (
            f"the release {string(o, 'release')} installed it"
        )
        for o in sequence(document, "objects")
        if string(o, "owner") == Owner.UNKNOWN and string(o, "release")
    }
    accounted = {
        (string(o, "kind"), string(o, "namespace"), string(o, "name")) for o in sequence(document, "objects")
    }
    for kind, plural, group in _CONTROLLERS if document else ():
        for item in context.view.objects(plural, group):
            key = kind, item.namespace, item.name
            labels = mapping(mapping(item.body, "metadata"), "labels")
            if key not in accounted and not _CHART_SIGNS & labels.keys() and not _owned(item):
                found[key] = "no release, chart or addon accounts for it"
    return found


def _owned(item: Item) -> bool:
    return bool(sequence(mapping(item.body, "metadata"), "ownerReferences"))


def _hosts(context: RuleContext) -> dict[str, str]:
    """Returns the names under which Conductor's own stores are reached, each with its component.

    Inside the same namespace the bare name is enough; it is kept as ``name.namespace`` here.
    """
    parts = {
        (item.namespace, part): mapping(mapping(mapping(item.body, "spec"), "template"), "metadata")
        for kind, plural, group in _CONTROLLERS
        for item in context.view.objects(plural, group)
        if context.view.subject(kind, item.namespace, item.name).owner is Owner.CONDUCTOR
        and (part := _part(item))
    }
    found: dict[str, str] = {}
    for service in context.view.objects("services") if parts else ():
        selector = mapping(mapping(service.body, "spec"), "selector")
        for (namespace, part), metadata in parts.items():
            labels = mapping(metadata, "labels")
            if namespace == service.namespace and selector and selector.items() <= labels.items():
                found[f"{service.name}.{namespace}"] = part
    return found


def _part(item: Item) -> str:
    spec = mapping(mapping(mapping(item.body, "spec"), "template"), "spec")
    for container in sequence(spec, "containers"):
        component = load_components().of(parse_image(string(container, "image")).repository)
        if component and component.name in _PARTS:
            return component.name
    return ""


def _named(pod: Item, hosts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yields the hosts of Conductor's that a pod's environment and arguments name, with the place."""
    containers = sequence(mapping(pod.body, "spec"), "containers")
    for at, container in enumerate(containers):
        for text in _texts(container):
            for word in _WORD.findall(text):
                host = _known(word, pod.namespace, hosts)
                if host:
                    yield host, f"/spec/containers/{at}"


def _texts(container: Json) -> Iterator[str]:
    yield from (string(entry, "value") for entry in sequence(container, "env"))
    yield from strings(container, "args")
    yield from strings(container, "command")


def _known(word: str, namespace: str, hosts: Mapping[str, str]) -> str:
    parts = word.split(".")
    if len(parts) == 1:
        host = f"{word}.{namespace}"
        return host if host in hosts else ""
    host = ".".join(parts[:2])
    return host if host in hosts and parts[2:3] in ([], ["svc"]) else ""


def key_of(subject: Subject) -> tuple[str, str, str]:
    """Returns what a workload is known by in ``others_of``."""
    return subject.kind, subject.namespace, subject.name
