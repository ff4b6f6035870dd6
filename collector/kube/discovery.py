"""Asks the server what it has, because no version of many resources is served by both 1.13 and today's.

The aggregated form is asked for (everything in two answers, since 1.26), and the plain form taken where the
server gives that (``/api``, ``/apis``, then each group's documents). A broken aggregated API costs its own
group only.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from collector.core.text import display
from collector.kube.aggregated import ACCEPT, is_aggregated, unfold
from collector.kube.api import Api
from collector.kube.errors import ApiError, MalformedError, RejectedError
from collector.records import Gap, Json, Status

_CORE = "v1"
_PARALLEL = 4
_MAX_DOCUMENTS = 1000
_MAX_RESOURCES = 5000
_MAX_REFUSED = 50
# Names of groups, versions and resources as the API machinery allows them (DNS names).
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_VERSION = re.compile(rf"{_CORE}|{_NAME.pattern}/{_NAME.pattern}")


@dataclass(frozen=True, kw_only=True)
class ApiResource:
    """A resource that can be listed, in the version we will ask for."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    verbs: frozenset[str]

    @property
    def api_version(self) -> str:
        """Returns ``v1`` or ``apps/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def full_name(self) -> str:
        """Returns ``pods`` or ``backups.velero.io``, as kubectl and RBAC messages write it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None = None) -> str:
        """Returns the request path of the list, in all namespaces or in one."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/namespaces/{namespace}/{self.plural}" if namespace else f"{root}/{self.plural}"


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """What the server offers.

    ``groups`` and ``documents`` are the raw answers in the shape that troubleshoot's readers expect:
    a list of APIGroup, a list of APIResourceList.
    """

    groups: tuple[Json, ...]
    documents: tuple[Json, ...]
    resources: tuple[ApiResource, ...]
    gaps: tuple[Gap, ...]

    def find(self, plural: str, *groups: str) -> ApiResource | None:
        """Returns the listable resource in the first of ``groups`` that has it, or None."""
        for group in groups or ("",):
            for resource in self.resources:
                if resource.plural == plural and resource.group == group:
                    return resource
        return None

    def has_group(self, name: str) -> bool:
        """True if the server lists this API group, whether or not its resources could be read."""
        return any(group.get("name") == name for group in self.groups)


@dataclass(kw_only=True)
class _Found:
    """What is known so far. ``asked`` are group versions whose documents have to be fetched one by one."""

    groups: list[Json] = field(default_factory=list)
    documents: dict[str, Json] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def refuse(self, name: str) -> None:
        """Notes a name that could not stand in a path, so that no server can shape a request."""
        if len(self.gaps) < _MAX_REFUSED:
            self.gaps.append(
                Gap(
                    subject=f"API resource {display(name, 100)}",
                    status=Status.SKIPPED,
                    reason="no API server may use such a name",
                )
            )


def discover(api: Api) -> Discovery:
    """Asks for everything there is: two requests where the server gives all at once, else one a version.

    Raises:
        ApiError: the roots themselves cannot be read; a single group's failure is a gap instead.
    """
    found = _Found()
    core, rest = _root(api, "/api"), _root(api, "/apis")
    if not _took_aggregated(found, core):
        found.asked.append(_CORE)
    if not _took_aggregated(found, rest):
        found.groups += _dicts(rest, "groups")
        found.asked += _group_versions(found.groups)
    _fetch(api, found)
    order = [_CORE, *_group_versions(found.groups)]
    resources = tuple(itertools.islice(_preferred(order, found), _MAX_RESOURCES))
    return Discovery(
        groups=tuple(found.groups),
        documents=tuple(found.documents[version] for version in order if version in found.documents),
        resources=resources,
        gaps=tuple(found.gaps),
    )


def _took_aggregated(found: _Found, answer: Json) -> bool:
    if not is_aggregated(answer):
        return False
    unfolded = unfold(answer)
    found.groups += unfolded.groups
    found.documents |= unfolded.documents
    # The server that aggregates may be behind: the group itself knows, or says why it does not.
    found.asked += unfolded.stale
    return True


def _fetch(api: Api, found: _Found) -> None:
    """Fetches the documents that are still to be had."""
    wanted = []
    for version in found.asked[:_MAX_DOCUMENTS]:
        if _VERSION.fullmatch(version):
            wanted.append(version)
        else:
            found.refuse(version)
    with ThreadPoolExecutor(_PARALLEL, "discovery") as pool:
        answers = pool.map(lambda version: _document(api, version), wanted)
        for version, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, ApiError):
                found.gaps.append(_gap(version, answer))
            else:
                found.documents[version] = answer


def _root(api: Api, path: str) -> Json:
    try:
        return api.get_json(path, accept=ACCEPT)
    except RejectedError:
        # Something between us and the server does not like the header.
        return api.get_json(path)


def _dicts(value: Json, key: str) -> list[dict[str, Json]]:
    items = value.get(key) if isinstance(value, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _group_versions(groups: Iterable[Json]) -> Iterator[str]:
    """Yields every version served by groups, each group's preferred one first."""
    for group in groups:
        preferred = group.get("preferredVersion")
        first = preferred.get("groupVersion") if isinstance(preferred, dict) else None
        others = [entry.get("groupVersion") for entry in _dicts(group, "versions")]
        for version in dict.fromkeys([first, *others]):
            if isinstance(version, str) and version:
                yield version


def _document(api: Api, version: str) -> Json | ApiError:
    path = f"/api/{version}" if version == _CORE else f"/apis/{version}"
    try:
        document = api.get_json(path)
    except ApiError as error:
        return error
    if not isinstance(document, dict):
        return MalformedError(path, "the discovery document is not an object")
    return {key: document[key] for key in ("groupVersion", "resources") if key in document}


def _gap(version: str, error: ApiError) -> Gap:
    return Gap(
        subject=f"API group version {version}",
        status=error.outcome,
        reason=error.message,
        needs=f"kubectl get apiservice {'.'.join(reversed(version.split('/', 1)))}",
    )


def _preferred(order: list[str], found: _Found) -> Iterator[ApiResource]:
    """Yields each listable resource once, in the most preferred version that serves it."""
    seen: set[tuple[str, str]] = set()
    for group_version in order:
        if group_version in found.documents and not _VERSION.fullmatch(group_version):
            found.refuse(group_version)
            continue
        group, _, version = group_version.rpartition("/")
        for entry in _dicts(found.documents.get(group_version), "resources"):
            name, kind, verbs = entry.get("name"), entry.get("kind"), entry.get("verbs")
            if not (isinstance(name, str) and isinstance(kind, str) and isinstance(verbs, list)):
                continue
            if "/" in name or "list" not in verbs or (group, name) in seen:
                continue
            seen.add((group, name))
            if not _NAME.fullmatch(name):
                found.refuse(f"{group_version}/{name}")
                continue
            yield ApiResource(
                group=group,
                version=version,
                plural=name,
                kind=kind,
                namespaced=bool(entry.get("namespaced")),
                verbs=frozenset(map(str, verbs)),
            )
