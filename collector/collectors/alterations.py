"""Holds Conductor's live workloads against the manifests of its release, before anything leaves memory.

Manifests hold secrets and are never written. What is written are the fields that differ; what follows from
them is for the rules and the policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import yaml

from collector.bundle import layout
from collector.collectors.base import Collector, Context, Reread, gap_of
from collector.collectors.drift import differences
from collector.collectors.release import Release
from collector.collectors.release_entry import pod_containers
from collector.collectors.values import changed_values
from collector.kube.errors import ApiError
from collector.kube.lists import ListRead
from collector.records import Document, Gap, Json, Record
from collector.records.access import mapping, string
from collector.releases import load_conductor
from collector.spec import Spec

_KINDS = (
    ("Deployment", "deployments", ("apps", "extensions")),
    ("StatefulSet", "statefulsets", ("apps",)),
    ("DaemonSet", "daemonsets", ("apps", "extensions")),
    ("CronJob", "cronjobs", ("batch",)),
)
_MAX_MANIFEST = 8 * 1024 * 1024
_MAX_OBJECTS = 500
_MAX_CONTAINERS = 50
_LONGEST_REFERENCE = 500
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Key = tuple[str, str, str]


def collect(context: Context) -> Iterator[Record]:
    """Yields conductor/alterations.json, and a gap for what could not be compared."""
    records = [record for record in context.digest.records if record.manifest]
    shipped = _shipped(records)
    compared: list[Json] = []
    for found in _compared(context, shipped):
        if isinstance(found, Gap):
            yield found
        else:
            compared.append(found)
    yield Document(
        path=layout.ALTERATIONS,
        value={
            "release": _release(records[0]) if records else None,
            "values": _values(records[0]) if records else None,
            "compared": compared,
        },
    )


def _release(record: Release) -> Json:
    return {
        "helm": record.helm,
        "name": record.name,
        "namespace": record.namespace,
        "revision": record.revision,
    }


def _values(record: Release) -> Json:
    changed = changed_values(record)
    documented = set(load_conductor().values.documented)
    return {"changed": changed, "undocumented": [path for path in changed if path not in documented]}


def _shipped(records: list[Release]) -> dict[Key, list[Json]]:
    """Returns the workloads of the live revision's manifest, each with its form in newer revisions."""
    found: dict[Key, list[Json]] = {}
    for at, record in enumerate(records):
        for document in _documents(record.manifest):
            metadata = mapping(document, "metadata")
            namespace = string(metadata, "namespace") or record.namespace
            key = string(document, "kind"), namespace, string(metadata, "name")
            if at == 0 or key in found:
                found.setdefault(key, []).append(document)
    return found


def _documents(manifest: str) -> Iterator[Json]:
    if len(manifest) > _MAX_MANIFEST:
        return
    try:
        for count, document in enumerate(yaml.load_all(manifest, _YAML)):
            if count >= _MAX_OBJECTS:
                return
            if isinstance(document, dict):
                yield document
    except (yaml.YAMLError, ValueError, RecursionError):
        return  # what came before is whole; the release's own entry says that its manifest is not


def _compared(context: Context, shipped: Mapping[Key, list[Json]]) -> Iterator[Json | Gap]:
    scaled = _scaled(context, shipped)
    for kind, plural, groups in _KINDS:
        namespaces = sorted({namespace for known, namespace, _ in shipped if known == kind})
        resource = context.wanted(plural, *groups)
        for namespace in namespaces if resource else ():
            assert resource is not None  # the loop is empty otherwise
            try:
                for item in ListRead(context.api, resource, namespace):
                    name = string(mapping(item, "metadata"), "name")
                    documents = shipped.get((kind, namespace, name))
                    if documents:
                        changes = differences(documents, item, scaled=(kind, namespace, name) in scaled)
                        yield _entry(context, (kind, namespace, name), changes, documents)
            except ApiError as error:
                yield gap_of(error, f"release manifest against live {plural}", namespace=namespace)


def _entry(context: Context, key: Key, changes: list[Any], documents: list[Json]) -> Json:
    kind, namespace, name = key
    seen = context.digest.find(kind, namespace, name)
    return {
        "kind": kind,
        "namespace": namespace,
        "name": name,
        "differences": [asdict(change) for change in changes],
        "images": _images(documents),
        "path": seen.path if seen else "",
        "pointer": seen.pointer if seen else "",
    }


def _images(documents: list[Json]) -> list[Json]:
    """Returns the references that the manifests name, by container."""
    found: dict[str, list[str]] = {}
    for document in documents:
        for container in pod_containers(document):
            references = found.setdefault(string(container, "name"), [])
            reference = string(container, "image")[:_LONGEST_REFERENCE]
            if reference and reference not in references:
                references.append(reference)
    return [{"container": name, "shipped": references} for name, references in found.items()][
        :_MAX_CONTAINERS
    ]


def _scaled(context: Context, shipped: Mapping[Key, list[Json]]) -> set[Key]:
    """Returns the workloads whose replicas an autoscaler sets; unreadable autoscalers scale nothing."""
    resource = context.wanted("horizontalpodautoscalers", "autoscaling")
    found: set[Key] = set()
    for namespace in sorted({namespace for _, namespace, _ in shipped}) if resource else ():
        assert resource is not None  # the loop is empty otherwise
        try:
            for item in ListRead(context.api, resource, namespace):
                target = mapping(mapping(item, "spec"), "scaleTargetRef")
                found.add((string(target, "kind"), namespace, string(target, "name")))
        except ApiError:
            return found
    return found


def _rereads(_: Spec) -> tuple[Reread, ...]:
    part = "where the release's manifest could be read, in its namespaces"
    autoscalers = Reread(resource="horizontalpodautoscalers", groups=("autoscaling",), part=part)
    return (
        *(Reread(resource=plural, groups=groups, part=part) for _, plural, groups in _KINDS),
        autoscalers,
    )


ALTERATIONS = Collector(
    name="alterations",
    collect=collect,
    rereads=_rereads,
    after=("conductor",),
    seconds=60.0,
)
