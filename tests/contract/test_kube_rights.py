"""Rights are asked for one by one, of whatever version answers, and never guessed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collector.demo.apiserver import RecordedApi, Rule, serve
from collector.demo.messages import Request, Response, failure, unknown_resource
from collector.kube import errors
from collector.kube.api import Api
from collector.kube.rights import Reviewer
from collector.records.rights import Right
from tests.lib import faulty
from tests.lib.clusters import PatientClock, connection, served
from tests.lib.recordings import VERSIONS, StoppedClock, recording

PODS = Right(verb="list", resource="pods")
LOGS = Right(verb="get", resource="pods/log", namespace="conductor")
BACKUPS = Right(verb="list", group="velero.io", resource="backups")
VERSION = Right(verb="get", resource="/version")
REVIEWS = "/apis/authorization.k8s.io/{}/selfsubjectaccessreviews"


def reviewed(api: Api, *rights: Right) -> list[bool | None]:
    return [answer.allowed for answer in Reviewer(api).ask(rights)]


class Deciding(RecordedApi):
    """Keeps the reviews it was sent and answers each with ``status``."""

    def __init__(self, status: Any) -> None:
        known = recording()
        super().__init__(known, StoppedClock(known.recorded_at))
        self.status = status
        self.bodies: list[bytes] = []

    def answer(self, request: Request) -> Response:
        self.bodies.append(request.body)
        return Response.of({"status": self.status}, 201)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_server_answers(version: str) -> None:
    with served(recording(version)) as (server, api):
        assert reviewed(api, PODS, LOGS, BACKUPS, VERSION) == [True] * 4
        assert {request.method for request in server.requests} == {"POST"}
        assert {request.path for request in server.requests} == {REVIEWS.format("v1")}


def test_what_is_denied_is_told_in_order() -> None:
    known = recording()
    deny = [Rule(group="velero.io"), Rule(resource="pods", group="", namespace="")]
    denying = RecordedApi(known, StoppedClock(known.recorded_at), deny=deny)
    with serve(denying) as url, served(known) as (_, api):
        other = Api(connection(url), clock=api.clock, deadline=api.deadline, log=api.log, bundle_id="cndtest")
        inside = Right(verb="list", resource="pods", namespace="conductor")
        assert reviewed(other, BACKUPS, PODS, inside, VERSION) == [False, False, True, True]


def test_a_server_without_v1_is_asked_in_v1beta1_and_no_longer_in_v1() -> None:
    with served(recording()) as (server, api):
        server.on(REVIEWS.format("v1"), faulty.refused(unknown_resource()))
        reviewer = Reviewer(api)
        assert [answer.allowed for answer in reviewer.ask([PODS])] == [True]
        assert [answer.allowed for answer in reviewer.ask([LOGS, VERSION])] == [True, True]
        paths = [request.path for request in server.requests]
    assert paths == [REVIEWS.format(version) for version in ("v1", "v1beta1", "v1beta1", "v1beta1")]


def test_a_server_that_takes_no_reviews_leaves_it_unknown() -> None:
    with served(recording()) as (server, api):
        server.on("/apis/authorization.k8s.io/*", faulty.not_found())
        (answer, *_) = Reviewer(api).ask([PODS, LOGS])
    assert answer.allowed is None
    assert "could not find" in answer.reason


@pytest.mark.parametrize(
    "fault",
    [faulty.forbidden(), faulty.server_error(), faulty.wrong_json(), faulty.reset(), faulty.throttled()],
)
def test_a_review_that_fails_is_unknown_not_no(fault: faulty.Fault) -> None:
    with served(recording(), clock=PatientClock(), seconds=600) as (server, api):
        server.on("/apis/authorization.k8s.io/*", fault)
        assert reviewed(api, PODS) == [None]


def test_credentials_that_nobody_knows_are_not_a_missing_right() -> None:
    refusal = failure(401, "Unauthorized", "Unauthorized")
    with served(recording()) as (server, api):
        server.on("*", faulty.refused(refusal))
        with pytest.raises(errors.UnauthorizedError):
            reviewed(api, PODS)


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        ({"allowed": True}, True),
        ({"allowed": False}, False),
        ({"allowed": True, "evaluationError": "one webhook is down"}, True),
        ({"allowed": False, "evaluationError": "webhook timed out"}, None),
        ({"allowed": "yes"}, None),
        ({}, None),
        ("yes", None),
        (None, None),
    ],
)
def test_only_a_plain_yes_or_no_counts(status: Any, allowed: bool | None) -> None:
    with serve(Deciding(status)) as url, served(recording()) as (_, api):
        other = Api(connection(url), clock=api.clock, deadline=api.deadline, log=api.log, bundle_id="cndtest")
        assert reviewed(other, PODS) == [allowed]


def test_the_review_states_subresource_and_namespace_apart_and_paths_as_paths() -> None:
    server = Deciding({"allowed": True})
    with serve(server) as url, served(recording()) as (_, api):
        other = Api(connection(url), clock=api.clock, deadline=api.deadline, log=api.log, bundle_id="cndtest")
        for right in (LOGS, BACKUPS, VERSION):
            reviewed(other, right)
    assert [json.loads(body)["spec"] for body in server.bodies] == [
        {
            "resourceAttributes": {
                "verb": "get",
                "group": "",
                "resource": "pods",
                "subresource": "log",
                "namespace": "conductor",
            }
        },
        {"resourceAttributes": {"verb": "list", "group": "velero.io", "resource": "backups"}},
        {"nonResourceAttributes": {"verb": "get", "path": "/version"}},
    ]
