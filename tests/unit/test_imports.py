"""A directory answers as a server would: pages, selections, bare metadata, logs, and honest refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.imports.answers import Library
from collector.imports.logs import LogKey, NoLogError, dump_log
from collector.imports.offers import offers_of
from collector.imports.shelves import dump_shelves
from collector.imports.tree import Tree
from collector.kube.guard import METADATA_ONLY
from collector.spec import load_catalog

Ask = Callable[..., tuple[int, Any]]


def pod(namespace: str, name: str, **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"namespace": namespace, "name": name, "labels": labels},
        "spec": {"secret": "content"},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for namespace, names in (("b", ["b1", "b2", "b3"]), ("a", ["a1", "a2"])):
        (tmp_path / namespace).mkdir()
        items = [pod(namespace, name, app=name[0], odd=str(int(name[1]) % 2)) for name in names]
        content = {"kind": "PodList", "apiVersion": "v1", "items": items}
        (tmp_path / namespace / "pods.json").write_text(json.dumps(content))
    nodes = {"kind": "NodeList", "apiVersion": "v1", "items": None}
    (tmp_path / "nodes.json").write_text(json.dumps(nodes))
    return tmp_path


@pytest.fixture
def ask(folder: Path) -> Ask:
    tree = Tree(folder)
    shelves = dump_shelves(tree)
    offers = offers_of(shelves, (), (), load_catalog())
    library = Library(tree, shelves, offers, version={}, log=dump_log)

    def request(target: str, accept: str = "application/json", method: str = "GET") -> tuple[int, Any]:
        answer = library.request(method, f"directory{target}", headers={"Accept": accept}, timeout=5)
        body = b"".join(iter(lambda: answer.read1(7), b""))
        answer.close()
        return answer.status, json.loads(body)

    return request


def names(answer: tuple[int, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in answer[1]["items"]]


def test_a_list_comes_in_order_of_namespaces(ask: Ask) -> None:
    assert names(ask("/api/v1/pods")) == ["a1", "a2", "b1", "b2", "b3"]
    assert names(ask("/api/v1/namespaces/b/pods")) == ["b1", "b2", "b3"]
    assert names(ask("/api/v1/namespaces/c/pods")) == []
    assert names(ask("/api/v1/nodes")) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
def test_pages_make_the_whole_list(ask: Ask, limit: int) -> None:
    seen: list[str] = []
    token = ""
    for _ in range(6):
        answer = ask(f"/api/v1/pods?limit={limit}{token}")
        assert len(names(answer)) <= limit
        seen += names(answer)
        if "continue" not in answer[1]["metadata"]:
            break
        token = f"&continue={answer[1]['metadata']['continue']}"
    assert seen == ["a1", "a2", "b1", "b2", "b3"]


@pytest.mark.parametrize("token", ["x", "9.9", "-1.0", "0.999999", "1", "99999999999999999999999.0"])
def test_a_token_that_no_answer_gave_leads_nowhere(ask: Ask, token: str) -> None:
    assert ask(f"/api/v1/pods?limit=1&continue={token}")[0] == 200


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        ("labelSelector=app=a", ["a1", "a2"]),
        ("labelSelector=app!=a,odd==1", ["b1", "b3"]),
        ("labelSelector=app", ["a1", "a2", "b1", "b2", "b3"]),
        ("labelSelector=!app", []),
        ("fieldSelector=metadata.namespace!=a", ["b1", "b2", "b3"]),
    ],
)
def test_selectors(ask: Ask, selector: str, chosen: list[str]) -> None:
    assert names(ask(f"/api/v1/pods?{selector}")) == chosen


@pytest.mark.parametrize("selector", ["labelSelector=app in (a)", "fieldSelector=status.phase=Failed"])
def test_a_selector_that_cannot_be_judged_is_refused(ask: Ask, selector: str) -> None:
    status, answer = ask(f"/api/v1/pods?{selector}")
    assert (status, "cannot be judged" in answer["message"]) == (422, True)


def test_names_alone_are_given_without_contents(ask: Ask) -> None:
    status, answer = ask("/api/v1/pods", METADATA_ONLY)
    assert (status, answer["kind"]) == (200, "PartialObjectMetadataList")
    assert {tuple(item) for item in answer["items"]} == {("metadata",)}


def test_what_every_server_has_is_offered_and_then_said_to_be_missing(ask: Ask) -> None:
    groups = {group["name"] for group in ask("/apis")[1]["groups"]}
    assert {"apps", "batch"} <= groups
    offered = {entry["name"] for entry in ask("/apis/apps/v1")[1]["resources"]}
    assert "deployments" in offered
    status, answer = ask("/apis/apps/v1/deployments")
    assert (status, answer["message"]) == (404, "the directory holds no list of deployments")


@pytest.mark.parametrize("target", ["/version", "/readyz", "/apis/none/v1", "/api/v1/pods/x/y/z", "/", ""])
def test_anything_else_is_not_there(ask: Ask, target: str) -> None:
    assert ask(target)[0] == 404


def test_nothing_can_be_written(ask: Ask) -> None:
    assert ask("/api/v1/pods", method="POST")[0] == 405


LOGS = b"""\
==== START logs for container web of pod a/a1 ====
one
==== END logs for container other of pod a/a1 ====
two
==== END logs for container web of pod a/a1 ====
==== START logs for container proxy of pod a/a1 ====
Request log error: the server rejected our request
==== END logs for container proxy of pod a/a1 ====
==== START logs for container quiet of pod a/a1 ====
==== END logs for container quiet of pod a/a1 ====
==== START logs for container cut of pod a/a1 ====
no end
"""


def log(folder: Path, container: str, *, previous: bool = False) -> bytes:
    (folder / "a" / "a1").mkdir(exist_ok=True)
    (folder / "a" / "a1" / "logs.txt").write_bytes(LOGS)
    key = LogKey(namespace="a", pod="a1", container=container, previous=previous)
    return b"".join(dump_log(Tree(folder), key))


def test_a_log_is_what_stands_between_its_marks(folder: Path) -> None:
    assert log(folder, "web") == b"one\n==== END logs for container other of pod a/a1 ====\ntwo\n"
    assert log(folder, "cut") == b"no end\n"
    assert log(folder, "quiet") == b""


@pytest.mark.parametrize(
    ("container", "previous", "words"),
    [
        ("proxy", False, "the server rejected our request"),
        ("absent", False, "no log of this container"),
        ("web", True, "previous runs"),
    ],
)
def test_a_log_that_is_not_there_says_why(folder: Path, container: str, previous: bool, words: str) -> None:
    with pytest.raises(NoLogError, match=words):
        log(folder, container, previous=previous)
