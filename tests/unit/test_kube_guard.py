"""Whatever a caller wants, only reads leave the house, and Secrets never with their values."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.kube.guard import JSON, METADATA_ONLY, HelmRecord, Leave, RefusedRequestError, check

RECORD = HelmRecord(namespace="conductor", release="conductor-kubeaddons", revision=12)
ALLOWED = Leave(helm_records=True)


@pytest.mark.parametrize(
    "path",
    [
        "/version",
        "/api",
        "/apis",
        "/healthz",
        "/readyz",
        "/readyz/etcd",
        "/livez",
        "/api/v1",
        "/apis/apps/v1",
        "/apis/example.com/stable",
        "/api/v1/pods",
        "/api/v1/namespaces",
        "/api/v1/namespaces/conductor",
        "/api/v1/namespaces/conductor/pods",
        "/api/v1/namespaces/conductor/pods/web-0",
        "/api/v1/namespaces/conductor/pods/web-0/log",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node",
        "/apis/bitnami.com/v1alpha1/sealedsecrets",
    ],
)
def test_reads_pass(path: str) -> None:
    check("GET", path, {"limit": "500"}, JSON)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/conductor/pods/web-0/exec",
        "/api/v1/namespaces/conductor/pods/web-0/attach",
        "/api/v1/namespaces/conductor/pods/web-0/portforward",
        "/api/v1/namespaces/conductor/pods/web-0/proxy",
        "/api/v1/namespaces/conductor/pods/web-0/proxy/metrics",
        "/api/v1/namespaces/conductor/pods/web-0/log/more",
        "/api/v1/namespaces/conductor/services/web:80/proxy",
        "/api/v1/nodes/node-1/proxy",
        "/api/v1/nodes/node-1/proxy/exec/conductor/web-0/web",
        "/api/v1/proxy/nodes/node-1",
        "/api/v1/redirect/nodes/node-1",
        "/api/v1/watch/pods",
        "/apis/apps/v1/watch/namespaces/x/deployments",
        "/apis/other.example.com/v1/namespaces/x/pods/web-0/log",
        "/api/v1/namespaces/conductor/serviceaccounts/default/token",
        "/apis/authentication.k8s.io/v1/tokenreviews/x/y",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        "/metrics",
        "/logs/kube-apiserver.log",
        "/debug/pprof/heap",
        "/openapi/v2",
        "/api/v1/../v1/secrets",
        "/api/v1/./pods",
        "/api/v1//secrets",
        "//api/v1/pods",
        "/api/v1/pods/",
        "/api/v1/s%65crets",
        "/api/v1/pods?watch=1",
        "/api/v1/pods#x",
        "/api/v1/a b",
        "/api/v1/pods\r\nHost: x",
        "api/v1",
        "",
        "/",
    ],
)
def test_everything_else_is_refused(path: str) -> None:
    with pytest.raises(RefusedRequestError):
        check("GET", path, None, JSON)


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "get", ""]
)
@pytest.mark.parametrize("path", ["/api/v1/pods", "/api/v1/namespaces/x/pods/y", "/version"])
def test_no_other_method_is_sent(method: str, path: str) -> None:
    with pytest.raises(RefusedRequestError):
        check(method, path, None, JSON)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
@pytest.mark.parametrize("kind", ["access", "rules"])
def test_our_own_rights_may_be_asked_for(version: str, kind: str) -> None:
    check("POST", f"/apis/authorization.k8s.io/{version}/selfsubject{kind}reviews", None, JSON)


@pytest.mark.parametrize(
    "path",
    [
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        "/apis/authorization.k8s.io/v1/namespaces/x/localsubjectaccessreviews",
        "/apis/authentication.k8s.io/v1/tokenreviews",
        "/api/v1/namespaces/x/serviceaccounts/y/token",
    ],
)
def test_nothing_else_is_posted(path: str) -> None:
    with pytest.raises(RefusedRequestError):
        check("POST", path, None, JSON)


@pytest.mark.parametrize(
    "name", ["watch", "follow", "command", "stdin", "dryRun", "sendInitialEvents", "path"]
)
def test_no_parameter_makes_something_else_of_a_read(name: str) -> None:
    with pytest.raises(RefusedRequestError):
        check("GET", "/api/v1/namespaces/x/pods", {"limit": "5", name: "true"}, JSON)


@pytest.mark.parametrize("path", ["/api/v1/secrets", "/api/v1/namespaces/x/secrets"])
def test_secrets_are_listed_by_name_only(path: str) -> None:
    check("GET", path, {"limit": "500"}, METADATA_ONLY)


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/api/v1/secrets", JSON),
        ("/api/v1/secrets", "*/*"),
        ("/api/v1/secrets", ""),
        ("/api/v1/secrets", f"{METADATA_ONLY},{JSON}"),
        ("/api/v1/secrets", METADATA_ONLY.replace("PartialObjectMetadataList", "Table")),
        ("/api/v1/namespaces/x/secrets", JSON),
        ("/api/v1/namespaces/x/secrets/y", METADATA_ONLY),
        ("/api/v1/namespaces/x/secrets/y", JSON),
        ("/api/v1/secrets/y", METADATA_ONLY),
        ("/apis/example.com/v1/secrets", JSON),
    ],
)
def test_the_values_of_secrets_cannot_be_asked_for(path: str, accept: str) -> None:
    with pytest.raises(RefusedRequestError):
        check("GET", path, None, accept)


def test_a_helm_record_is_read_with_the_operators_leave_alone() -> None:
    assert RECORD.path == "/api/v1/namespaces/conductor/secrets/sh.helm.release.v1.conductor-kubeaddons.v12"
    check("GET", RECORD.path, None, JSON, leave=ALLOWED, record=RECORD)
    for leave, record in ((Leave(), RECORD), (ALLOWED, None)):
        with pytest.raises(RefusedRequestError):
            check("GET", RECORD.path, None, JSON, leave=leave, record=record)


@pytest.mark.parametrize(
    ("method", "path", "params", "accept"),
    [
        ("POST", RECORD.path, None, JSON),
        ("GET", RECORD.path.replace("v12", "v13"), None, JSON),
        ("GET", "/api/v1/namespaces/conductor/secrets/conductor-secrets", None, JSON),
        ("GET", "/api/v1/namespaces/conductor/secrets", None, JSON),
        ("GET", "/api/v1/secrets", None, METADATA_ONLY),
        ("GET", "/version", None, JSON),
        ("GET", RECORD.path, {"watch": "1"}, JSON),
        ("GET", RECORD.path, {}, JSON),
        ("GET", RECORD.path, None, "*/*"),
        ("GET", f"{RECORD.path}/status", None, JSON),
    ],
)
def test_leave_for_one_record_opens_that_record_alone(
    method: str, path: str, params: dict[str, str] | None, accept: str
) -> None:
    with pytest.raises(RefusedRequestError):
        check(method, path, params, accept, leave=ALLOWED, record=RECORD)


@pytest.mark.parametrize(
    "part",
    [
        *({"namespace": name} for name in ("", "*", "a/b", "..", "A", "a" * 64, "x\n")),
        *({"release": name} for name in ("", "*", "a/b", "a.", ".a", "a..b", "a%2fb", "a" * 54, "x\n")),
        *({"revision": number} for number in (0, -1, 10**10)),
    ],
)
def test_no_other_secret_can_be_named_as_a_record(part: dict[str, object]) -> None:
    with pytest.raises(RefusedRequestError):
        HelmRecord(**{"namespace": "conductor", "release": "conductor", "revision": 1, **part})  # type: ignore[arg-type]  # one part is wrong on purpose


@given(
    st.lists(
        st.sampled_from(
            [
                "api",
                "apis",
                "v1",
                "apps",
                "namespaces",
                "x",
                "pods",
                "secrets",
                "log",
                "exec",
                "proxy",
                "watch",
            ]
        ),
        max_size=9,
    )
)
def test_no_path_that_passes_reaches_values_streams_or_backends(parts: list[str]) -> None:
    path = "/" + "/".join(parts)
    try:
        check("GET", path, None, JSON)
    except RefusedRequestError:
        return
    inside = re.sub(r"^/(api/[^/]+|apis/[^/]+/[^/]+)(/namespaces/[^/]+(?=/))?", "", path)
    assert not re.match(r"/(secrets|proxy|watch)(/|$)", inside)
    assert not re.match(r"/[^/]+/[^/]+/(?!log$)", inside)
