"""Adds to findings on workloads what the policy asks of all of them, so that no rule has to think of it.

The policy decides on a cause only where one is shown; where none is, that is said with ``unknown``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace

from collector.analysis.applications import shipped_applications
from collector.analysis.context import RuleContext
from collector.analysis.evidence import Item
from collector.analysis.workloads import node_ready
from collector.bundle import layout
from collector.findings import Finding, Owner, Subject
from collector.records import Json
from collector.records.access import mapping, sequence, string
from collector.releases import load_components
from collector.releases.images import parse_image

_WORKLOADS = ("app.crash_loop", "app.unavailable", "app.oom_killed", "app.image_pull")
_PARTS = {"errbit": "errbit", "errbit-store": "errbit_store", "postgres": "postgres"}
_CONTROLLERS = (("Deployment", "deployments"), ("StatefulSet", "statefulsets"), ("DaemonSet", "daemonsets"))


def annotated(findings: Iterable[Finding], context: RuleContext) -> tuple[Finding, ...]:
    """Returns the findings in their order, those on workloads with cause, component and the like stated."""
    known = _Known(context)
    return tuple(
        replace(finding, facts={**_stated(finding, known), **finding.facts})
        if finding.topic in _WORKLOADS
        else finding
        for finding in findings
    )


def _stated(finding: Finding, known: _Known) -> dict[str, str]:
    subject = finding.subject
    stated = {"cause": "platform" if subject in known.on_dead_nodes else "unknown"}
    if part := known.components.get(_key(subject), ""):
        stated["component"] = part
    if subject.owner is Owner.PLATFORM_APPLICATION and (kind := known.applications.get(subject, "")):
        stated["application"] = kind
    if finding.topic == "app.oom_killed":
        stated["limits"] = known.limits.get(_key(subject), "unknown")
    return stated


class _Known:
    """What is looked up for many findings, read once and only if it is asked for."""

    def __init__(self, context: RuleContext) -> None:
        self._context = context

    @functools.cached_property
    def on_dead_nodes(self) -> set[Subject]:
        """Workloads with a pod on a node that is not ready."""
        view = self._context.view
        dead = {item.name for item in view.objects("nodes") if not node_ready(item)}
        return {
            view.workload_of(pod)
            for pod in (view.objects("pods") if dead else ())
            if string(mapping(pod.body, "spec"), "nodeName") in dead
        }

    @functools.cached_property
    def components(self) -> dict[tuple[str, str, str], str]:
        """Which part of Conductor a workload is, by its images."""
        return {
            (kind, item.namespace, item.name): part
            for kind, plural in _CONTROLLERS
            for item in self._context.view.objects(plural, "apps")
            if (part := next(filter(None, map(_part, _images(item))), ""))
        }

    @functools.cached_property
    def applications(self) -> dict[Subject, str]:
        """What the vendor's lists call the platform's applications."""
        return {entry.subject: entry.kind for entry in shipped_applications(self._context)}

    @functools.cached_property
    def limits(self) -> dict[tuple[str, str, str], str]:
        """Whether a workload's resources are those of the release's manifest."""
        compared = sequence(self._context.view.document(layout.ALTERATIONS), "compared")
        return {
            (string(entry, "kind"), string(entry, "namespace"), string(entry, "name")): _limits(entry)
            for entry in compared
        }


def _limits(entry: Json) -> str:
    edited = any(string(change, "area") == "resources" for change in sequence(entry, "differences"))
    return "edited" if edited else "shipped"


def _images(item: Item) -> list[str]:
    spec = mapping(mapping(mapping(item.body, "spec"), "template"), "spec")
    return [string(container, "image") for container in sequence(spec, "containers")]


def _part(image: str) -> str:
    component = load_components().of(parse_image(image).repository)
    return _PARTS.get(component.name, "") if component else ""


def _key(subject: Subject) -> tuple[str, str, str]:
    return subject.kind, subject.namespace, subject.name
