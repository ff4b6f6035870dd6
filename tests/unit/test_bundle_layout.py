from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.bundle import layout
from collector.bundle.names import folded
from collector.core.errors import BundleError


@pytest.mark.parametrize(
    ("group", "plural", "namespace", "path"),
    [
        ("", "pods", "conductor", "cluster-resources/pods/conductor.json"),
        ("", "nodes", None, "cluster-resources/nodes.json"),
        ("", "persistentvolumeclaims", "a", "cluster-resources/pvcs/a.json"),
        ("", "persistentvolumes", None, "cluster-resources/pvs.json"),
        ("", "resourcequotas", "a", "cluster-resources/resource-quota/a.json"),
        ("networking.k8s.io", "ingresses", "a", "cluster-resources/ingress/a.json"),
        ("extensions", "ingresses", "a", "cluster-resources/ingress/a.json"),
        ("networking.k8s.io", "networkpolicies", "a", "cluster-resources/network-policy/a.json"),
        ("policy", "poddisruptionbudgets", "a", "cluster-resources/pod-disruption-budgets/a.json"),
        ("storage.k8s.io", "storageclasses", None, "cluster-resources/storage-classes.json"),
        (
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            None,
            "cluster-resources/custom-resource-definitions.json",
        ),
        ("autoscaling", "horizontalpodautoscalers", "a", "cluster-resources/horizontalpodautoscalers/a.json"),
        (
            "velero.io",
            "backups",
            "velero",
            "cluster-resources/custom-resources/backups.velero.io/velero.json",
        ),
        (
            "kubeaddons.mesosphere.io",
            "addons",
            None,
            "cluster-resources/custom-resources/addons.kubeaddons.mesosphere.io.json",
        ),
    ],
)
def test_objects_lie_where_troubleshoot_puts_them(
    group: str, plural: str, namespace: str | None, path: str
) -> None:
    assert layout.objects_path(group, plural, namespace) == path
    assert layout.namespace_of(path) == (namespace or "")


def test_only_custom_resources_are_bare_arrays() -> None:
    assert layout.is_bare_array("velero.io", "backups")
    assert layout.is_bare_array("snapshot.storage.k8s.io", "volumesnapshots")
    assert not layout.is_bare_array("", "pods")
    assert not layout.is_bare_array("apps", "deployments")
    assert not layout.is_bare_array("rbac.authorization.k8s.io", "roles")
    assert not layout.is_bare_array("autoscaling", "horizontalpodautoscalers")


@pytest.mark.parametrize("plural", ["pods", "groups", "resources", "custom-resources", "ingress"])
def test_a_foreign_resource_cannot_take_a_known_place(plural: str) -> None:
    ours = {layout.objects_path("", "pods", "a"), layout.GROUPS, layout.RESOURCES}
    for namespace in (None, "a"):
        path = layout.objects_path("apps", plural, namespace)
        assert path not in ours
        assert not path.startswith(("cluster-resources/custom-resources/", "cluster-resources/ingress/"))


def test_events_of_both_groups_are_kept_apart() -> None:
    assert layout.objects_path("", "events", "a") != layout.objects_path("events.k8s.io", "events", "a")


def test_objects_are_found_again_without_the_logs_below_them() -> None:
    wanted = [layout.objects_path("", "pods", namespace) for namespace in ("a", "b", "logs")]
    others = [
        layout.log_path("a", "web-0", "app", previous=False),
        layout.objects_path("policy", "poddisruptionbudgets", "a"),
        layout.objects_path("metrics.k8s.io", "pods", "a"),
        layout.RESOURCES,
    ]
    assert layout.objects_of([*others, *wanted], "", "pods") == wanted
    assert all(path.startswith(layout.objects_prefix("", "pods")) for path in wanted)
    nodes = layout.objects_path("", "nodes", None)
    assert layout.objects_of([nodes, *others], "", "nodes") == [nodes]


