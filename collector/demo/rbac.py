"""Who may read what on the recorded server, and the answers to the questions a client asks about that.

The one user may read everything but what a list of rules takes away, and may change nothing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from collector.demo.messages import (
    RefusalError,
    Request,
    Response,
    bad_request,
    failure,
    full_name,
    unsupported_media_type,
)
from collector.demo.recording import JSON_TYPE, Json, Recording, Resource

USER = "system:serviceaccount:conductor-diag:conductor-diag"
ANY = "*"
_READ = ("get", "list")
_REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews")
_AUTHORIZATION = "authorization.k8s.io"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Something the user may not do. ``*`` stands for all.

    Attributes:
        verb: ``get``, ``list`` or ``*``.
        group: API group, empty for core.
        resource: plural name, subresource included: ``pods/log``.
        namespace: ``*`` takes the right away everywhere. A name takes it away there, and with it the right
            to read all namespaces at once. Empty takes away only the latter.
    """

    verb: str = ANY
    group: str = ANY
    resource: str = ANY
    namespace: str = ANY


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """What a request wants to do, as authorizers see it. Empty ``namespace``: in all of them, or in none."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Rights:
    """The user's rights. Secrets are readable only where the recording has them."""

    recording: Recording
    deny: tuple[Rule, ...] = ()

    def allow(self, wish: Attributes) -> bool:
        """True when the user may do this."""
        if wish.group == _AUTHORIZATION and wish.resource in _REVIEWS:
            return wish.verb == "create"
        if wish.verb not in _READ or self._is_unrecorded_secret(wish):
            return False
        namespaced = self._is_namespaced(wish)
        return not any(_takes_away(rule, wish, namespaced) for rule in self.deny)

    def require(self, wish: Attributes) -> None:
        """Raises RefusalError with the 403 of a real server when the user may not do this."""
        if not self.allow(wish):
            raise RefusalError(_forbidden(wish))

    def review(self, resource: str, request: Request) -> Response:
        """Answers a SelfSubjectAccessReview or a SelfSubjectRulesReview, sent as JSON."""
        sent = request.headers.get("content-type", JSON_TYPE)
        if not sent.startswith(JSON_TYPE):
            raise RefusalError(unsupported_media_type(sent))
        try:
            review = json.loads(request.body)
            spec = review.get("spec") or {}
            status = self._access(spec) if resource == _REVIEWS[0] else self._rules(spec)
        except (ValueError, RecursionError, AttributeError, TypeError) as error:
            raise RefusalError(bad_request("the body is not a review that can be read")) from error
        return Response.of({**review, "status": status}, HTTPStatus.CREATED)

    def _is_unrecorded_secret(self, wish: Attributes) -> bool:
        kind = wish.resource.partition("/")[0]
        return not wish.group and kind in ("secrets", ANY) and "/api/v1/secrets" not in self.recording.answers

    def _is_namespaced(self, wish: Attributes) -> bool:
        return bool(wish.namespace) or any(
            entry.namespaced
            for entry in self._offered()
            if wish.group in (entry.group, ANY) and wish.resource in (entry.name, ANY)
        )

    def _access(self, spec: Mapping[str, Json]) -> Json:
        if plain := spec.get("nonResourceAttributes"):
            return {"allowed": plain.get("verb") == "get"}
        wanted: Mapping[str, str] = spec.get("resourceAttributes") or {}
        resource, part = wanted.get("resource", ""), wanted.get("subresource", "")
        wish = Attributes(
            verb=wanted.get("verb", ""),
            group=wanted.get("group", ""),
            resource=f"{resource}/{part}" if part else resource,
            namespace=wanted.get("namespace", ""),
            name=wanted.get("name", ""),
        )
        return {"allowed": self.allow(wish)}

    def _rules(self, spec: Mapping[str, Json]) -> Json:
        grouped: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
        for entry in self._offered():
            verbs = tuple(verb for verb in sorted(entry.verbs) if self._grants(verb, entry, spec))
            if verbs:
                grouped[entry.group, verbs].add(entry.name)
        return {
            "resourceRules": [
                {"verbs": list(verbs), "apiGroups": [group], "resources": sorted(names)}
                for (group, verbs), names in sorted(grouped.items())
            ],
            "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": [ANY]}],
            "incomplete": False,
        }

    def _offered(self) -> Iterator[Resource]:
        for entries in self.recording.resources.values():
            yield from entries.values()

    def _grants(self, verb: str, entry: Resource, spec: Mapping[str, Json]) -> bool:
        namespace = str(spec.get("namespace") or "") if entry.namespaced else ""
        return self.allow(Attributes(verb=verb, group=entry.group, resource=entry.name, namespace=namespace))


def rights(recording: Recording, deny: Collection[Rule]) -> Rights:
    """Returns the rights that are left after ``deny``."""
    return Rights(recording=recording, deny=tuple(deny))


def _takes_away(rule: Rule, wish: Attributes, namespaced: bool) -> bool:
    named = (
        (rule.verb, wish.verb),
        (rule.group, wish.group),
        (rule.resource, wish.resource),
    )
    # "May I read everything?" is answered no as soon as anything is taken away.
    if not all(ANY in (have, want) or have == want for have, want in named):
        return False
    return rule.namespace == ANY or (namespaced and wish.namespace in ("", rule.namespace))


def _forbidden(wish: Attributes) -> Response:
    resource = wish.resource.partition("/")[0]
    subject = full_name(wish.group, resource) + (f' "{wish.name}"' if wish.name else "")
    place = f'in the namespace "{wish.namespace}"' if wish.namespace else "at the cluster scope"
    message = (
        f'{subject} is forbidden: User "{USER}" cannot {wish.verb} resource "{wish.resource}" '
        f'in API group "{wish.group}" {place}'
    )
    details = {"name": wish.name, "group": wish.group, "kind": resource}
    stated = {key: value for key, value in details.items() if value}
    return failure(HTTPStatus.FORBIDDEN, "Forbidden", message, details=stated)
