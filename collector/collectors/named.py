"""Tells which namespaces the operator named are not there: reading one of those finds nothing, quietly."""

from __future__ import annotations

import difflib

from collector.collectors.base import Context
from collector.kube.errors import ApiError
from collector.kube.lists import ListRead
from collector.records import Gap, Status
from collector.records.access import mapping, string


def absent_namespaces(context: Context) -> frozenset[str]:
    """Returns the named namespaces that the server does not have; where it will not say, none."""
    named = dict.fromkeys((*context.spec.conductor_namespaces, *context.spec.namespaces))
    return frozenset(
        name
        for name in named
        if context.digest.find("Namespace", "", name) is None and _absent(context, name)
    )


def absent_gap(context: Context, name: str) -> Gap:
    """Returns what the reader is told of such a name."""
    known = [found.name for found in context.digest.of("Namespace")]
    close = difflib.get_close_matches(name, known, n=1)
    return Gap(
        subject=f"namespace {name}",
        status=Status.ABSENT,
        reason="it was named, and the cluster has no namespace of this name",
        needs=f"the right name, such as: -n {close[0]}"
        if close
        else "the right name: kubectl get namespaces",
    )


def _absent(context: Context, name: str) -> bool:
    resource = context.discovery.find("namespaces")
    if resource is None:
        return False
    read = ListRead(context.api, resource, params={"fieldSelector": f"metadata.name={name}"})
    try:
        return all(string(mapping(item, "metadata"), "name") != name for item in read)
    except ApiError:
        return False
