"""Decides, before a byte is sent, whether a request only reads, and reads nothing that it must not.

Everything that is not known to be harmless is refused, so that no caller and no hostile answer (a continue
token, a resource's name) can turn a read into something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

JSON = "application/json"
METADATA_ONLY = (
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1beta1"
)
"""Accept header for lists without contents: v1, and v1beta1 for servers before 1.15. A server that knows
neither has to refuse (406); plain JSON is not among the choices."""

Params = Mapping[str, str]

# No percent sign: no name of ours needs one, and an escape could hide what a path asks for.
_PATH = re.compile(r"/[A-Za-z0-9._~:/-]*")
_REVIEW = re.compile(r"/apis/authorization\.k8s\.io/v1(beta1)?/selfsubject(access|rules)reviews")
_PLAIN = re.compile(r"/(version|api|apis|(healthz|livez|readyz)(/[a-z0-9-]+)*)")
_ROOT = re.compile(r"/(?:api|apis/(?P<group>[a-z0-9.-]+))/[a-z0-9-]+(?:/(?P<rest>.+))?")
_SUBRESOURCES = {("", "pods", "log")}
_SECRETS = "secrets"
_QUERIES = frozenset(
    {
        *("limit", "continue", "labelSelector", "fieldSelector", "resourceVersion", "resourceVersionMatch"),
        *("container", "timestamps", "previous", "sinceTime", "tailLines", "limitBytes"),
        "verbose",
    }
)
# Old servers have these verbs as the first part of a path.
_VERBS_IN_PATHS = frozenset({"watch", "proxy", "redirect"})
# resource, name, subresource
_DEPTH = 3
# What Helm 3 takes for the name of a release, and Kubernetes for that of a namespace.
_RELEASE = re.compile(r"(?=.{1,53}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MAX_REVISION = 10**9


class RefusedRequestError(Exception):
    """The program itself tried something that is not read-only; a defect, never the cluster's fault."""


@dataclass(frozen=True, kw_only=True)
class HelmRecord:
    """The one kind of Secret whose content can be asked for: one revision of one Helm 3 release.

    It names a Secret; whether it may be read is the operator's to say (``Leave``).

    Raises:
        RefusedRequestError: a part is nothing that Helm or Kubernetes would take for one.
    """

    namespace: str
    release: str
    revision: int

    def __post_init__(self) -> None:
        names = _NAMESPACE.fullmatch(self.namespace) and _RELEASE.fullmatch(self.release)
        if not names or not 1 <= self.revision <= _MAX_REVISION:
            raise RefusedRequestError("no revision of a Helm release can have such a name")

    @property
    def name(self) -> str:
        """The Secret's name, as Helm 3 makes it."""
        return f"sh.helm.release.v1.{self.release}.v{self.revision}"

    @property
    def path(self) -> str:
        """Where the API server has it."""
        return f"/api/v1/namespaces/{self.namespace}/{_SECRETS}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Leave:
    """What the operator allows beyond the rule: ``helm_records``, to read Secrets of Helm 3 releases."""

    helm_records: bool = False


NO_LEAVE = Leave()


def check(
    method: str,
    path: str,
    params: Params | None,
    accept: str,
    *,
    leave: Leave = NO_LEAVE,
    record: HelmRecord | None = None,
) -> None:
    """Returns if the request may be sent.

    That is: a GET of the version, of health, of discovery, of a list or an object, or of a pod's log; a list
    of Secrets only with ``METADATA_ONLY`` as the Accept header; a POST of a SelfSubject*Review; and, with the
    operator's leave, a GET of exactly the Secret that ``record`` names.

    Raises:
        RefusedRequestError: anything else.
    """
    if record is not None:
        allowed = leave.helm_records and (method, path, params, accept) == ("GET", record.path, None, JSON)
    elif _REVIEW.fullmatch(path):
        allowed = method == "POST"
    else:
        allowed = method == "GET" and _reads(path, accept) and _QUERIES.issuperset(params or ())
    if not allowed:
        raise RefusedRequestError(f"{method} {path} {sorted(params or ())}")


def _reads(path: str, accept: str) -> bool:
    parts = path.split("/")[1:]
    if not _PATH.fullmatch(path) or not all(parts) or {".", ".."}.intersection(parts):
        return False
    if _PLAIN.fullmatch(path):
        return True
    found = _ROOT.fullmatch(path)
    if not found:
        return False
    return not found["rest"] or _reads_resource(found["group"] or "", found["rest"].split("/"), accept)


def _reads_resource(group: str, parts: list[str], accept: str) -> bool:
    # /namespaces/x is the namespace itself, /namespaces/x/pods is inside it.
    own = parts[2:] if parts[0] == "namespaces" and len(parts) > 2 else parts  # noqa: PLR2004 - see above
    resource, name, subresource, *more = (*own, "", "")[: max(len(own), _DEPTH)]
    if more or resource in _VERBS_IN_PATHS:
        return False
    if subresource and (group, resource, subresource) not in _SUBRESOURCES:
        return False
    return resource != _SECRETS or (not name and accept == METADATA_ONLY)
