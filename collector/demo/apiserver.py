"""Answers Kubernetes API requests out of a recording, read-only: the cluster of the demo, and of the tests.

It behaves like the server that was recorded, down to the words of its refusals, so that what works here
works there. Pages, selections and single objects are derived, never stored.
"""

from __future__ import annotations

import hmac
import re
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus

from collector.core.clock import Clock
from collector.demo import messages, selecting, tables
from collector.demo.kubeconfig import write_kubeconfig
from collector.demo.loopback import Wire, serve
from collector.demo.messages import RefusalError, Request, Response
from collector.demo.podlogs import PodLogs
from collector.demo.rbac import Attributes, Rule, rights
from collector.demo.recording import Answer, Json, Recording, Resource, group_version_path

__all__ = ["RecordedApi", "Rule", "Served", "serve", "write_kubeconfig"]

_REVIEW = re.compile(r"/apis/authorization\.k8s\.io/(v1(?:beta1)?)/(selfsubject(?:access|rules)reviews)")
_PROBES = ("/healthz", "/livez", "/readyz", "/version")
_AGGREGATED = re.compile(r"as=APIGroupDiscoveryList")
_COUNTS_REMAINING_SINCE = 15
# resource, name, subresource
_DEPTH = 3
_KEPT_REQUESTS = 20_000


@dataclass(frozen=True, kw_only=True)
class Served:
    """One request that was answered; ``path`` holds the query too, ``status`` is 0 for no answer at all."""

    method: str
    path: str
    status: int


