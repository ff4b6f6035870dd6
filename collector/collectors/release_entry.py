"""A release as ``helm/releases.json`` has it, whichever record told of it, without what it keeps secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from collector.collectors.release import Release
from collector.core.clock import rfc3339
from collector.records import Json
from collector.records.access import mapping, sequence, string

_MAX_MANIFEST_OBJECTS = 500
_LONGEST = 10
_LONGEST_TEXT = 2000
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def named_only(metadata: Json, charts: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Returns a release of Helm 3 as its Secret's metadata names it: name, revision and state.

    ``charts`` are the charts of releases by (namespace, name), as labels of their objects state them.
    """
    labels = mapping(metadata, "labels")
    namespace, name = string(metadata, "namespace"), string(labels, "name")
    return {
        "helm": "3",
        "record": f"Secret {namespace}/{string(metadata, 'name')}",
        "name": name,
        "namespace": namespace,
        "revision": revision_of(labels),
        "status": string(labels, "status").upper().replace("-", "_"),
        "description": "",
        "last_deployed": None,
        "chart": charts.get((namespace, name), ""),
        "chart_version": "",
        "app_version": "",
        "objects": [],
        "manifest_note": "the record itself was not read",
    }


def revision_of(labels: Json) -> int:
    """Returns the revision that a record's label states, 0 if it is no number."""
    stated = string(labels, "version")
    return int(stated) if stated.isascii() and stated.isdigit() and len(stated) < _LONGEST else 0


def entry_of(record: Release, place: str) -> dict[str, Any]:
    """Returns the record without its secrets: of the manifest only names, kinds and images are kept.

    ``place`` names the object that held it, such as ``ConfigMap kube-system/conductor.v1``.
    """
    objects, note = _manifest_objects(record.manifest, record.namespace)
    return {
        "helm": record.helm,
        "record": place,
        "name": record.name,
        "namespace": record.namespace,
        "revision": record.revision,
        "status": record.status[:_LONGEST_TEXT],
        "description": record.description[:_LONGEST_TEXT],
        "last_deployed": rfc3339(record.last_deployed) if record.last_deployed else None,
        "chart": record.chart,
        "chart_version": record.chart_version[:_LONGEST_TEXT],
        "app_version": record.app_version[:_LONGEST_TEXT],
        "objects": objects,
        "manifest_note": note,
    }


def _manifest_objects(manifest: str, namespace: str) -> tuple[list[Json], str]:
    objects: list[Json] = []
    try:
        for document in yaml.load_all(manifest, _YAML):
            if len(objects) >= _MAX_MANIFEST_OBJECTS:
                return objects, f"only the first {_MAX_MANIFEST_OBJECTS} objects are listed"
            if isinstance(document, dict) and string(mapping(document, "metadata"), "name"):
                objects.append(_manifest_object(document, namespace))
    except (yaml.YAMLError, ValueError, RecursionError):
        return objects, "the manifest is not readable to its end"
    return objects, ""


def _manifest_object(document: Json, namespace: str) -> Json:
    metadata = mapping(document, "metadata")
    return {
        "kind": string(document, "kind"),
        "namespace": string(metadata, "namespace") or namespace,
        "name": string(metadata, "name"),
        "images": [string(container, "image") for container in pod_containers(document)],
    }


def pod_containers(document: Json) -> list[Json]:
    """Returns the containers in a workload's manifest, those that prepare the pod first."""
    spec = mapping(document, "spec")
    if string(document, "kind") == "CronJob":
        spec = mapping(mapping(spec, "jobTemplate"), "spec")
    pod = mapping(mapping(spec, "template"), "spec")
    return [container for key in ("initContainers", "containers") for container in sequence(pod, key)]
