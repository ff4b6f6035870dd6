"""Asks the server what it has, because no version of many resources is served by both 1.13 and today's.

Plain discovery is used (``/api``, ``/apis``, then each group's documents): every server since 1.13 answers
it. A broken aggregated API costs its own group only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from collector.kube.api import Api
from collector.kube.errors import ApiError, MalformedError
from collector.records import Gap, Json

_CORE = "v1"
_PARALLEL = 4
_MAX_DOCUMENTS = 1000


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


def discover(api: Api) -> Discovery:
    """Asks for everything there is.

    Raises:
        ApiError: the roots themselves cannot be read; a single group's failure is a gap instead.
    """
    api.get_json("/api")
    groups = tuple(_dicts(api.get_json("/apis"), "groups"))
    wanted = list(_group_versions(groups))[:_MAX_DOCUMENTS]
    gaps: list[Gap] = []
    documents: dict[str, Json] = {}
    with ThreadPoolExecutor(_PARALLEL, "discovery") as pool:
        answers = pool.map(lambda version: _document(api, version), wanted)
        for version, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, ApiError):
                gaps.append(_gap(version, answer))
            else:
                documents[version] = answer
    return Discovery(
        groups=groups,
        documents=tuple(documents.values()),
        resources=tuple(_preferred(wanted, documents)),
        gaps=tuple(gaps),
    )


def _dicts(value: Json, key: str) -> list[dict[str, Json]]:
    items = value.get(key) if isinstance(value, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _group_versions(groups: tuple[Json, ...]) -> Iterator[str]:
    """Yields every served version, each group's preferred one first."""
    yield _CORE
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


def _preferred(order: list[str], documents: Mapping[str, Json]) -> Iterator[ApiResource]:
    """Yields each listable resource once, in the most preferred version that serves it."""
    seen: set[tuple[str, str]] = set()
    for group_version in order:
        group, _, version = group_version.rpartition("/")
        for entry in _dicts(documents.get(group_version), "resources"):
            name, kind, verbs = entry.get("name"), entry.get("kind"), entry.get("verbs")
            if not (isinstance(name, str) and isinstance(kind, str) and isinstance(verbs, list)):
                continue
            if "/" in name or "list" not in verbs or (group, name) in seen:
                continue
            seen.add((group, name))
            yield ApiResource(
                group=group,
                version=version,
                plural=name,
                kind=kind,
                namespaced=bool(entry.get("namespaced")),
                verbs=frozenset(map(str, verbs)),
            )
