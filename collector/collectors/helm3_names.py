"""Helm 3 releases as their Secrets' metadata names them: names, revisions and states, never contents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from collector.collectors.base import Context, gap_of
from collector.kube.errors import ApiError
from collector.kube.lists import ListRead
from collector.records import Gap, Json
from collector.records.access import mapping, string

_OF_HELM = {"labelSelector": "owner=helm"}
_WHAT = "Helm 3 release Secrets (metadata)"


def release_names(context: Context, charts: dict[tuple[str, str], str]) -> Iterator[Json | Gap]:
    """Yields one entry for each record, in the form of ``helm/releases.json``.

    Nothing is asked for unless the operator switched it on.

    Args:
        context: the run's.
        charts: the chart of a release by (namespace, name), as labels of its objects state it.
    """
    resource = context.discovery.find("secrets")
    switched_on = context.spec.helm3_secrets or context.spec.secret_objects == "metadata"
    if resource is None or not switched_on:
        return
    try:
        for item in ListRead(context.api, resource, params=_OF_HELM, metadata_only=True):
            yield _entry(mapping(item, "metadata"), charts)
    except ApiError as error:
        yield gap_of(error, _WHAT, needs="ClusterRole: verb list on secrets (a broad grant; think twice)")


def _entry(metadata: Json, charts: dict[tuple[str, str], str]) -> dict[str, Any]:
    labels = mapping(metadata, "labels")
    namespace, name = string(metadata, "namespace"), string(labels, "name")
    revision = string(labels, "version")
    return {
        "helm": "3",
        "record": f"Secret {namespace}/{string(metadata, 'name')}",
        "name": name,
        "namespace": namespace,
        "revision": int(revision) if revision.isascii() and revision.isdigit() else 0,
        "status": string(labels, "status").upper().replace("-", "_"),
        "description": "",
        "last_deployed": None,
        "chart": charts.get((namespace, name), ""),
        "chart_version": "",
        "app_version": "",
        "objects": [],
        "manifest_note": "the record itself was not read",
    }
