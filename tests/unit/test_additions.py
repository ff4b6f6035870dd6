"""What added mounts and containers are: over the application's code, known to every cluster, or neither."""

from __future__ import annotations

from typing import Any

import pytest

from collector.collectors.drift import differences
from collector.releases import load_conductor


def workload(
    *mounts: dict[str, Any],
    volumes: list[dict[str, Any]] | None = None,
    beside: list[dict[str, Any]] | None = None,
    **container: Any,
) -> dict[str, Any]:
    main = {"name": "web", "image": "app:1", "volumeMounts": list(mounts), **container}
    return {
        "spec": {"template": {"spec": {"containers": [main, *(beside or [])], "volumes": volumes or []}}},
    }


def mount(path: str, volume: str = "extra", **more: Any) -> dict[str, Any]:
    return {"mountPath": path, "name": volume, **more}


def config(name: str, volume: str = "extra") -> dict[str, Any]:
    return {"name": volume, "configMap": {"name": name}}


def areas(shipped: dict[str, Any], live: dict[str, Any]) -> dict[str, str]:
    return {difference.field: difference.area for difference in differences([shipped], live)}


@pytest.mark.parametrize(
    ("path", "area"),
    [
        ("/app/lib/patch.rb", "code"),
        ("/app", "code"),
        ("/usr/src", "code"),
        ("/etc/../app", "code"),
        ("/usr/lib/python3.9/site-packages/app.py", "code"),
        ("/srv/web/node_modules", "code"),
        ("/application", "mount"),
        ("/etc/passwd", "mount"),
        ("/etc/ssl", "mount"),
        ("/tmpfiles", "mount"),
        ("/etc/ssl/certs/corp-ca.crt", "known"),
        ("/etc/localtime", "known"),
        ("/tmp", "known"),
        ("/var/log", "known"),
        ("/tmp/../app", "code"),
    ],
)
def test_where_a_mount_stands_decides_what_it_and_its_volume_are(path: str, area: str) -> None:
    live = workload(mount(path), volumes=[config("ca")])
    assert areas(workload(), live) == {
        f"containers[web].volumeMounts[{path}]": area,
        "volumes[extra]": area,
    }


@pytest.mark.parametrize(
    ("container", "path"),
    [
        ({"workingDir": "/data/web"}, "/data/web/config.rb"),
        ({"command": ["/entrypoint.sh", "/tmp/x"]}, "/entrypoint.sh"),
    ],
)
def test_what_the_release_states_to_run_from_is_code(container: dict[str, Any], path: str) -> None:
    shipped, live = workload(**container), workload(mount(path), **container)
    assert areas(shipped, live) == {f"containers[web].volumeMounts[{path}]": "code"}
    assert areas(workload(), workload(mount(path))) == {f"containers[web].volumeMounts[{path}]": "mount"}


@pytest.mark.parametrize("root", [{"workingDir": "/"}, {"workingDir": "."}, {"command": ["rails"]}])
def test_the_root_and_a_bare_command_make_no_path_code(root: dict[str, Any]) -> None:
    live = workload(mount("/etc/app"), **root)
    assert set(areas(workload(**root), live).values()) == {"mount"}


@pytest.mark.parametrize(("path", "area"), [("/etc/app", "code"), ("/tmp", "known")])
def test_other_content_at_a_path_of_the_releases_own(path: str, area: str) -> None:
    shipped = workload(mount(path), volumes=[config("shipped")])
    assert areas(shipped, workload(mount(path), volumes=[config("mine")])) == {
        "volumes[extra].configMap.name": area
    }
    moved = workload(mount(path, "other"), volumes=[config("mine", "other")])
    assert set(areas(shipped, moved).values()) == {area}
    part = workload(mount(path, subPath="x"), volumes=[config("shipped")])
    assert areas(shipped, part) == {f"containers[web].volumeMounts[{path}].subPath": area}


def test_how_something_is_mounted_and_what_was_taken_away_put_no_code_there() -> None:
    shipped = workload(mount("/app/data"), volumes=[{"name": "extra", "emptyDir": {}}])
    manner = workload(
        mount("/app/data", readOnly=True), volumes=[{"name": "extra", "emptyDir": {"sizeLimit": "1Gi"}}]
    )
    assert set(areas(shipped, manner).values()) == {"mount"}
    assert set(areas(shipped, workload()).values()) == {"mount"}


def test_the_gravest_mount_of_a_volume_decides_and_one_without_mounts_touches_nothing() -> None:
    both = workload(mount("/tmp/a"), mount("/app/b"), volumes=[config("x"), config("y", "idle")])
    found = areas(workload(), both)
    assert (found["volumes[extra]"], found["volumes[idle]"]) == ("code", "known")


@pytest.mark.parametrize(
    ("name", "image", "area"),
    [
        ("istio-proxy", "docker.io/istio/proxyv2:1.9.1", "known"),
        ("datadog-agent", "gcr.io/datadoghq/agent:7", "known"),
        ("istio-proxy", "registry.example.com/mine:1", "container"),
        ("shell", "istio/proxyv2:1.9.1", "container"),
    ],
)
def test_a_sidecar_is_known_by_its_name_and_image_together(name: str, image: str, area: str) -> None:
    sidecar = {"name": name, "image": image, "volumeMounts": [mount("/app", "sidecar")]}
    live = workload(beside=[sidecar], volumes=[config("x", "sidecar")])
    assert areas(workload(), live) == {f"containers[{name}]": area, "volumes[sidecar]": "known"}


def test_a_container_of_the_releases_own_that_is_gone_is_never_known() -> None:
    sidecar = {"name": "istio-proxy", "image": "istio/proxyv2:1.9.1"}
    assert areas(workload(beside=[sidecar]), workload()) == {"containers[istio-proxy]": "container"}


def test_the_paths_of_the_table_are_absolute_and_none_is_both_code_and_known() -> None:
    mounts = load_conductor().mounts
    assert all(path.startswith("/") and not path.endswith("/") for path in (*mounts.code, *mounts.known))
    assert not [k for k in mounts.known for c in mounts.code if f"{c}/".startswith(f"{k}/")]


@pytest.mark.parametrize("odd", [None, "x", 3, [1], {"a": 1}, [{"name": 1, "mountPath": []}]])
def test_pods_of_any_shape_are_compared(odd: Any) -> None:
    for key in ("containers", "volumes", "initContainers"):
        live = {"spec": {"template": {"spec": {key: odd}}}}
        assert isinstance(areas(workload(mount("/app")), live), dict)
        assert isinstance(areas(live, workload(mount("/app"))), dict)
