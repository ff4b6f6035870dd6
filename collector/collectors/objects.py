"""Reads lists of Kubernetes objects into the bundle, one entry a namespace, and digests them on the way."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping

from collector.bundle import layout
from collector.collectors.base import Context, gap_of
from collector.core.text import counted
from collector.kube.discovery import ApiResource
from collector.kube.errors import ApiError, ForbiddenError
from collector.kube.lists import ListRead
from collector.records import ContentError, Gap, Json, Objects, Record, Status
from collector.records.access import mapping, string


def read_resource(
    context: Context, resource: ApiResource, *, metadata_only: bool = False
) -> Iterator[Record]:
    """Yields every object of a resource, as far as namespaces and rights allow.

    Where the whole cluster may not be listed, the namespaces the operator named (or the kubeconfig's) are
    tried one by one, and the gap is recorded. ``metadata_only`` asks for names, labels and the like alone.
    """
    wanted: tuple[str | None, ...] = context.spec.namespaces if resource.namespaced else ()
    if wanted:
        yield from _read(context, resource, wanted, metadata_only=metadata_only)
        return
    read = ListRead(
        context.api, resource, params=_without_excluded(context, resource), metadata_only=metadata_only
    )
    items = iter(read)
    try:
        first = next(items, None)
    except ForbiddenError as error:
        yield gap_of(error, f"list {resource.full_name}", needs=grant(resource))
        if resource.namespaced:
            fallback = _fallback_namespaces(context)
            yield from _read(context, resource, fallback, told=True, metadata_only=metadata_only)
        return
    except ApiError as error:
        yield gap_of(error, f"list {resource.full_name}")
        return
    if first is None:
        context.digest.listed.setdefault(resource.full_name, 0)
    everything = itertools.chain([first], items) if first is not None else ()
    yield from _entries(context, resource, everything, read)


def grant(resource: ApiResource) -> str:
    """Returns the grant that would allow the list, in words kubectl users know."""
    scope = "ClusterRole" if not resource.namespaced else "ClusterRole (or a Role in each namespace)"
    return f"{scope}: verb list on {resource.full_name}"


def _fallback_namespaces(context: Context) -> tuple[str | None, ...]:
    own = context.api.connection.namespace
    return tuple(dict.fromkeys((*context.spec.conductor_namespaces, own)))


def _without_excluded(context: Context, resource: ApiResource) -> dict[str, str]:
    """Returns the query that leaves out namespaces; every resource knows this field."""
    excluded = context.spec.exclude_namespaces if resource.namespaced else ()
    selector = ",".join(f"metadata.namespace!={namespace}" for namespace in excluded)
    return {"fieldSelector": selector} if selector else {}


def _read(
    context: Context,
    resource: ApiResource,
    namespaces: Iterable[str | None],
    *,
    told: bool = False,
    metadata_only: bool = False,
) -> Iterator[Record]:
    """Lists namespace by namespace. ``told``: that listing is denied has been said already."""
    for namespace in namespaces:
        if namespace in context.spec.exclude_namespaces:
            continue
        read = ListRead(context.api, resource, namespace, metadata_only=metadata_only)
        items = iter(read)
        try:
            first = next(items, None)
        except ForbiddenError as error:
            if not told:
                yield gap_of(
                    error,
                    f"list {resource.full_name}",
                    namespace=namespace or "",
                    needs=f"Role in {namespace}: verb list on {resource.full_name}",
                )
            continue
        except ApiError as error:
            yield gap_of(error, f"list {resource.full_name}", namespace=namespace or "")
            continue
        if first is None:
            context.digest.listed.setdefault(resource.full_name, 0)
        rest = itertools.chain([first], items) if first is not None else ()
        yield _entry(context, resource, namespace, rest, read)


def _entries(
    context: Context, resource: ApiResource, items: Iterable[Mapping[str, Json]], read: ListRead
) -> Iterator[Record]:
    """Splits a cluster-wide list by namespace; servers return it in that order, so nothing is held."""
    if not resource.namespaced:
        yield _entry(context, resource, None, items, read)
        return
    seen: set[str] = set()
    late = 0
    try:
        for namespace, members in itertools.groupby(items, key=_namespace):
            if namespace in context.spec.exclude_namespaces:
                # Not every aggregated API knows the field that leaves them out.
                context.digest.listed.setdefault(resource.full_name, 0)
                continue
            if namespace in seen:
                late += sum(1 for _ in members)
                continue
            seen.add(namespace)
            yield _entry(context, resource, namespace, members, read)
    except ApiError as error:
        yield gap_of(error, f"list {resource.full_name}")
    if late:
        yield _unordered(resource, late)
    if read.inconsistent:
        yield _inconsistent(resource)


def _namespace(item: Mapping[str, Json]) -> str:
    return string(mapping(item, "metadata"), "namespace")


def _entry(
    context: Context,
    resource: ApiResource,
    namespace: str | None,
    items: Iterable[Mapping[str, Json]],
    read: ListRead,
) -> Objects:
    path = layout.objects_path(resource.group, resource.plural, namespace)
    bare = layout.is_bare_array(resource.group, resource.plural)

    def observed() -> Iterator[Mapping[str, Json]]:
        try:
            for index, item in enumerate(items):
                pointer = f"/{index}" if bare else f"/items/{index}"
                context.digest.add(item, kind=resource.kind, path=path, pointer=pointer)
                # What the bundle had no room for is not counted, and so not called read.
                listed = context.digest.listed
                listed[resource.full_name] = listed.get(resource.full_name, 0) + 1
                yield item
        except ApiError as error:
            raise ContentError(
                gap_of(error, f"list {resource.full_name}", namespace=read.namespace or "")
            ) from error
        # A list of all namespaces is many entries, and is spoken of once, when the last one is read.
        if read.inconsistent and (read.namespace or not resource.namespaced):
            raise ContentError(_inconsistent(resource, read.namespace or ""))

    return Objects(
        path=path,
        kind="" if bare else f"{resource.kind}List",
        api_version=resource.api_version,
        item_kind=resource.kind,
        items=observed(),
    )


def _unordered(resource: ApiResource, late: int) -> Gap:
    return Gap(
        subject=f"list {resource.full_name}",
        status=Status.PARTIAL,
        reason=f"the server did not list by namespace; {counted(late, 'object')} that came late are left out",
    )


def _inconsistent(resource: ApiResource, namespace: str = "") -> Gap:
    return Gap(
        subject=f"list {resource.full_name}",
        status=Status.PARTIAL,
        reason="the server expired its snapshot while paging; the rest is from a later moment",
        namespace=namespace,
    )
