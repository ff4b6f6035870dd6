"""Holds every request that our own client sent to a recorded server against the RBAC that is shipped.

What the shipped ClusterRole does not name, such as the custom resources of one cluster, has to stand in the
Roles that ``preflight`` writes for that server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from collector.bundle import layout
from collector.bundle.reader import BundleReader
from collector.core.clock import OffsetClock, SystemClock
from collector.core.log import LogSink, make_logger
from collector.core.resources import config_path
from collector.demo.apiserver import RecordedApi, Rule, serve
from collector.demo.loopback import Wire
from collector.demo.messages import Request
from collector.demo.recording import Recording
from collector.kube.guard import METADATA_ONLY
from collector.pipeline.preflight import preflight
from collector.records.rights import Right
from collector.report.rights import rights_yaml
from collector.spec import load_spec
from tests.lib.clusters import connection
from tests.lib.faulty import FaultyApi

AGENT = "conductor-diag/"
# Every authenticated user may ask about itself: the role system:basic-user, which servers bring along.
_REVIEW = re.compile(r"/apis/authorization\.k8s\.io/v1(beta1)?/selfsubject(access|rules)reviews")
# What the operator's switch opens; that nobody asks for it without the switch is the guard's to hold.
_HELM_RECORD = re.compile(r"/api/v1/namespaces/[^/]+/secrets/sh\.helm\.release\.v1\.[^/]+\.v[1-9]\d*")
_RESOURCE = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)(?:/namespaces/(?P<inside>[^/]+)(?=/))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<part>[^/]+))?)?"
)


def _quiet() -> Any:
    return make_logger(LogSink(None), clock=SystemClock(), run_id="granted", json_lines=True)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One rule and where it holds.

    Attributes:
        rule: as it stands in the YAML.
        everywhere: it is a ClusterRole's; a Role's holds for requests inside a namespace only.
        namespace: the Role's own; empty for one that is applied to whichever namespace is meant.
    """

    rule: Mapping[str, Any]
    everywhere: bool
    namespace: str = ""

    def gives(self, right: Right) -> bool:
        """True if it gives the right, as the RBAC authorizer would read it (without wildcards)."""
        if right.verb not in self.rule["verbs"]:
            return False
        if right.is_path:
            urls = self.rule.get("nonResourceURLs", ())
            return self.everywhere and any(_covers(url, right.resource) for url in urls)
        named = right.group in self.rule.get("apiGroups", ()) and right.resource in self.rule.get(
            "resources", ()
        )
        return named and (self.everywhere or self._holds_in(right.namespace))

    def _holds_in(self, namespace: str) -> bool:
        return bool(namespace) and self.namespace in ("", namespace)


class Rules:
    """The rules of all Roles and ClusterRoles in some YAML."""

    def __init__(self, text: str) -> None:
        documents = [document for document in yaml.safe_load_all(text) if document]
        self.grants = [
            Grant(
                rule=rule,
                everywhere=document["kind"] == "ClusterRole",
                namespace=document["metadata"].get("namespace", ""),
            )
            for document in documents
            if document["kind"] in ("Role", "ClusterRole")
            for rule in document["rules"]
        ]

    @property
    def rules(self) -> list[Mapping[str, Any]]:
        """Returns them without their places."""
        return [grant.rule for grant in self.grants]

    def grant(self, right: Right) -> bool:
        """True if one of them gives the right."""
        return any(grant.gives(right) for grant in self.grants)


def _covers(url: str, path: str) -> bool:
    return path.startswith(url[:-1]) if url.endswith("*") else path == url


def shipped(name: str = "rbac.yaml") -> Rules:
    """Returns the rules of a shipped manifest."""
    return Rules(config_path("kubernetes", name).read_text(encoding="utf-8"))


