"""Every path of the bundle in one place, so that writers, rules and readers cannot disagree about one.

Below ``cluster-info/`` and ``cluster-resources/`` the layout is that of troubleshoot.sh v1beta2 bundles,
which ``sbctl`` and ``support-bundle analyze`` read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from collector.bundle.names import original, safe_segment, validate_path

__all__ = [
    "AGENT_LOG",
    "ALTERATIONS",
    "API_COST",
    "API_REQUESTS",
    "BACKUPS",
    "CERTIFICATE",
    "CLUSTERS",
    "CLUSTER_VERSION",
    "COLLECTORS",
    "CONDUCTOR",
    "CONDUCTOR_RBAC",
    "ERRBIT",
    "EVENTS",
    "FINDINGS_JSON",
    "GAPS",
    "GROUPS",
    "HEALTH",
    "IMAGES",
    "LOCAL_ENVIRONMENT",
    "LOCAL_KUBECONFIG",
    "LOCAL_REACH",
    "MANIFEST_JSON",
    "POLICY_YAML",
    "READ",
    "README_TXT",
    "REDACTION_LEDGER",
    "RELEASES",
    "REPORT_HTML",
    "RESOURCES",
    "SPEC_JSON",
    "SUMMARY_MD",
    "VERSIONS",
    "VERSION_YAML",
    "is_bare_array",
    "log_path",
    "namespace_of",
    "objects_of",
    "objects_path",
    "objects_prefix",
    "own_segments",
    "parse_log_path",
    "resource_dir",
    "safe_segment",
    "validate_path",
]

README_TXT = "README.txt"
REPORT_HTML = "report.html"
SUMMARY_MD = "summary.md"
FINDINGS_JSON = "findings.json"
MANIFEST_JSON = "manifest.json"
VERSION_YAML = "version.yaml"  # troubleshoot's tools take nothing for a bundle without it
CLUSTER_VERSION = "cluster-info/cluster_version.json"
GROUPS = "cluster-resources/groups.json"
RESOURCES = "cluster-resources/resources.json"
HEALTH = "cluster-info/health.json"
CERTIFICATE = "cluster-info/api-server-certificate.json"
EVENTS = "events/events.jsonl"
IMAGES = "versions/images.json"
VERSIONS = "versions/components.json"
RELEASES = "helm/releases.json"
CONDUCTOR = "conductor/release-objects.json"
ALTERATIONS = "conductor/alterations.json"
ERRBIT = "conductor/errbit.json"
CONDUCTOR_RBAC = "conductor/rbac.json"
BACKUPS = "postgres/backups.json"
CLUSTERS = "postgres/clusters.json"
API_REQUESTS = "run/api-requests.jsonl"
READ = "run/resources.json"
API_COST = "run/api.json"
COLLECTORS = "run/collectors.json"
GAPS = "run/gaps.json"
LOCAL_ENVIRONMENT = "local/environment.json"
LOCAL_KUBECONFIG = "local/kubeconfig.json"
LOCAL_REACH = "local/reach.json"
SPEC_JSON = "run/spec.json"
AGENT_LOG = "run/agent.log"
POLICY_YAML = "policy/support-policy.yaml"
REDACTION_LEDGER = "redaction/ledger.json"

# Paths without a name out of the cluster in them.
_FIXED = frozenset(
    {
        README_TXT,
        REPORT_HTML,
        SUMMARY_MD,
        FINDINGS_JSON,
        MANIFEST_JSON,
        VERSION_YAML,
        CLUSTER_VERSION,
        GROUPS,
        RESOURCES,
        HEALTH,
        CERTIFICATE,
        EVENTS,
        IMAGES,
        VERSIONS,
        RELEASES,
        CONDUCTOR,
        ALTERATIONS,
        ERRBIT,
        CONDUCTOR_RBAC,
        BACKUPS,
        CLUSTERS,
        API_REQUESTS,
        READ,
        API_COST,
        COLLECTORS,
        GAPS,
        LOCAL_ENVIRONMENT,
        LOCAL_KUBECONFIG,
        LOCAL_REACH,
        SPEC_JSON,
        AGENT_LOG,
        POLICY_YAML,
        REDACTION_LEDGER,
    }
)
_ROOT = "cluster-resources"
_CUSTOM = "custom-resources"
_PREVIOUS = "-previous"
_LOG_PATH = re.compile(rf"{_ROOT}/pods/logs/([^/]+)/([^/]+)/([^/]+?)({_PREVIOUS})?\.log")
_OBJECTS_PATH = re.compile(rf"{_ROOT}/(?:{_CUSTOM}/[^/]+|(?!{_CUSTOM}/)[^/]+)/([^/]+)\.json")

# Group and plural of the resources whose directory or file name troubleshoot fixed.
_KNOWN = {
    ("", "configmaps"): "configmaps",
    ("", "endpoints"): "endpoints",
    ("", "events"): "events",
    ("", "limitranges"): "limitranges",
    ("", "namespaces"): "namespaces",
    ("", "nodes"): "nodes",
    ("", "persistentvolumeclaims"): "pvcs",
    ("", "persistentvolumes"): "pvs",
    ("", "pods"): "pods",
    ("", "resourcequotas"): "resource-quota",
    ("", "serviceaccounts"): "serviceaccounts",
    ("", "services"): "services",
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): "mutating-webhook-configurations",
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): "validating-webhook-configurations",
    ("apiextensions.k8s.io", "customresourcedefinitions"): "custom-resource-definitions",
    ("apps", "daemonsets"): "daemonsets",
    ("apps", "deployments"): "deployments",
    ("apps", "replicasets"): "replicasets",
    ("apps", "statefulsets"): "statefulsets",
    ("batch", "cronjobs"): "cronjobs",
    ("batch", "jobs"): "jobs",
    ("certificates.k8s.io", "certificatesigningrequests"): "certificatesigningrequests",
    ("coordination.k8s.io", "leases"): "leases",
    ("discovery.k8s.io", "endpointslices"): "endpointslices",
    ("extensions", "ingresses"): "ingress",  # the only group that serves them before Kubernetes 1.14
    ("networking.k8s.io", "ingressclasses"): "ingress-classes",
    ("networking.k8s.io", "ingresses"): "ingress",
    ("networking.k8s.io", "networkpolicies"): "network-policy",
    ("policy", "poddisruptionbudgets"): "pod-disruption-budgets",
    ("rbac.authorization.k8s.io", "clusterrolebindings"): "clusterrolebindings",
    ("rbac.authorization.k8s.io", "clusterroles"): "clusterroles",
    ("rbac.authorization.k8s.io", "rolebindings"): "rolebindings",
    ("rbac.authorization.k8s.io", "roles"): "roles",
    ("scheduling.k8s.io", "priorityclasses"): "priorityclasses",
    ("storage.k8s.io", "storageclasses"): "storage-classes",
    ("storage.k8s.io", "volumeattachments"): "volumeattachments",
}

# Groups of Kubernetes itself that have a dot. A custom resource's group always has one; others never do.
_BUILT_IN = frozenset(
    {
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "auditregistration.k8s.io",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "settings.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)

# Names that a resource of another group must not take.
_TAKEN = frozenset(_KNOWN.values()) | {
    _CUSTOM,
    "auth-cani-list",
    "groups",
    "image-pull-secrets",
    "license",
    "resources",
}


def resource_dir(group: str, plural: str) -> str:
    """Returns the path of a resource below ``cluster-resources/``, without namespace and suffix.

    Examples: ``pods``, ``pvcs``, ``custom-resources/backups.velero.io``.
    """
    known = _KNOWN.get((group, plural))
    if known:
        return known
    if is_bare_array(group, plural):
        return f"{_CUSTOM}/{safe_segment(f'{plural}.{group}')}"
    return safe_segment(f"{plural}.{group}" if plural in _TAKEN else plural)


def is_bare_array(group: str, plural: str) -> bool:
    """True for custom resources: their files hold an array of objects, all others a typed list."""
    return (group, plural) not in _KNOWN and "." in group and group not in _BUILT_IN


def objects_path(group: str, plural: str, namespace: str | None) -> str:
    """Returns the entry of one resource: of one namespace, or with None of the whole cluster."""
    directory = resource_dir(group, plural)
    inside = f"/{safe_segment(namespace)}" if namespace else ""
    return f"{_ROOT}/{directory}{inside}.json"


def objects_prefix(group: str, plural: str) -> str:
    """Returns what the paths of all namespaces' entries of a resource start with.

    Container logs start with the prefix of pods as well; ``objects_of`` leaves them out.
    """
    return f"{_ROOT}/{resource_dir(group, plural)}/"


def objects_of(paths: Iterable[str], group: str, plural: str) -> list[str]:
    """Returns those of ``paths`` that hold objects of a resource, of namespaces and of the cluster."""
    prefix = objects_prefix(group, plural)
    whole = objects_path(group, plural, None)
    return [
        path
        for path in paths
        if path == whole
        or (path.startswith(prefix) and path.endswith(".json") and "/" not in path[len(prefix) :])
    ]


def own_segments(path: str) -> int:
    """Returns how many leading segments of an entry's path are words of the layout; the rest are names."""
    if path in _FIXED:
        return path.count("/") + 1
    root, _, rest = path.partition("/")
    first, _, second = rest.partition("/")
    if root != _ROOT or first.removesuffix(".json") not in _TAKEN:
        return 1
    return 3 if first == "pods" and second.startswith("logs/") else 2


def namespace_of(path: str) -> str:
    """Returns the namespace that an entry of objects or a log belongs to, empty for any other entry."""
    log = parse_log_path(path)
    if log:
        return log[0]
    objects = _OBJECTS_PATH.fullmatch(path)
    return original(objects[1]) if objects else ""


def log_path(namespace: str, pod: str, container: str, *, previous: bool) -> str:
    """Returns the entry of a container's log, of its current run or of the one before."""
    # A container may itself be called "app-previous"; its log must not be taken for that of "app".
    name = safe_segment(container, never_ending_in=_PREVIOUS)
    ending = _PREVIOUS if previous else ""
    return f"{_ROOT}/pods/logs/{safe_segment(namespace)}/{safe_segment(pod)}/{name}{ending}.log"


def parse_log_path(path: str) -> tuple[str, str, str, bool] | None:
    """Returns namespace, pod, container and whether it is the previous run; None if it is no log's path."""
    found = _LOG_PATH.fullmatch(path)
    if not found:
        return None
    namespace, pod, container, previous = found.groups()
    return original(namespace), original(pod), original(container), previous is not None