@pytest.mark.parametrize("previous", [False, True])
@pytest.mark.parametrize("container", ["app", "app-previous", "previous", "con"])
def test_log_paths_are_read_back(container: str, previous: bool) -> None:
    path = layout.log_path("conductor", "web-0", container, previous=previous)
    assert layout.parse_log_path(path) == ("conductor", "web-0", container, previous)
    assert layout.namespace_of(path) == "conductor"


def test_a_log_of_the_previous_run_has_the_ending_that_readers_know() -> None:
    root = "cluster-resources/pods/logs/conductor/web-0"
    assert layout.log_path("conductor", "web-0", "app", previous=False) == f"{root}/app.log"
    assert layout.log_path("conductor", "web-0", "app", previous=True) == f"{root}/app-previous.log"


@pytest.mark.parametrize(
    "path",
    [
        "cluster-resources/pods/conductor.json",
        "cluster-resources/pods/logs/conductor/app.log",
        "cluster-resources/pods/logs/conductor/web-0/app.txt",
        "x/cluster-resources/pods/logs/conductor/web-0/app.log",
        "run/agent.log",
        "",
    ],
)
def test_other_paths_are_no_logs(path: str) -> None:
    assert layout.parse_log_path(path) is None


@pytest.mark.parametrize(
    "path", ["", "findings.json", "versions/components.json", layout.GROUPS, "cluster-resources/a/b/c.json"]
)
def test_other_paths_have_no_namespace(path: str) -> None:
    assert layout.namespace_of(path) == ""


def test_every_fixed_path_is_one_that_readers_accept() -> None:
    fixed = [value for name, value in vars(layout).items() if name.isupper() and not name.startswith("_")]
    assert len(fixed) > 15
    assert len({folded(path) for path in fixed}) == len(fixed)
    for path in fixed:
        layout.validate_path(path)


_NAMES = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="abcXYZ.-_~/\\: \x00é\u202e", max_size=30),
    st.text(alphabet="a", min_size=190, max_size=300),
    st.sampled_from(["", ".", "..", "con", "NUL", "com1.txt", "-rf", ".hidden", "a.", "C:", "a/../b", "~x"]),
)


@given(_NAMES)
def test_any_name_becomes_a_safe_segment(name: str) -> None:
    segment = layout.safe_segment(name)
    layout.validate_path(segment)
    layout.validate_path(f"{segment}-previous.log")
    assert "/" not in segment
    assert segment.isascii()
    assert 0 < len(segment) <= 200
    assert segment[0] not in ".-~"
    assert segment.split(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT1"}
    assert layout.safe_segment(name) == segment


@given(_NAMES, _NAMES)
def test_different_names_stay_different_even_without_case(one: str, other: str) -> None:
    if one != other:
        assert folded(layout.safe_segment(one)) != folded(layout.safe_segment(other))


@given(st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,180}[a-z0-9])?", fullmatch=True))
def test_kubernetes_names_stay_as_they_are(name: str) -> None:
    reserved = ("con", "prn", "aux", "nul", "com", "lpt")
    if not name.startswith(reserved):
        assert layout.safe_segment(name) == name


def test_the_longest_names_still_make_an_acceptable_path() -> None:
    layout.validate_path(layout.log_path("n" * 63, "p" * 253, "c" * 63, previous=True))
    layout.validate_path(layout.objects_path("g" * 200 + ".example.com", "p" * 253, "n" * 63))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../x",
        "a/..",
        "./a",
        "a//b",
        "a/",
        "a\\b",
        "C:/x",
        "c:x",
        "a\x00b",
        "a\nb",
        "a\x1b[2Jb",
        "a\udc80",
        "a ",
        "a./b",
        "x" * 401,
    ],
)
def test_paths_that_no_reader_should_trust_are_refused(path: str) -> None:
    with pytest.raises(BundleError) as caught:
        layout.validate_path(path)
    assert caught.value.why
    assert caught.value.hint
    assert "\x1b" not in caught.value.message
