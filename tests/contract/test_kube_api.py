"""The transport against a server that misbehaves in every way a real one was seen to."""

from __future__ import annotations

import pytest

from collector.kube import errors
from collector.kube.api import Api, RefusedRequestError
from collector.kube.discovery import ApiResource, discover
from collector.kube.lists import ListRead
from tests.lib import faulty
from tests.lib.clusters import PatientClock, served
from tests.lib.edits import with_broken_group
from tests.lib.faulty import Fault
from tests.lib.recordings import recording

VERSIONS = ("v1.13", "v1.17", "v1.36")
PODS = ApiResource(
    group="", version="v1", plural="pods", kind="Pod", namespaced=True, verbs=frozenset({"list"})
)


def paged(api: Api, page: int = 5) -> ListRead:
    return ListRead(api, PODS, page=page)


@pytest.mark.parametrize("version", VERSIONS)
def test_discovery_prefers_what_the_server_prefers_and_misses_nothing(version: str) -> None:
    with served(recording(version)) as (_, api):
        found = discover(api)
    assert found.gaps == ()
    cronjobs = found.find("cronjobs", "batch")
    assert cronjobs is not None
    assert cronjobs.version == ("v1" if version == "v1.36" else "v1beta1")
    assert {"pods", "nodes", "configmaps"} <= {r.plural for r in found.resources if not r.group}
    assert len({(r.group, r.plural) for r in found.resources}) == len(found.resources)
    assert all("apiVersion" not in document for document in found.documents)


@pytest.mark.parametrize("version", ["v1.17", "v1.36"])
def test_a_broken_aggregated_api_costs_its_group_only(version: str) -> None:
    broken = with_broken_group(
        recording(version), recording(f"{version}-broken-apiservice"), "metrics.k8s.io"
    )
    with served(broken) as (_, api):
        found = discover(api)
    assert [gap.subject for gap in found.gaps] == ["API group version metrics.k8s.io/v1beta1"]
    assert found.find("pods") is not None


@pytest.mark.parametrize("version", VERSIONS)
def test_pages_give_every_object_once(version: str) -> None:
    with served(recording(version)) as (server, api):
        paged_names = [item["metadata"]["uid"] for item in paged(api)]
        whole = [item["metadata"]["uid"] for item in paged(api, page=500)]
        assert len(server.requests) > len(whole) // 5
    assert paged_names == whole
    assert len(set(whole)) == len(whole) > 40


def test_an_expired_continue_token_is_followed_and_marked() -> None:
    with served(recording()) as (server, api):
        server.on("*continue=*", faulty.gone(), times=1)
        read = paged(api)
        names = [item["metadata"]["uid"] for item in read]
        whole = [item["metadata"]["uid"] for item in paged(api, page=500)]
    assert read.inconsistent
    assert names == whole


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faulty.forbidden(), errors.ForbiddenError),
        (faulty.not_found(), errors.NotFoundError),
        (faulty.server_error(), errors.ServerError),
        (faulty.unavailable(), errors.ServerError),
        (faulty.throttled(retry_after=1), errors.ThrottledError),
        (faulty.wrong_json(), errors.MalformedError),
        (faulty.wrong_type(), errors.MalformedError),
        (faulty.redirect("http://169.254.169.254/"), errors.MalformedError),
        (faulty.half_body(), errors.ConnectionFailedError),
        (faulty.half_chunked(), errors.ConnectionFailedError),
        (faulty.reset(), errors.ConnectionFailedError),
    ],
)
def test_each_failure_has_one_meaning(fault: Fault, expected: type[errors.ApiError]) -> None:
    with served(recording()) as (server, api):
        server.on("/api/v1/pods*", fault)
        with pytest.raises(expected):
            list(paged(api))


def test_a_server_that_says_nothing_ends_in_a_timeout_of_ours() -> None:
    with served(recording(), request_timeout=0.2) as (server, api):
        server.on("/api/v1/pods*", faulty.silent())
        with pytest.raises(errors.ResponseTimeoutError):
            list(paged(api))


def test_a_body_that_drips_ends_at_the_deadline() -> None:
    with served(recording(), seconds=0.5) as (server, api):
        server.on("/api/v1/pods*", faulty.drip())
        with pytest.raises(errors.ResponseTimeoutError):
            list(paged(api))


def test_throttling_is_waited_out_as_the_server_asks() -> None:
    clock = PatientClock()
    with served(recording(), clock=clock) as (server, api):
        server.on("/api/v1/pods*", faulty.throttled(retry_after=2), times=2)
        assert len(list(paged(api, page=500))) > 40
        assert api.log.throttled == 2
        assert api.log.waited == pytest.approx(4.0, abs=0.5)
    assert sum(clock.slept) == pytest.approx(4.0, abs=0.5)


def test_no_time_left_means_no_request() -> None:
    with served(recording(), seconds=0.0) as (server, api):
        with pytest.raises(errors.ResponseTimeoutError):
            api.get_json("/version")
        assert not server.requests


@pytest.mark.parametrize("path", ["/api/v1/../secrets", "/api/v1/pods?x=1", "/api/v1/a b", "api/v1"])
def test_odd_paths_are_refused_before_anything_is_sent(path: str) -> None:
    with served(recording()) as (server, api):
        with pytest.raises(RefusedRequestError):
            api.get_json(path)
        assert not server.requests


def test_only_reviews_of_our_own_rights_may_be_posted() -> None:
    spec = {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    with served(recording()) as (server, api):
        assert api.review(path, spec)["status"]["allowed"] is True
        for other in ("/api/v1/namespaces/conductor/pods", "/apis/authorization.k8s.io/v1/tokenreviews"):
            with pytest.raises(RefusedRequestError):
                api.review(other, spec)
        assert [request.method for request in server.requests] == ["POST"]


def test_every_attempt_is_noted_with_its_size_and_status() -> None:
    with served(recording()) as (server, api):
        server.on("/version*", faulty.server_error(), times=1)
        api.get_json("/version")
        noted = list(api.log)
    assert [entry.status for entry in noted] == [500, 200]
    assert noted[1].size > 100
    assert [request.path for request in server.requests] == ["/version", "/version"]


def test_the_clock_skew_is_measured() -> None:
    with served(recording()) as (_, api):
        api.get_json("/version")
        skew = api.log.clock_skew
    expected = (recording().recorded_at - api.clock.now()).total_seconds()
    assert skew is not None
    assert abs(skew - expected) < 5
