"""What no list of objects says at a glance: health, certificate, events in order, images, rights."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from collector.bundle import layout
from collector.collectors.base import Collector, Context, Need
from collector.collectors.digest import ObjectDigest
from collector.core.clock import as_shown, parse_rfc3339
from collector.kube.errors import ApiError, NotFoundError
from collector.kube.tlsfacts import peer_certificates
from collector.records import Document, Gap, Json, Lines, Record, Status
from collector.records.access import mapping, sequence, string

_HEALTH = ("/readyz?verbose", "/livez?verbose", "/healthz")
_HEALTH_SECONDS = 10.0
_LONGEST_HEALTH = 64 * 1024
_TLS_SECONDS = 5.0
_HTTPS = 443
_EVENT_BYTES = 64 * 1024 * 1024
_MOST_PLACES = 100


def collect(context: Context) -> Iterator[Record]:
    """Yields what the server says of its health, its certificate, and what the digest adds up to."""
    yield from _health(context)
    yield from _certificate(context)
    if len(context.digest.events):
        yield Lines(path=layout.EVENTS, chunks=context.digest.events.lines(), limit=_EVENT_BYTES)
    yield Document(path=layout.IMAGES, value=_images(context))
    yield Document(path=layout.CONDUCTOR_RBAC, value=_bindings(context))


def _health(context: Context) -> Iterator[Record]:
    """Yields the health endpoints; servers before 1.16 know /healthz alone."""
    answers: list[Json] = []
    for target in _HEALTH:
        path, _, verbose = target.partition("?")
        try:
            text = context.api.within(_HEALTH_SECONDS).get_text(path, {verbose: ""} if verbose else None)
            answers.append({"path": path, "ok": True, "says": text[:_LONGEST_HEALTH]})
        except NotFoundError:
            continue
        except ApiError as error:
            answers.append({"path": path, "ok": False, "says": error.message})
    if answers:
        yield Document(path=layout.HEALTH, value=answers)
    else:
        yield Gap(
            subject="API server health",
            status=Status.ABSENT,
            reason="none of /readyz, /livez and /healthz was answered",
            needs="ClusterRole: nonResourceURLs /healthz, /livez, /readyz, verb get",
        )


def _certificate(context: Context) -> Iterator[Record]:
    server = urlsplit(context.api.connection.server)
    if server.scheme != "https" or not server.hostname:
        return
    timeout = context.api.deadline.left(cap=_TLS_SECONDS)
    try:
        chain = peer_certificates(server.hostname, server.port or _HTTPS, "", timeout)
    except OSError as error:
        yield Gap(subject="API server certificate", status=Status.FAILED, reason=str(error))
        return
    now = as_shown(context.clock.now(), context.api.log.clock_skew)
    yield Document(
        path=layout.CERTIFICATE,
        value=[{**facts, "days_left": _days_left(facts, now)} for facts in chain],
    )


def _days_left(facts: Json, now: datetime) -> float | None:
    until = parse_rfc3339(string(facts, "not_after"))
    return None if until is None else round((until - now) / timedelta(days=1), 1)


def _images(context: Context) -> list[Json]:
    """Returns every image that runs: as asked for, as the node knows it, and where."""
    places: dict[tuple[str, str], list[str]] = {}
    for pod in context.digest.of("Pod"):
        for container in pod.containers:
            where = f"{pod.namespace}/{pod.name}/{container.name}"
            places.setdefault((container.image, container.image_id), []).append(where)
    return [
        {"image": image, "image_id": running, "containers": len(where), "where": where[:_MOST_PLACES]}
        for (image, running), where in sorted(places.items())
    ]


def _bindings(context: Context) -> list[Json]:
    """Returns the role bindings that give rights to Conductor's service accounts or lie in its namespaces."""
    ours = set(context.digest.conductor_namespaces)
    bindings = context.digest.of("ClusterRoleBinding", "RoleBinding")
    return [
        {
            "kind": binding.kind,
            "namespace": binding.namespace,
            "name": binding.name,
            "role": mapping(binding.body, "roleRef"),
            "subjects": sequence(binding.body, "subjects"),
        }
        for binding in bindings
        if binding.namespace in ours or _subjects(binding) & ours
    ]


def _subjects(binding: ObjectDigest) -> set[str]:
    """Returns the namespaces of the service accounts that are bound, groups of all accounts included."""
    found = set()
    for subject in sequence(binding.body, "subjects"):
        if string(subject, "kind") == "ServiceAccount":
            found.add(string(subject, "namespace"))
        elif string(subject, "name").startswith("system:serviceaccounts:"):
            found.add(string(subject, "name").rpartition(":")[2])
    return found


FACTS = Collector(
    name="facts",
    collect=collect,
    needs=tuple(Need(verb="get", group="", resource=path) for path in ("/healthz", "/livez", "/readyz")),
    after=("workloads", "conductor", "resources"),
    seconds=60.0,
)
