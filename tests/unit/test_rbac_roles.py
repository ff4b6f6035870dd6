"""Roles grant exactly the rights they are written for, whatever a hostile server calls its resources."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from collector.records.rights import Right
from collector.report.rbac import role

RIGHTS = st.builds(
    Right,
    group=st.sampled_from(["", "apps", "batch", "extensions", "a.example.com"]),
    resource=st.sampled_from(["pods", "pods/log", "jobs", "things", "no", "1", "true"]),
    verb=st.sampled_from(["get", "list"]),
)


def granted(text: str) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in yaml.safe_load(text)["rules"]
        if "resources" in rule
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@given(st.sets(RIGHTS, min_size=1))
def test_a_role_grants_these_rights_and_no_other(rights: set[Right]) -> None:
    expected = {(right.group, right.resource, right.verb) for right in rights}
    assert granted(role(rights, name="x")) == expected


@given(st.sets(RIGHTS, min_size=1))
def test_the_order_of_the_rights_does_not_matter(rights: set[Right]) -> None:
    assert role(sorted(rights), name="x") == role(sorted(rights, reverse=True), name="x")


def test_rules_are_shared_where_that_grants_nothing_more() -> None:
    rights = [
        Right(verb="list", group=group, resource=resource)
        for group, resources in (("apps", ("a", "b")), ("extensions", ("a", "b")), ("batch", ("a",)))
        for resource in resources
    ]
    rules = yaml.safe_load(role(rights, name="x"))["rules"]
    assert rules == [
        {"apiGroups": ["apps", "extensions"], "resources": ["a", "b"], "verbs": ["list"]},
        {"apiGroups": ["batch"], "resources": ["a"], "verbs": ["list"]},
    ]


def test_paths_stand_in_a_cluster_role_only() -> None:
    rights = [Right(verb="get", resource=path) for path in ("/version", "/apis/*")]
    made: dict[str, Any] = yaml.safe_load(role(rights, name="x"))
    assert made["kind"] == "ClusterRole"
    assert made["rules"] == [{"nonResourceURLs": ["/apis/*", "/version"], "verbs": ["get"]}]
    assert role(rights, name="x", namespace="conductor") == ""


def test_a_role_lies_in_its_namespace_and_is_wide_as_a_page() -> None:
    rights = [Right(verb="list", resource=f"resource{n}") for n in range(40)]
    text = role(rights, name="x", namespace="conductor")
    made = yaml.safe_load(text)
    assert (made["kind"], made["metadata"]) == ("Role", {"name": "x", "namespace": "conductor"})
    assert len(granted(text)) == 40
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    "name",
    [
        "*",
        "pods/*",
        "*/*",
        "",
        "A",
        "x]\n  - apiGroups: ['*']",
        "x: y",
        "'",
        '"',
        "a b",
        "../x",
        "\u202ex",
        "x/y/z",
    ],
)
def test_a_name_that_is_none_gets_into_no_role(name: str) -> None:
    assert role([Right(verb="list", resource=name)], name="x") == ""
    if name:
        assert role([Right(verb="list", group=name, resource="pods")], name="x") == ""
        assert role([Right(verb="list", resource="pods")], name="x", namespace=name) == ""


def test_nothing_makes_no_role() -> None:
    assert role([], name="x") == ""
