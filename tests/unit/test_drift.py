"""What counts as a difference between a manifest and a live object, and what servers merely fill in."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.collectors.drift import differences


def workload(container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    main = {"name": "web", "image": "app:1", **(container or {})}
    return {"spec": {"replicas": 2, "template": {"spec": {"containers": [main]}}, **spec}}


def found(shipped: dict[str, Any], live: dict[str, Any], **options: Any) -> list[tuple[str, str]]:
    return [(d.area, d.field) for d in differences([shipped], live, **options)]


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({}, []),
        ({"imagePullPolicy": "Always", "terminationMessagePath": "/dev/termination-log"}, []),
        ({"livenessProbe": {"timeoutSeconds": 1, "failureThreshold": 3}}, []),
        (
            {"livenessProbe": {"timeoutSeconds": 9}},
            [("placement", "containers[web].livenessProbe.timeoutSeconds")],
        ),
        ({"securityContext": {}}, []),
        ({"securityContext": {"runAsUser": 0}}, [("placement", "containers[web].securityContext.runAsUser")]),
        ({"image": "app:2"}, [("image", "containers[web].image")]),
        ({"env": [{"name": "A", "value": "b"}]}, [("command", "containers[web].env[A]")]),
        ({"args": ["-v"]}, [("command", "containers[web].args")]),
        (
            {"volumeMounts": [{"mountPath": "/app", "name": "x"}]},
            [("code", "containers[web].volumeMounts[/app]")],
        ),
        (
            {"resources": {"limits": {"cpu": 1}}},
            [("resources", "containers[web].resources.limits.cpu")],
        ),
    ],
)
def test_what_a_live_container_adds(container: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert found(workload(), workload(container)) == expected


@pytest.mark.parametrize(
    ("shipped", "live"),
    [
        ("1Gi", "1024Mi"),
        ("0.5", "500m"),
        (1, "1"),
        ("1000m", "1"),
        ("1k", 1000),
        (None, {}),
        ([], None),
        (8, "8"),
    ],
)
def test_the_same_in_other_words(shipped: object, live: object) -> None:
    ours, theirs = (workload({"resources": {"limits": {"cpu": value}}}) for value in (shipped, live))
    assert found(ours, theirs) == []


@pytest.mark.parametrize(
    ("shipped", "live"), [("1Gi", "1G"), ("1", "2"), ("abc", "abd"), ("1", True), ("1", [1])]
)
def test_not_the_same(shipped: object, live: object) -> None:
    ours, theirs = (workload({"resources": {"limits": {"cpu": value}}}) for value in (shipped, live))
    assert found(ours, theirs) == [("resources", "containers[web].resources.limits.cpu")]


def test_requests_taken_over_from_limits_are_filled_in_and_others_are_not() -> None:
    ours = workload({"resources": {"limits": {"memory": "1Gi"}}})
    same = workload({"resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "1Gi"}}})
    less = workload({"resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "1Mi"}}})
    assert found(ours, same) == []
    assert found(ours, less) == [("resources", "containers[web].resources.requests.memory")]


def test_the_order_of_named_members_does_not_matter() -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert found(workload({"env": env}), workload({"env": env[::-1]})) == []


def test_a_container_that_was_added_or_taken_away_is_named() -> None:
    more = workload()
    more["spec"]["template"]["spec"]["containers"].append({"name": "shell", "image": "busybox"})
    assert found(workload(), more) == [("container", "containers[shell]")]
    assert found(more, workload()) == [("container", "containers[shell]")]


def test_replicas_count_unless_something_scales_them() -> None:
    assert found(workload(), workload(replicas=5)) == [("placement", "replicas")]
    assert found(workload(), workload(replicas=5), scaled=True) == []
    silent = workload()
    del silent["spec"]["replicas"]
    assert found(silent, workload(replicas=1)) == []


def test_what_agrees_with_any_manifest_is_no_difference() -> None:
    old, new = workload({"image": "app:1"}), workload({"image": "app:2"})
    assert differences([old, new], workload({"image": "app:2"})) == []
    assert [d.field for d in differences([old, new], workload({"image": "app:3"}))] == [
        "containers[web].image"
    ]
    assert differences([], workload()) == []


def test_a_cron_job_is_compared_with_its_schedule() -> None:
    pods = {"template": {"spec": {"containers": [{"name": "dump", "image": "dump:1"}]}}}
    job = {"spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": pods}}}
    later = copy.deepcopy(job)
    later["spec"]["schedule"] = "0 4 * * *"
    assert found(job, later) == [("placement", "schedule")]
    assert found(job, {"spec": {**job["spec"], "suspend": False}}) == []


def test_values_show_only_where_they_may() -> None:
    (secret,) = differences(
        [workload({"env": [{"name": "P", "value": "hunter2"}]})],
        workload({"env": [{"name": "P", "value": "hunter3"}]}),
    )
    assert (secret.shipped, secret.live) == ("", "")
    (image,) = differences([workload()], workload({"image": "app:2"}))
    assert (image.shipped, image.live) == ("app:1", "app:2")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(JSON, JSON)
def test_nothing_that_a_cluster_can_hold_raises(ours: Any, theirs: Any) -> None:
    for shipped, live in (
        (ours, theirs),
        (workload(), {"spec": theirs}),
        (workload({"env": ours}), workload({"env": theirs})),
    ):
        assert len(differences([shipped], live)) <= 50


@given(JSON)
def test_an_object_never_differs_from_itself(value: Any) -> None:
    assert (
        differences(
            [workload({"env": value, "resources": value})], workload({"env": value, "resources": value})
        )
        == []
    )
