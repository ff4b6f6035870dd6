"""The recorded API server answers as the servers it was recorded from."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.demo.apiserver import RecordedApi, Rule
from collector.demo.messages import Request, Response
from tests.lib import edits
from tests.lib.recordings import VERSIONS, StoppedClock, get, recorded_api, recording

USER = "system:serviceaccount:conductor-diag:conductor-diag"
ALL = (*VERSIONS, "v1.17-broken-apiservice", "v1.36-broken-apiservice")
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io"
SELF_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def decoded(response: Response) -> Any:
    return json.loads(response.body)


def names(response: Response) -> list[str]:
    return [item["metadata"]["name"] for item in decoded(response)["items"]]


def send(api: RecordedApi, method: str, target: str, body: Any = None) -> Response:
    return api.answer(Request(method=method, target=target, body=json.dumps(body).encode()))


def with_rights(*deny: Rule) -> RecordedApi:
    known = recording()
    return RecordedApi(known, StoppedClock(known.recorded_at), deny=deny)


@pytest.fixture(params=VERSIONS)
def api(request: pytest.FixtureRequest) -> RecordedApi:
    return recorded_api(request.param)


# What was recorded comes back.


@pytest.mark.parametrize("version", ALL)
def test_every_recorded_request_gets_the_recorded_answer(version: str) -> None:
    api = recorded_api(version)
    for target, recorded in recording(version).answers.items():
        response = get(api, target)
        assert (response.status, response.content_type) == (recorded.status, recorded.content_type), target
        assert response.body == recorded.body, target


def test_every_listable_resource_of_discovery_is_served_except_secrets(api: RecordedApi) -> None:
    for resources in api.recording.resources.values():
        for resource in resources.values():
            if "list" in resource.verbs:
                expected = 403 if resource.name == "secrets" else 200
                assert get(api, resource.path).status == expected, resource.path


def test_a_broken_aggregated_api_is_listed_but_its_documents_are_not_available() -> None:
    api = recorded_api("v1.17-broken-apiservice")
    assert "metrics.k8s.io" in [group["name"] for group in decoded(get(api, "/apis"))["groups"]]
    for target in ("/apis/metrics.k8s.io/v1beta1", "/apis/metrics.k8s.io/v1beta1/nodes"):
        response = get(api, target)
        assert (response.status, response.body) == (503, b"service unavailable\n")


def test_only_new_servers_give_discovery_in_the_aggregated_form() -> None:
    assert decoded(get(recorded_api("v1.17"), "/apis", AGGREGATED))["kind"] == "APIGroupList"
    new = get(recorded_api("v1.36"), "/apis", AGGREGATED)
    assert decoded(new)["kind"] == "APIGroupDiscoveryList"
    assert "as=APIGroupDiscoveryList" in new.content_type


def test_probes(api: RecordedApi) -> None:
    assert get(api, "/healthz").body == b"ok"
    old = api.recording.minor < 16
    assert get(api, "/livez").status == (404 if old else 200)
    assert get(api, "/readyz").status == (404 if old else 200)
    assert (b"[+]ping ok" in get(api, "/readyz?verbose").body) is not old
    assert (get(api, "/readyz").body == b"ok") is not old


# What is derived fits.


def test_a_namespaced_list_is_the_cluster_wide_one_filtered(api: RecordedApi) -> None:
    everywhere = decoded(get(api, "/api/v1/pods"))
    inside = decoded(get(api, "/api/v1/namespaces/conductor/pods"))
    expected = [item for item in everywhere["items"] if item["metadata"]["namespace"] == "conductor"]
    assert 0 < len(expected) < len(everywhere["items"])
    assert inside["items"] == expected
    assert inside["kind"] == "PodList"
    if "selfLink" in everywhere["metadata"]:
        assert inside["metadata"]["selfLink"] == "/api/v1/namespaces/conductor/pods"


def test_a_namespace_that_does_not_exist_has_an_empty_list(api: RecordedApi) -> None:
    response = get(api, "/api/v1/namespaces/nosuch/pods")
    assert (response.status, decoded(response)["items"]) == (200, [])


def test_a_single_object_states_its_kind(api: RecordedApi) -> None:
    found = decoded(get(api, "/apis/apps/v1/namespaces/conductor/deployments/conductor-web"))
    assert (found["kind"], found["apiVersion"]) == ("Deployment", "apps/v1")
    assert found["metadata"]["name"] == "conductor-web"
    assert decoded(get(api, "/api/v1/namespaces/conductor"))["kind"] == "Namespace"


@pytest.mark.parametrize("limit", [1, 7, 53, 1000])
def test_paging_walks_every_item_once(api: RecordedApi, limit: int) -> None:
    whole, walked, token = names(get(api, "/api/v1/pods")), [], ""
    while True:
        page = get(api, f"/api/v1/pods?limit={limit}&continue={token}")
        assert len(names(page)) <= limit
        walked += names(page)
        token = decoded(page)["metadata"].get("continue", "")
        if not token:
            break
        counted = decoded(page)["metadata"].get("remainingItemCount")
        assert counted == (len(whole) - len(walked) if api.recording.minor >= 15 else None)
    assert walked == whole


def test_limit_is_ignored_for_a_list_from_the_cache(api: RecordedApi) -> None:
    response = get(api, "/api/v1/pods?limit=5&resourceVersion=0")
    assert "continue" not in decoded(response)["metadata"]
    assert names(response) == names(get(api, "/api/v1/pods"))


@pytest.mark.parametrize("token", ["x", "e30", "eyJ2Ijoxf", "%00", "bnVsbA", "W10"])
def test_a_made_up_token_is_refused(token: str) -> None:
    response = get(recorded_api(), f"/api/v1/pods?limit=5&continue={token}")
    assert (response.status, decoded(response)["reason"]) == (400, "BadRequest")


def test_selectors(api: RecordedApi) -> None:
    def chosen(query: str) -> int:
        return len(names(get(api, f"/api/v1/pods?{query}")))

    failed = get(api, "/api/v1/pods?fieldSelector=status.phase%3DFailed")
    assert {item["status"]["phase"] for item in decoded(failed)["items"]} == {"Failed"}
    web = get(api, "/api/v1/pods?labelSelector=app%3Dconductor,component%20in%20(web,worker)")
    assert {item["metadata"]["labels"]["component"] for item in decoded(web)["items"]} == {"web", "worker"}
    whole = chosen("")
    assert chosen("labelSelector=app%3Dconductor") + chosen("labelSelector=app!%3Dconductor") == whole
    assert chosen("labelSelector=app") + chosen("labelSelector=!app") == whole
    kinds = get(api, "/api/v1/events?fieldSelector=involvedObject.kind%3DNode")
    assert {item["involvedObject"]["kind"] for item in decoded(kinds)["items"]} == {"Node"}


@pytest.mark.parametrize("query", ["labelSelector=a%20near%20b", "fieldSelector=spec.secret%3D1", "limit=-1"])
def test_a_selector_or_limit_that_cannot_be_read_is_refused(query: str) -> None:
    assert get(recorded_api(), f"/api/v1/pods?{query}").status == 400


def test_the_table_form() -> None:
    response = decoded(get(recorded_api(), "/api/v1/namespaces/conductor/pods?limit=3", TABLE))
    assert (response["kind"], response["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert response["columnDefinitions"][0]["name"] == "Name"
    assert len(response["rows"]) == 3
    assert response["metadata"]["continue"]
    first = response["rows"][0]
    assert first["cells"][0] == first["object"]["metadata"]["name"]


def test_an_old_server_does_not_know_the_newer_table() -> None:
    response = get(recorded_api("v1.13"), "/api/v1/pods", "application/json;as=Table;v=v1;g=meta.k8s.io")
    assert (response.status, decoded(response)["reason"]) == (406, "NotAcceptable")
    assert decoded(get(recorded_api("v1.13"), "/api/v1/pods", TABLE))["apiVersion"] == "meta.k8s.io/v1beta1"


# Refusals have the words of the real ones.


def test_not_found(api: RecordedApi) -> None:
    unknown_group = get(api, "/apis/nosuch.example.com/v1/things")
    assert unknown_group.status == 404
    assert unknown_group.content_type == "text/plain; charset=utf-8"
    assert unknown_group.body == b"404 page not found\n"
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    assert decoded(get(api, "/api/v1/nosuch")) == status | {
        "message": "the server could not find the requested resource",
        "reason": "NotFound",
        "details": {},
        "code": 404,
    }
    assert get(api, "/api/v1/namespaces/conductor/nodes").body == get(api, "/api/v1/nosuch").body
    assert decoded(get(api, "/api/v1/namespaces/conductor/pods/nosuch")) == status | {
        "message": 'pods "nosuch" not found',
        "reason": "NotFound",
        "details": {"name": "nosuch", "kind": "pods"},
        "code": 404,
    }


@pytest.mark.parametrize(
    ("target", "subject", "place", "details"),
    [
        ("/api/v1/secrets", 'secrets|list resource "secrets"|', "at the cluster scope", {"kind": "secrets"}),
        (
            "/api/v1/namespaces/conductor/secrets",
            'secrets|list resource "secrets"|',
            'in the namespace "conductor"',
            {"kind": "secrets"},
        ),
        (
            "/apis/apps/v1/namespaces/conductor/deployments/conductor-web",
            'deployments.apps "conductor-web"|get resource "deployments"|apps',
            'in the namespace "conductor"',
            {"name": "conductor-web", "group": "apps", "kind": "deployments"},
        ),
    ],
)
def test_forbidden(target: str, subject: str, place: str, details: dict[str, str]) -> None:
    response = get(with_rights(Rule(verb="get", group="apps", resource="deployments")), target)
    what, action, group = subject.split("|")
    assert decoded(response) == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f'{what} is forbidden: User "{USER}" cannot {action} in API group "{group}" {place}',
        "reason": "Forbidden",
        "details": details,
        "code": 403,
    }
    assert response.status == 403


def test_rights_can_be_taken_away_everywhere_in_one_namespace_or_over_all_at_once() -> None:
    one = "/api/v1/namespaces/kube-system/pods"
    other, every = "/api/v1/namespaces/conductor/pods", "/api/v1/pods"

    def statuses(namespace: str) -> list[int]:
        api = with_rights(Rule(group="", resource="pods", namespace=namespace))
        return [get(api, target).status for target in (one, other, every)]

    assert statuses("*") == [403, 403, 403]
    assert statuses("kube-system") == [403, 200, 403]
    assert statuses("") == [200, 200, 403]
    everything_inside = with_rights(Rule(namespace="kube-system"))
    assert get(everything_inside, "/api/v1/nodes").status == 200


def test_secrets_are_served_when_a_recording_has_them() -> None:
    value = {"kind": "SecretList", "apiVersion": "v1", "metadata": {}, "items": []}
    known = edits.plant(recording(), "/api/v1/secrets", "", value)
    assert get(RecordedApi(known, StoppedClock(known.recorded_at)), "/api/v1/secrets").status == 200


@pytest.mark.parametrize(
    ("attributes", "allowed"),
    [
        ({"verb": "list", "resource": "pods"}, True),
        ({"verb": "get", "resource": "pods", "subresource": "log", "namespace": "conductor"}, False),
        ({"verb": "list", "resource": "secrets", "namespace": "conductor"}, False),
        ({"verb": "list", "group": "velero.io", "resource": "backups"}, True),
        ({"verb": "list", "resource": "events", "namespace": "velero"}, False),
        ({"verb": "list", "resource": "events", "namespace": "conductor"}, True),
        ({"verb": "list", "resource": "events"}, False),
        ({"verb": "*", "group": "*", "resource": "*"}, False),
        ({"verb": "delete", "resource": "pods"}, False),
        ({"verb": "create", "resource": "pods", "subresource": "exec"}, False),
    ],
)
def test_access_review_agrees_with_the_rights(attributes: dict[str, str], allowed: bool) -> None:
    api = with_rights(
        Rule(verb="get", group="", resource="pods/log"), Rule(resource="events", namespace="velero")
    )
    answer = send(api, "POST", SELF_REVIEW, {"spec": {"resourceAttributes": attributes}})
    assert answer.status == 201
    assert decoded(answer)["status"]["allowed"] is allowed


def test_rules_review_lists_what_is_left() -> None:
    api = with_rights(Rule(group="", resource="events", namespace="conductor"))

    def readable(namespace: str) -> set[str]:
        path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
        rules = decoded(send(api, "POST", path, {"spec": {"namespace": namespace}}))["status"][
            "resourceRules"
        ]
        core = [rule for rule in rules if rule["apiGroups"] == [""] and "list" in rule["verbs"]]
        return {name for rule in core for name in rule["resources"]}

    assert {"pods", "nodes"} <= readable("conductor")
    assert not {"events", "secrets"} & readable("conductor")
    assert "events" in readable("velero")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"spec":1}', b'{"spec":{"resourceAttributes":[1]}}'])
def test_a_review_that_cannot_be_read_is_refused(body: bytes) -> None:
    assert recorded_api().answer(Request(method="POST", target=SELF_REVIEW, body=body)).status == 400


def test_a_watch_is_refused() -> None:
    response = get(recorded_api(), "/api/v1/pods?watch=true")
    assert response.status == 403
    assert "cannot watch resource" in decoded(response)["message"]


@pytest.mark.parametrize(("header", "status"), [("Bearer right", 200), ("Bearer wrong", 401), ("", 401)])
def test_a_required_token(header: str, status: int) -> None:
    known = recording()
    api = RecordedApi(known, StoppedClock(known.recorded_at), token="right")
    answer = api.answer(Request(method="GET", target="/version", headers={"authorization": header}))
    assert answer.status == status
    if status == 401:
        assert decoded(answer)["message"] == "Unauthorized"


SEGMENTS = st.sampled_from(
    [
        "api",
        "apis",
        "v1",
        "apps",
        "namespaces",
        "conductor",
        "pods",
        "nodes",
        "log",
        "status",
        "",
        "%00",
        "nosuch",
    ]
)
QUERIES = st.dictionaries(
    st.sampled_from(
        ["limit", "continue", "labelSelector", "fieldSelector", "container", "watch", "sinceTime"]
    ),
    st.text(max_size=12),
)


@given(
    segments=st.lists(SEGMENTS, max_size=8), query=QUERIES, accept=st.sampled_from(["*/*", TABLE, ";", "a"])
)
def test_whatever_is_asked_gets_an_answer(segments: list[str], query: dict[str, str], accept: str) -> None:
    target = f"/{'/'.join(segments)}?{urlencode(query, errors='replace')}"
    response = get(recorded_api(), target, accept)
    assert response.status in {200, 400, 403, 404, 406}
