"""Finds the database clusters: operators' objects, server workloads, and what backs up their volumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from collector.collectors.base import Context
from collector.collectors.digest import ObjectDigest
from collector.postgres.model import Cluster, Source
from collector.postgres.operators import Thing, Things, read_clusters
from collector.postgres.volumes import Claims, with_volumes
from collector.records.access import mapping
from collector.releases.images import parse_image

POSTGRES_IMAGES = frozenset({"postgres", "postgresql", "crunchy-postgres", "postgis", "spilo", "timescaledb"})
_IMAGE_PREFIXES = ("spilo-", "crunchy-postgres", "postgresql-")
_SERVERS = ("StatefulSet", "Deployment")
_MOST_NAMED = 20


def is_postgres(image: str) -> bool:
    """True if the image's name says that it is a server."""
    name = parse_image(image).name
    return name in POSTGRES_IMAGES or name.startswith(_IMAGE_PREFIXES)


def find_clusters(context: Context) -> tuple[Cluster, ...]:
    """Returns every database cluster that the digest knows of, with what the API says of its backups."""
    things = {
        resource: [_thing(item) for item in items]
        for resource, items in context.digest.backup_objects.items()
    }
    managed = [replace(one, owner=_owner(context, one)) for one in read_clusters(things)]
    servers = [one for one in _servers(context) if not any(_belongs(one, other) for other in managed)]
    return tuple(_with_pods(context, one, things) for one in (*managed, *servers))


def _with_pods(context: Context, cluster: Cluster, things: Things) -> Cluster:
    claims = claims_of(context, cluster)
    found = with_volumes(cluster, things, claims)
    return replace(found, pods=tuple(sorted(claims.pods)[:_MOST_NAMED]))


def _thing(item: ObjectDigest) -> Thing:
    metadata = mapping(item.body, "metadata")
    return Thing(
        namespace=item.namespace,
        name=item.name,
        source=Source(path=item.path, pointer=item.pointer),
        labels=item.labels,
        annotations=mapping(metadata, "annotations"),
        spec=mapping(item.body, "spec"),
        status=mapping(item.body, "status"),
    )


def _owner(context: Context, cluster: Cluster) -> str:
    return context.digest.ownership.get((cluster.kind, cluster.namespace, cluster.name), "unknown")


def _servers(context: Context) -> Iterator[Cluster]:
    for item in context.digest.of(*_SERVERS):
        image = next((c.image for c in item.containers if not c.init and is_postgres(c.image)), "")
        if image:
            yield Cluster(
                namespace=item.namespace,
                name=item.name,
                kind=item.kind,
                owner=context.digest.ownership.get(item.key, "unknown"),
                image=image,
                source=Source(path=item.path, pointer=item.pointer),
            )


def _belongs(server: Cluster, other: Cluster) -> bool:
    """True if a workload is part of an operator's cluster: operators name it after the cluster."""
    return server.namespace == other.namespace and f"{server.name}-".startswith(f"{other.name}-")


def pods_of(context: Context, cluster: Cluster) -> list[ObjectDigest]:
    """Returns the cluster's pods that run a server."""
    return [
        pod
        for pod in context.digest.of("Pod")
        if pod.namespace == cluster.namespace
        and pod.phase == "Running"
        and f"{pod.name}-".startswith(f"{cluster.name}-")
        and any(is_postgres(container.image) for container in pod.containers)
    ]


def claims_of(context: Context, cluster: Cluster) -> Claims:
    """Returns the cluster's pods and the claims that they have by the rules of their names."""
    pods = frozenset(pod.name for pod in pods_of(context, cluster))
    templates: Mapping[str, tuple[str, ...]] = context.digest.claims
    named = {claim for pod in pods for claim in templates.get(f"{cluster.namespace}/{pod}", ())}
    return Claims(pods=pods, claims=frozenset(named))
