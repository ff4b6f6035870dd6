"""Every listable resource is either read by one collector or left out for a stated reason."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.collectors.choice import Choice, choose, missing
from collector.kube.discovery import ApiResource, Discovery
from collector.spec import Catalog, Resources, Spec, load_catalog

CATALOG = load_catalog()
ORDINARY = (
    "widgets.example.com",
    "events",
    "pods",
    "nodes",
    "configmaps",
    "deployments.apps",
    "backups.velero.io",
)


def resource(full_name: str) -> ApiResource:
    plural, _, group = full_name.partition(".")
    return ApiResource(
        group=group, version="v1", plural=plural, kind=plural.title(), namespaced=True, verbs=frozenset()
    )


def offered(*names: str) -> Discovery:
    return Discovery(groups=(), documents=(), resources=tuple(map(resource, names)), gaps=())


def spec(**changes: object) -> Spec:
    return msgspec.structs.replace(Spec(), **changes)


def chosen(names: Sequence[str], wishes: Spec | None = None) -> dict[str, Choice]:
    choices = choose(offered(*names), CATALOG, wishes or spec())
    return {choice.resource.full_name: choice for choice in choices}


def read(names: Sequence[str], wishes: Spec | None = None) -> set[str]:
    return {name for name, choice in chosen(names, wishes).items() if not choice.skipped}


@given(st.lists(st.sampled_from([*ORDINARY, "secrets", "events.events.k8s.io"]), unique=True))
def test_there_is_one_choice_for_each_resource(names: list[str]) -> None:
    choices = choose(offered(*names), CATALOG, spec())
    assert sorted(choice.resource.full_name for choice in choices) == sorted(names)


def test_the_order_is_the_catalogues_and_unknown_kinds_come_last_by_name() -> None:
    names = ["zebras.example.com", "apes.example.com", *ORDINARY]
    ordered = [choice.resource.full_name for choice in choose(offered(*names), CATALOG, spec())]
    assert ordered == [
        "nodes",
        "pods",
        "events",
        "deployments.apps",
        "configmaps",
        "backups.velero.io",
        "apes.example.com",
        "widgets.example.com",
        "zebras.example.com",
    ]


def test_each_goes_to_the_collector_of_its_row_and_unknown_ones_to_the_last() -> None:
    choices = chosen(ORDINARY)
    assert choices["nodes"].collector == "cluster"
    assert choices["pods"].collector == "workloads"
    assert choices["backups.velero.io"].collector == "workloads"
    assert choices["widgets.example.com"].collector == "resources"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("events", "events.events.k8s.io"),
        ("deployments.apps", "deployments.extensions"),
        ("ingresses.networking.k8s.io", "ingresses.extensions"),
        ("podsecuritypolicies.policy", "podsecuritypolicies.extensions"),
    ],
)
def test_objects_that_two_groups_serve_are_read_once(first: str, second: str) -> None:
    choices = chosen([second, first])
    assert not choices[first].skipped
    assert choices[second].skipped == f"the same objects are read as {first}"
    assert not chosen([second])[second].skipped


def test_resources_that_share_a_name_alone_are_both_read() -> None:
    assert read(["pods", "pods.metrics.k8s.io"]) == {"pods", "pods.metrics.k8s.io"}


def test_secrets_are_left_out_unless_their_names_are_wanted() -> None:
    assert "secretObjects: metadata" in chosen(["secrets"])["secrets"].skipped
    choice = chosen(["secrets"], spec(secret_objects="metadata"))["secrets"]
    assert (choice.skipped, choice.metadata_only) == ("", True)


@pytest.mark.parametrize(
    "resources", [Resources(include=("*",)), Resources(include=("secrets",)), Resources(include=("secret*",))]
)
def test_including_secrets_by_name_does_not_read_them(resources: Resources) -> None:
    for profile in ("minimal", "standard", "full"):
        assert not read(["secrets"], spec(resources=resources, profile=profile))


def test_names_of_secrets_are_not_read_where_the_spec_excludes_them() -> None:
    wishes = spec(secret_objects="metadata", resources=Resources(exclude=("secrets",)))
    assert chosen(["secrets"], wishes)["secrets"].skipped


@pytest.mark.parametrize("name", ["secrets.vault.example.com", "secrets.extensions"])
def test_what_another_group_calls_secrets_is_treated_as_such(name: str) -> None:
    assert chosen([name])[name].skipped
    assert chosen([name], spec(secret_objects="metadata"))[name].metadata_only


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ((), (), set(ORDINARY)),
        (("pods",), (), {"pods"}),
        (("pods", "*.example.com"), (), {"pods", "widgets.example.com"}),
        ((), ("pods",), set(ORDINARY) - {"pods"}),
        ((), ("*.velero.io", "nodes"), set(ORDINARY) - {"backups.velero.io", "nodes"}),
        (("*",), ("*s",), {"backups.velero.io", "widgets.example.com"}),
        (("PODS",), (), set()),
    ],
)
def test_patterns_decide_what_is_read(
    include: tuple[str, ...], exclude: tuple[str, ...], expected: set[str]
) -> None:
    wishes = spec(resources=Resources(include=include, exclude=exclude))
    assert read(ORDINARY, wishes) == expected
    assert all(choice.skipped for name, choice in chosen(ORDINARY, wishes).items() if name not in expected)


def test_the_profile_minimal_reads_what_a_diagnosis_needs_first() -> None:
    assert read(ORDINARY, spec(profile="minimal")) == {"events", "pods", "nodes", "deployments.apps"}
    assert "minimal" in chosen(ORDINARY, spec(profile="minimal"))["configmaps"].skipped


def test_the_profile_minimal_reads_more_where_it_is_told_to() -> None:
    wishes = spec(profile="minimal", resources=Resources(include=("configmaps",)))
    assert "configmaps" in read(ORDINARY, wishes)


@pytest.mark.parametrize("profile", ["standard", "full"])
def test_other_profiles_read_every_kind(profile: str) -> None:
    assert read(ORDINARY, spec(profile=profile)) == set(ORDINARY)


def test_expected_rows_that_a_server_has_not_are_told() -> None:
    catalog = load_catalog()
    assert {row.name for row in missing(offered(), catalog, "workloads")} >= {"pods", "events"}
    told = {row.name for row in missing(offered("pods", "deployments.extensions"), catalog, "workloads")}
    assert told.isdisjoint({"pods", "deployments", "addons"})


def test_a_catalogue_without_rows_still_reads_everything() -> None:
    empty = Catalog(rows=(), secrets=frozenset({("", "secrets")}))
    choices = choose(offered(*ORDINARY, "secrets"), empty, spec())
    assert {choice.collector for choice in choices} == {"resources"}
    assert [choice.resource.plural for choice in choices if choice.skipped] == ["secrets"]
