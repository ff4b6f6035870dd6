"""The watch over the requests of all tests sees what it should, and complains when it must."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.collectors import COLLECTORS
from collector.demo.messages import Request
from tests.lib.clusters import served
from tests.lib.granted import AGENT, Rules, Watcher, right_of, written_by_preflight
from tests.lib.recordings import VERSIONS, recording
from tests.lib.runs import collect


def request(target: str, *, method: str = "GET", accept: str = "application/json") -> Request:
    return Request(method=method, target=target, headers={"user-agent": f"{AGENT}1", "accept": accept})


def complaints(*requests: Request, rules: str = "", version: str = "v1.17") -> list[str]:
    own = Watcher()
    if rules:
        own._shipped = Rules(rules)
        own._written[id(recording(version))] = recording(version), Rules("")
    own.seen.extend((entry, recording(version)) for entry in requests)
    return own.problems()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_whole_run_is_seen_and_granted(watcher: Watcher, tmp_path: Path, version: str) -> None:
    assert watcher.problems() == []
    before = watcher.checked
    collect(recording(version), tmp_path)
    asked = {right_of(entry.path).name for entry, _ in watcher.seen}
    assert {"pods", "pods/log", "nodes", "deployments.apps", "/version", "/apis"} <= asked
    assert len(asked) > 60
    assert watcher.problems() == []
    assert watcher.checked > before + 60


def test_a_run_whose_collectors_grew_a_need_that_nobody_declared_is_noticed(tmp_path: Path) -> None:
    own = Watcher()
    own._shipped.grants = [
        grant for grant in own._shipped.grants if "pods/log" not in grant.rule.get("resources", ())
    ]
    known = recording()
    own._written[id(known)] = known, Rules("")
    with pytest.MonkeyPatch.context() as patch:
        own.install(patch)
        collect(known, tmp_path, collectors=COLLECTORS)
    assert any("needs get on pods/log in conductor, which" in problem for problem in own.problems())


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (request("/api/v1/namespaces/x/pods/y", method="DELETE"), "no read"),
        (request("/api/v1/pods", method="POST"), "no read"),
        (request("/apis/authorization.k8s.io/v1/subjectaccessreviews", method="POST"), "no read"),
        (request("/api/v1/secrets?limit=5"), "values of Secrets"),
        (request("/api/v1/namespaces/x/secrets"), "values of Secrets"),
        (request("/api/v1/namespaces/x/pods/y"), "needs get on pods in x,"),
        (request("/api/v1/nodes/x/proxy"), "needs get on nodes/proxy"),
        (request("/apis/example.com/v1/things"), "needs list on things.example.com"),
        (request("/metrics"), "needs get on /metrics"),
    ],
)
def test_what_nothing_grants_is_told(bad: Request, words: str) -> None:
    (problem,) = complaints(bad)
    assert words in problem


ROLE = """
kind: {kind}
metadata: {{name: r{place}}}
rules:
  - {{apiGroups: [""], resources: [pods, namespaces], verbs: [get, list]}}
  - {{nonResourceURLs: [/version], verbs: [get]}}
"""


@pytest.mark.parametrize(
    ("kind", "place", "granted"),
    [
        ("ClusterRole", "", {"/api/v1/pods", "/api/v1/namespaces/x/pods", "/api/v1/namespaces/y/pods"}),
        ("Role", "", {"/api/v1/namespaces/x/pods", "/api/v1/namespaces/y/pods"}),
        ("Role", ", namespace: x", {"/api/v1/namespaces/x/pods"}),
    ],
)
def test_a_role_grants_nothing_outside_its_namespace(kind: str, place: str, granted: set[str]) -> None:
    rules = Rules(ROLE.format(kind=kind, place=place))
    lists = ("/api/v1/pods", "/api/v1/namespaces/x/pods", "/api/v1/namespaces/y/pods")
    assert {path for path in lists if rules.grant(right_of(path))} == granted
    everywhere = kind == "ClusterRole"
    assert rules.grant(right_of("/version")) == everywhere
    assert rules.grant(right_of("/api/v1/namespaces")) == everywhere
    assert rules.grant(right_of("/api/v1/namespaces/x"))


def test_what_a_process_of_its_own_asked_is_held_against_the_same_rules(
    watcher: Watcher, tmp_path: Path
) -> None:
    known = recording()
    made = collect(known, tmp_path).bundle.path
    assert watcher.problems() == []
    own = Watcher()
    own.read(made, known)
    assert len(own.seen) > 60
    assert own.problems() == []
    own._shipped.grants = [
        grant for grant in own._shipped.grants if "pods/log" not in grant.rule.get("resources", ())
    ]
    own._written[id(known)] = known, Rules("")
    own.read(made, known)
    assert any("needs get on pods/log" in problem for problem in own.problems())


def test_what_is_granted_is_not_told() -> None:
    good = [
        "/version",
        "/apis/apps/v1",
        "/api/v1/pods?limit=500",
        "/api/v1/namespaces/x/pods/y/log?container=z",
    ]
    assert complaints(*(request(target) for target in good)) == []


def test_custom_resources_are_held_against_what_preflight_writes_for_their_server() -> None:
    custom = request("/apis/apps.example.com/v1/widgets")
    (problem,) = complaints(custom)
    assert "widgets.apps.example.com" in problem
    rules = written_by_preflight(recording("v1.36"))
    assert rules.grant(right_of("/apis/velero.io/v1/namespaces/velero/backups"))
    assert not rules.grant(right_of("/apis/apps.example.com/v1/widgets"))


def test_requests_of_another_client_are_not_ours_to_judge(watcher: Watcher) -> None:
    with served(recording()) as (_, api):
        answer = api.connection.pool.request("DELETE", f"{api.connection.server}/api/v1/namespaces/x")
    assert answer.status == 405
    assert watcher.seen == []