def written_by_preflight(known: Recording) -> Rules:
    """Returns the rules that preflight writes for a user without any rights on this server."""
    spec = load_spec()
    limits = msgspec.structs.replace(spec.limits, requests_per_second=1000)
    spec = msgspec.structs.replace(spec, profile="full", secret_objects="metadata", limits=limits)
    with serve(RecordedApi(known, OffsetClock(known.recorded_at), deny=[Rule()])) as url:
        link = connection(url)
        try:
            found = preflight(link, spec, clock=SystemClock(), log=_quiet())
        finally:
            link.pool.clear()
    return Rules(rights_yaml(found.rights))


def right_of(path: str) -> Right:
    """Returns the right that a GET of this path takes."""
    found = _RESOURCE.fullmatch(path)
    if not found:
        return Right(verb="get", resource=path)
    part = f"/{found['part']}" if found["part"] else ""
    # The namespace of a namespace is itself.
    itself = found["name"] if found["plural"] == "namespaces" and not found["group"] else ""
    return Right(
        verb="get" if found["name"] else "list",
        group=found["group"] or "",
        resource=f"{found['plural']}{part}",
        namespace=found["inside"] or itself or "",
    )


def _gives_values(request: Request, right: Right) -> bool:
    """True for a request that a server answers with values of Secrets other than Helm's records."""
    if right.resource != "secrets" or request.headers.get("accept") == METADATA_ONLY:
        return False
    return not _HELM_RECORD.fullmatch(request.path)


@dataclass
class Watcher:
    """Sees what recorded servers are asked by our client; asked by anything else, it looks away."""

    seen: list[tuple[Request, Recording]] = field(default_factory=list)
    checked: int = 0
    _shipped: Rules = field(default_factory=shipped)
    _optional: tuple[Rules, ...] = field(
        default_factory=lambda: (shipped("postgres-exec.yaml"), shipped("helm-secrets.yaml"))
    )
    _written: dict[int, tuple[Recording, Rules]] = field(default_factory=dict)
    _looking: bool = True

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Makes every recorded server, faulty ones too, show its requests to this watcher."""
        watcher = self

        def watched(original: Any, known: Any) -> Any:
            def handle(server: Any, request: Request, wire: Wire) -> None:
                if request.headers.get("user-agent", "").startswith(AGENT) and watcher._looking:
                    watcher.seen.append((request, known(server)))
                original(server, request, wire)

            return handle

        patch.setattr(RecordedApi, "handle", watched(RecordedApi.handle, lambda api: api.recording))
        patch.setattr(FaultyApi, "handle", watched(FaultyApi.handle, lambda faulty: faulty.api.recording))

    def read(self, bundle: Path, known: Recording) -> None:
        """Sees what a process of its own asked its recorded server: the bundle has the list of it.

        The list does not say which form was asked for, so Secrets count as read with their values.
        """
        with BundleReader(bundle) as reader:
            lines = reader.read(layout.API_REQUESTS).splitlines()
        rows = [json.loads(line) for line in lines]
        self.seen += [(Request(method=row["method"], target=row["path"], headers={}), known) for row in rows]

    def problems(self) -> list[str]:
        """Returns what was asked since the last time and is not granted."""
        asked, self.seen = self.seen, []
        self.checked += len(asked)
        return sorted({problem for request, known in asked for problem in self._problems(request, known)})

    def _problems(self, request: Request, known: Recording) -> Iterable[str]:
        if request.method == "POST" and _REVIEW.fullmatch(request.path):
            return
        right = right_of(request.path)
        if request.method != "GET":
            yield f"{request.method} {request.target} is no read"
        elif _gives_values(request, right):
            yield f"{request.target} asks for the values of Secrets"
        elif not any(
            rules.grant(right) for rules in (self._shipped, *self._optional, self._of_server(known))
        ):
            place = f" in {right.namespace}" if right.namespace else ""
            yield f"{request.target} needs {right.verb} on {right.name}{place}, which nothing grants"

    def _of_server(self, known: Recording) -> Rules:
        if id(known) not in self._written:
            self._looking = False
            self._written[id(known)] = known, written_by_preflight(known)
            self._looking = True
        return self._written[id(known)][1]