class RecordedApi:
    """A recorded cluster behind the API of the server it was taken from.

    Args:
        recording: what to answer with.
        clock: the time of ``Date`` headers and of everything counted back from now.
        deny: what the user may not read; see ``Rule``.
        token: the bearer token to require; None lets everybody in. kubectl sends no token over plain
            HTTP, so a server for kubectl must not require one.
    """

    def __init__(
        self, recording: Recording, clock: Clock, *, deny: Collection[Rule] = (), token: str | None = None
    ) -> None:
        self.recording = recording
        self.clock = clock
        self.requests: deque[Served] = deque(maxlen=_KEPT_REQUESTS)
        self._rights = rights(recording, deny)
        self._logs = PodLogs(recording=recording, clock=clock)
        self._token = token

    def handle(self, request: Request, wire: Wire) -> None:
        """Answers one request on the wire."""
        wire.send(self.answer(request))

    def answer(self, request: Request) -> Response:
        """Returns the answer to one request, and notes it."""
        try:
            response = self._answer(request)
        except RefusalError as refusal:
            response = refusal.response
        self.requests.append(Served(method=request.method, path=request.target, status=response.status))
        return response

    def _answer(self, request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if self._token is not None and not hmac.compare_digest(
            given.encode(), f"Bearer {self._token}".encode()
        ):
            return messages.unauthorized()
        if request.method == "POST" and (review := _REVIEW.fullmatch(request.path)):
            return self._review(review[1], review[2], request)
        if request.method != "GET":
            return messages.method_not_allowed()
        if request.path in _PROBES:
            return self._probe(request)
        match request.segments:
            case ("api",) | ("apis",) | ("apis", _):
                return self._root(request)
            case ("api", version, *rest):
                return self._resource("", version, tuple(rest), request)
            case ("apis", group, version, *rest):
                return self._resource(group, version, tuple(rest), request)
            case _:
                return messages.unknown_path()

    def _review(self, version: str, resource: str, request: Request) -> Response:
        if resource not in self.recording.resources.get(("authorization.k8s.io", version), {}):
            return messages.unknown_resource()
        return self._rights.review(resource, request)

    def _probe(self, request: Request) -> Response:
        answers = self.recording.answers
        short, long = answers.get(request.path), answers.get(f"{request.path}?verbose")
        if recorded := (long or short) if request.flag("verbose") else short:
            return Response.recorded(recorded)
        if long and long.status == HTTPStatus.OK:
            return Response.text("ok")
        return Response.recorded(long) if long else messages.unknown_path()

    def _root(self, request: Request) -> Response:
        if _AGGREGATED.search(request.headers.get("accept", "")):
            recorded = self.recording.aggregated.get(request.path)
            if recorded:
                return Response.recorded(recorded)
        recorded = self.recording.answers.get(request.path)
        return Response.recorded(recorded) if recorded else messages.unknown_path()

    def _resource(self, group: str, version: str, rest: tuple[str, ...], request: Request) -> Response:
        document = self.recording.answers.get(group_version_path(group, version))
        if document is None:
            # Of a group that is there, another version is refused like an unknown resource.
            known = f"/apis/{group}" if group else "/api"
            found = known in self.recording.answers
            return messages.unknown_resource() if found else messages.unknown_path()
        if not rest or document.status != HTTPStatus.OK:
            return Response.recorded(document)
        target = _Target.parse(group, rest)
        self._rights.require(target.attributes("watch" if request.flag("watch") else ""))
        resource = self.recording.resources[group, version].get(target.resource)
        recorded = self.recording.answers.get(resource.path) if resource else None
        if not (resource and recorded) or (target.namespace and not resource.namespaced):
            return messages.unknown_resource()
        if not target.name:
            return self._list(resource, recorded, target.namespace, request)
        return self._object(resource, _find(resource, recorded, target), target, request)

    def _list(self, resource: Resource, recorded: Answer, namespace: str, request: Request) -> Response:
        form = tables.accepted_form(request.headers.get("accept", ""), self.recording.minor)
        if not (namespace or request.query or form):
            return Response.recorded(recorded)
        document = recorded.json
        items = document["items"]
        if namespace:
            items = [item for item in items if item["metadata"].get("namespace") == namespace]
        metadata = dict(document["metadata"])
        part = selecting.page(
            selecting.select(items, request), request, str(metadata.get("resourceVersion", ""))
        )
        if "selfLink" in metadata:
            metadata["selfLink"] = request.path
        if part.following:
            metadata["continue"] = part.following
            selected = {"labelSelector", "fieldSelector"} & request.query.keys()
            if self.recording.minor >= _COUNTS_REMAINING_SINCE and not selected:
                metadata["remainingItemCount"] = part.remaining
        found = {**document, "metadata": metadata, "items": list(part.items)}
        return self._formed(found, resource, form, request)

    def _object(self, resource: Resource, item: Json, target: _Target, request: Request) -> Response:
        if target.part == "log" and resource.name == "pods":
            return self._logs.answer(item, request)
        if target.part not in ("", "status"):
            return messages.unknown_resource()
        form = tables.accepted_form(request.headers.get("accept", ""), self.recording.minor)
        whole = {"kind": resource.kind, "apiVersion": resource.api_version, **item}
        return self._formed(whole, resource, form, request)

    def _formed(
        self, value: Json, resource: Resource, form: tables.Form | None, request: Request
    ) -> Response:
        if form:
            value = tables.formed(value, request, form, self.clock.now(), resource.name)
        return Response.of(value)


@dataclass(frozen=True, kw_only=True)
class _Target:
    """What the rest of a path after the group version names."""

    group: str
    resource: str
    namespace: str = ""
    name: str = ""
    part: str = ""

    @classmethod
    def parse(cls, group: str, rest: tuple[str, ...]) -> _Target:
        """Raises RefusalError for a path that no resource has."""
        # /namespaces/x and /namespaces/x/status are about the namespace itself, /namespaces/x/pods is inside.
        inside = rest[0] == "namespaces" and rest[2:] not in ((), ("status",))
        namespace, own = (rest[1], rest[2:]) if inside else ("", rest)
        if len(own) > _DEPTH:
            raise RefusalError(messages.unknown_resource())
        resource, name, part = (*own, "", "")[:_DEPTH]
        return cls(group=group, resource=resource, namespace=namespace, name=name, part=part)

    def attributes(self, verb: str = "") -> Attributes:
        """Returns what an authorizer is asked about."""
        whole = f"{self.resource}/{self.part}" if self.part else self.resource
        # The namespace of a namespace is itself.
        namespace = self.name if self.resource == "namespaces" and not self.group else self.namespace
        verb = verb or ("get" if self.name else "list")
        return Attributes(verb=verb, group=self.group, resource=whole, namespace=namespace, name=self.name)


def _find(resource: Resource, recorded: Answer, target: _Target) -> Json:
    for item in recorded.json["items"]:
        metadata = item["metadata"]
        if metadata["name"] == target.name and metadata.get("namespace", "") == target.namespace:
            return item
    raise RefusalError(messages.no_such_object(resource.group, resource.name, target.name))
