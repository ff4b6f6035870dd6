"""Both forms of discovery say the same, one in two requests; nothing hostile gets into a path."""

from __future__ import annotations

from typing import Any

import pytest

from collector.demo.messages import not_acceptable
from collector.demo.recording import Answer, Recording
from collector.kube import errors
from collector.kube.discovery import Discovery, discover
from tests.lib import faulty
from tests.lib.clusters import served
from tests.lib.edits import with_broken_group
from tests.lib.recordings import recording

ALL = ("v1.13", "v1.17", "v1.36", "v1.17-broken-apiservice", "v1.36-broken-apiservice")
# Where a storage version was hashed, only the plain form tells.
PLAIN_ONLY = {"storageVersionHash"}


def plain_only(known: Recording) -> Recording:
    return known.with_aggregated(dict.fromkeys(known.aggregated))


def found_by(known: Recording) -> tuple[Discovery, int]:
    with served(known) as (server, api):
        return discover(api), len(server.requests)


def by_name(discovery: Discovery) -> dict[tuple[str, str], Any]:
    return {
        (document["groupVersion"], entry["name"]): {
            key: sorted(value) if isinstance(value, list) else value
            for key, value in entry.items()
            if key not in PLAIN_ONLY
        }
        for document in discovery.documents
        for entry in document["resources"]
    }


@pytest.mark.parametrize("version", ALL)
def test_both_forms_give_the_same(version: str) -> None:
    known = recording(version)
    new, _ = found_by(known)
    old, _ = found_by(plain_only(known))
    assert set(new.resources) == set(old.resources)
    assert by_name(new) == by_name(old)
    assert {group["name"]: group for group in new.groups} == {
        group["name"]: {key: group[key] for key in ("name", "versions", "preferredVersion")}
        for group in old.groups
    }
    assert new.gaps == old.gaps
    assert len(new.resources) > 40


# The broken group is asked for the reason, and once more.
@pytest.mark.parametrize(("version", "requests"), [("v1.36", 2), ("v1.36-broken-apiservice", 4)])
def test_a_server_that_can_gives_all_in_two_answers(version: str, requests: int) -> None:
    assert found_by(recording(version))[1] == requests


@pytest.mark.parametrize("version", ["v1.13", "v1.17"])
def test_an_older_server_is_asked_for_each_version_once(version: str) -> None:
    found, requests = found_by(recording(version))
    assert requests == 2 + len(found.documents)


def test_a_stale_group_is_a_gap_in_the_words_of_its_own_failure() -> None:
    found, _ = found_by(recording("v1.36-broken-apiservice"))
    (gap,) = found.gaps
    assert gap.subject == "API group version metrics.k8s.io/v1beta1"
    assert gap.reason == "service unavailable"
    assert gap.needs == "kubectl get apiservice v1beta1.metrics.k8s.io"
    assert found.has_group("metrics.k8s.io")


def test_a_stale_group_that_answers_all_the_same_is_read() -> None:
    known = recording("v1.36-broken-apiservice")
    document = {
        "groupVersion": "metrics.k8s.io/v1beta1",
        "resources": [
            {"name": "nodes", "kind": "NodeMetrics", "namespaced": False, "verbs": ["get", "list"]},
        ],
    }
    found, _ = found_by(known.with_answers({"/apis/metrics.k8s.io/v1beta1": Answer.of(document)}))
    assert found.gaps == ()
    assert found.find("nodes", "metrics.k8s.io") is not None


def test_a_proxy_that_refuses_the_header_gets_a_plain_one() -> None:
    def picky(exchange: faulty.Exchange) -> bool:
        wanted = "apidiscovery" in exchange.request.headers.get("accept", "")
        return wanted and exchange.send(not_acceptable())

    with served(recording("v1.36")) as (server, api):
        server.on("/api*", picky)
        found = discover(api)
    assert found.find("pods") is not None
    assert found.gaps == ()


def test_a_broken_group_costs_its_group_only_in_the_plain_form_too() -> None:
    broken = with_broken_group(
        plain_only(recording("v1.36")), recording("v1.36-broken-apiservice"), "metrics.k8s.io"
    )
    found, _ = found_by(broken)
    assert [gap.subject for gap in found.gaps] == ["API group version metrics.k8s.io/v1beta1"]
    assert found.find("pods") is not None


HOSTILE = [
    "../../api/v1/secrets",
    "a/b/c",
    "x?watch=1",
    "x y",
    "X",
    "",
    "-",
    "a" * 300,
    "x\r\nHost: evil",
    "\u202ecba",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_could_shape_a_request_are_left_out(name: str) -> None:
    entry = {"name": name, "kind": "X", "namespaced": True, "verbs": ["list"]}
    good = {"name": "things", "kind": "Thing", "namespaced": True, "verbs": ["list"]}
    versions = [{"groupVersion": gv, "version": "v1"} for gv in (f"{name}/v1", "good.example.com/v1")]
    groups = {
        "kind": "APIGroupList",
        "groups": [
            {"name": name, "versions": versions[:1], "preferredVersion": versions[0]},
            {"name": "good.example.com", "versions": versions[1:], "preferredVersion": versions[1]},
        ],
    }
    document = {"groupVersion": "good.example.com/v1", "resources": [entry, good]}
    known = plain_only(recording("v1.17")).with_answers(
        {"/apis": Answer.of(groups), "/apis/good.example.com/v1": Answer.of(document)}
    )
    with served(known) as (server, api):
        found = discover(api)
        assert [r.plural for r in found.resources if r.group] == ["things"]
        assert len(server.requests) == 4
    assert all(gap.subject.isprintable() for gap in found.gaps)


@pytest.mark.parametrize("name", HOSTILE)
def test_they_are_left_out_of_the_aggregated_form_too(name: str) -> None:
    def version(plural: str) -> Any:
        kind = {"group": "", "version": "", "kind": "X"}
        return {
            "version": "v1",
            "freshness": "Current",
            "resources": [
                {"resource": plural, "responseKind": kind, "scope": "Namespaced", "verbs": ["list"]},
            ],
        }

    items = [
        {"metadata": {"name": name}, "versions": [version("things")]},
        {"metadata": {"name": "good.example.com"}, "versions": [version(name), version("things")]},
    ]
    answer = Answer.of({"kind": "APIGroupDiscoveryList", "items": items})
    known = recording("v1.36").with_aggregated({"/apis": answer})
    found, requests = found_by(known)
    assert requests == 2
    assert [r.full_name for r in found.resources if r.group] in ([], ["things.good.example.com"])


@pytest.mark.parametrize(
    "answer",
    [
        {"kind": "APIGroupDiscoveryList"},
        {"kind": "APIGroupDiscoveryList", "items": "no"},
        {"kind": "APIGroupDiscoveryList", "items": [1, {"metadata": 2}, {"versions": [{}]}]},
        {
            "kind": "APIGroupDiscoveryList",
            "items": [{"metadata": {"name": "x.y"}, "versions": [{"version": 1}]}],
        },
        {"groups": [{"name": 1}, {"versions": "no"}, None]},
        [],
    ],
)
def test_answers_of_the_wrong_shape_raise_nothing(answer: Any) -> None:
    known = recording("v1.36").with_aggregated({"/apis": Answer.of(answer)})
    found, _ = found_by(known)
    assert found.find("pods") is not None


@pytest.mark.parametrize("path", ["/api", "/apis"])
def test_without_a_root_there_is_no_discovery(path: str) -> None:
    with served(recording("v1.36")) as (server, api):
        server.on(path, faulty.forbidden())
        with pytest.raises(errors.ForbiddenError):
            discover(api)
