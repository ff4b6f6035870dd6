"""``preflight`` and ``collect --dry-run``: what they say of recorded servers, what they ask, how they end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from collector.bundle import layout
from collector.bundle.reader import BundleReader
from collector.cli.main import main
from collector.cli.preflight import parser
from collector.core.clock import SystemClock
from collector.core.errors import ExitStatus, UnreachableError
from collector.core.log import LogSink, make_logger
from collector.core.resources import config_path
from collector.demo.apiserver import RecordedApi, Rule, Served, serve, write_kubeconfig
from collector.demo.messages import failure
from collector.pipeline.outline import outline
from collector.pipeline.preflight import Preflight, preflight
from collector.records.rights import Allowed
from collector.report.outline import outline_text
from collector.report.rights import rights_yaml
from collector.spec import Limits, Logs, Resources, Spec, load_spec
from tests.lib import faulty
from tests.lib.clusters import connection
from tests.lib.faulty import FaultyApi
from tests.lib.granted import Rules, right_of
from tests.lib.recordings import VERSIONS, StoppedClock, recording
from tests.lib.runs import collect

FAST = Limits(requests_per_second=1000)
VELERO = [Rule(group="velero.io")]
NAMESPACED_ONLY = [Rule(namespace="")]


def spec(**changes: Any) -> Spec:
    return msgspec.structs.replace(load_spec(), limits=FAST, **changes)


def found(version: str = "v1.17", *, deny: Collection[Rule] = (), wish: Spec | None = None) -> Preflight:
    known = recording(version)
    with serve(RecordedApi(known, StoppedClock(known.recorded_at), deny=deny)) as url:
        link = connection(url)
        log = make_logger(LogSink(None), clock=SystemClock(), run_id="x", json_lines=True)
        try:
            return preflight(link, wish or spec(), clock=SystemClock(), log=log)
        finally:
            link.pool.clear()


def names(preflight: Preflight, allowed: Allowed) -> set[str]:
    return {planned.right.name for planned in preflight.rights.rights if planned.allowed is allowed}


@pytest.mark.parametrize("version", VERSIONS)
def test_with_all_rights_nothing_is_missing_and_everything_that_a_run_reads_was_asked_for(
    version: str, tmp_path: Path
) -> None:
    plan = found(version)
    assert plan.rights.complete
    asked = {(p.right.verb, p.right.group, p.right.resource) for p in plan.rights.rights}
    seen: list[str] = []
    collect(recording(version), tmp_path, requests=seen)
    for line in seen:
        right = right_of(line.partition(" ")[2].partition("?")[0])
        if not right.is_path:
            assert (right.verb, right.group, right.resource) in asked, line


def test_the_roles_for_what_is_missing_are_exactly_that() -> None:
    plan = found(deny=VELERO).rights
    assert {p.right.group for p in plan.missing} == {"velero.io"}
    (role,) = (document for document in yaml.safe_load_all(rights_yaml(plan)) if document)
    assert role["kind"] == "ClusterRole"
    (rule,) = role["rules"]
    assert rule["apiGroups"] == ["velero.io"]
    assert set(rule["resources"]) == {p.right.resource for p in plan.missing}
    assert rule["verbs"] == ["list"]


def test_what_is_denied_everywhere_but_allowed_in_a_namespace_is_told_with_the_namespace() -> None:
    plan = found(deny=NAMESPACED_ONLY, wish=spec(conductor_namespaces=("tiller",))).rights
    pods = next(p for p in plan.rights if p.right.name == "pods")
    assert pods.allowed is Allowed.PARTLY
    assert pods.inside == ("tiller", "conductor")
    assert not plan.complete
    nodes = next(p for p in plan.rights if p.right.name == "nodes")
    assert nodes.allowed is Allowed.YES


def test_a_plan_for_some_namespaces_asks_for_rights_in_these_alone() -> None:
    denied = [Rule(namespace=""), Rule(resource="configmaps", group="", namespace="velero")]
    plan = found(deny=denied, wish=spec(namespaces=("conductor", "velero"))).rights
    assert [(p.right.name, p.right.namespace) for p in plan.missing] == [("configmaps", "velero")]
    (role,) = (document for document in yaml.safe_load_all(rights_yaml(plan)) if document)
    assert (role["kind"], role["metadata"]["namespace"]) == ("Role", "velero")


def test_less_to_read_needs_fewer_rights() -> None:
    whole = found()
    minimal = found(wish=spec(profile="minimal"))
    few = found(wish=spec(only=("logs",)))
    velero = found(wish=spec(resources=Resources(include=("*.velero.io",))))
    assert names(minimal, Allowed.YES) < names(whole, Allowed.YES)
    assert names(few, Allowed.YES) == {"pods/log"}
    listed = {p.right.group for p in velero.rights.rights if p.right.verb == "list"}
    assert listed <= {"velero.io", ""}


def test_secrets_are_asked_for_only_if_the_operator_wants_their_names() -> None:
    assert "secrets" not in names(found(), Allowed.YES) | names(found(), Allowed.NO)
    assert "secrets" in names(found(wish=spec(secret_objects="metadata")), Allowed.NO)


def test_helms_secrets_are_asked_for_by_the_switch_and_where_conductor_runs_alone() -> None:
    wish = spec(read_helm_secrets=True, conductor_namespaces=("conductor",))
    plan = found(deny=[Rule(resource="secrets")], wish=wish).rights
    assert [(p.right.verb, p.right.name, p.right.namespace) for p in plan.missing] == [
        ("get", "secrets", "conductor"),
        ("list", "secrets", "conductor"),
    ]
    written = rights_yaml(plan)
    (role,) = (document for document in yaml.safe_load_all(written) if document)
    assert (role["kind"], role["metadata"]["namespace"]) == ("Role", "conductor")
    assert "by name" in written
    assert "labels alone" not in written


def test_a_dry_run_tells_of_helms_secrets() -> None:
    wish = spec(read_helm_secrets=True, conductor_namespaces=("conductor",))
    preview = outline(found(wish=wish), wish, folder="/data", notices_to="")
    (step,) = (step for step in preview.steps if step.collector == "conductor")
    assert "Conductor's own releases alone" in step.note
    assert any("readHelmSecrets" in reason for reason in preview.skipped)
    assert "secrets, secrets" not in outline_text(preview)


def test_a_server_that_is_not_there_is_unreachable() -> None:
    known = recording()
    server = FaultyApi(RecordedApi(known, StoppedClock(known.recorded_at))).on("*", faulty.reset())
    log = make_logger(LogSink(None), clock=SystemClock(), run_id="x", json_lines=True)
    with serve(server) as url, pytest.raises(UnreachableError):
        preflight(connection(url), spec(), clock=SystemClock(), log=log)


def test_credentials_that_expire_on_the_way_are_unreachable_too() -> None:
    known = recording()
    server = FaultyApi(RecordedApi(known, StoppedClock(known.recorded_at)))
    server.on("/apis/authorization.k8s.io/*", faulty.refused(failure(401, "Unauthorized", "Unauthorized")))
    log = make_logger(LogSink(None), clock=SystemClock(), run_id="x", json_lines=True)
    with serve(server) as url, pytest.raises(UnreachableError, match="does not accept the credentials"):
        preflight(connection(url), spec(), clock=SystemClock(), log=log)


# The verbs.


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in [n for n in os.environ if n.startswith(("CONDUCTOR_DIAG_", "KUBE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    mask, handler = os.umask(0), signal.getsignal(signal.SIGTERM)
    os.umask(mask)
    yield
    os.umask(mask)
    signal.signal(signal.SIGTERM, handler)


@contextlib.contextmanager
def cluster(
    folder: Path, deny: Collection[Rule] = (), version: str = "v1.17"
) -> Iterator[tuple[list[str], Any]]:
    """Gives the flags that reach a server, and what it was asked."""
    known = recording(version)
    server = RecordedApi(known, StoppedClock(known.recorded_at), deny=deny)
    fast = (
        config_path("specs", "default.yaml")
        .read_text()
        .replace("requestsPerSecond: 50", "requestsPerSecond: 1000")
    )
    (folder / "spec.yaml").write_text(fast)
    with serve(server) as url:
        write_kubeconfig(folder / "kubeconfig", url, "token-of-the-operator")
        yield (
            ["--kubeconfig", str(folder / "kubeconfig"), "--spec", str(folder / "spec.yaml")],
            server.requests,
        )


def only_asks(requests: Collection[Served]) -> bool:
    """True if nothing but the version, health, discovery and our own rights was asked for."""
    return all(
        (r.method == "POST" and "selfsubjectaccessreviews" in r.path)
        or (r.method == "GET" and r.path.count("/") <= 3 and not r.path.startswith("/api/v1/"))
        for r in requests
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_good_preflight_fits_on_a_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str
) -> None:
    with cluster(tmp_path, version=version) as (flags, requests):
        assert main(["preflight", *flags]) == ExitStatus.OK
        assert only_asks(requests)
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert "Nothing is missing" in out
    assert err == ""


def test_a_preflight_with_gaps_names_each_and_writes_the_role(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with cluster(tmp_path, deny=[*VELERO, Rule(resource="nodes", group="")]) as (flags, _):
        assert main(["preflight", *flags]) == ExitStatus.INCOMPLETE
    out = capsys.readouterr().out
    assert "backups.velero.io" in out
    assert "  partly   resources" in out
    assert "kind: ClusterRole" in out
    assert max(map(len, out.splitlines())) <= 80
    assert "\x1b" not in out


def test_rbac_alone_can_be_applied_and_then_nothing_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with cluster(tmp_path, deny=VELERO) as (flags, _):
        assert main(["preflight", *flags, "-o", "rbac"]) == ExitStatus.INCOMPLETE
    rules = Rules(capsys.readouterr().out)
    assert len(rules.rules) == 1
    with cluster(tmp_path) as (flags, _):
        assert main(["preflight", *flags, "-o", "rbac"]) == ExitStatus.OK
    out, err = capsys.readouterr()
    assert out == ""
    assert "nothing is missing" in err


def test_with_namespaces_named_the_rights_in_them_are_granted_by_roles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deny = [Rule(namespace="tiller"), Rule(resource="nodes", group="")]
    with cluster(tmp_path, deny=deny) as (flags, _):
        assert main(["preflight", *flags, "-o", "rbac", "-n", "tiller", "-n", "conductor"]) == 4
    documents = [d for d in yaml.safe_load_all(capsys.readouterr().out) if d]
    places = {(d["kind"], d["metadata"].get("namespace")) for d in documents}
    assert places == {("ClusterRole", None), ("Role", "tiller")}
    (cluster_role,) = (d for d in documents if d["kind"] == "ClusterRole")
    assert [rule["resources"] for rule in cluster_role["rules"]] == [["nodes"]]


def test_rights_in_the_named_namespaces_alone_need_no_role_and_are_still_not_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with cluster(tmp_path, deny=NAMESPACED_ONLY) as (flags, _):
        assert main(["preflight", *flags, "-o", "rbac", "-n", "conductor"]) == ExitStatus.INCOMPLETE
    out, err = capsys.readouterr()
    assert out == ""
    assert "nothing is missing in conductor" in err


def test_json_holds_every_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with cluster(tmp_path, deny=VELERO) as (flags, _):
        assert main(["preflight", *flags, "-o", "json"]) == ExitStatus.INCOMPLETE
    answer = json.loads(capsys.readouterr().out)
    assert answer["complete"] is False
    assert {right["allowed"] for right in answer["rights"]} == {"yes", "no"}
    assert {r["group"] for r in answer["rights"] if r["allowed"] == "no"} == {"velero.io"}


def test_a_preflight_of_nothing_ends_with_unreachable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1", "token-of-the-operator")
    for verb in (["preflight"], ["collect", "--dry-run"]):
        assert main([*verb, "--kubeconfig", str(tmp_path / "kubeconfig")]) == ExitStatus.UNREACHABLE
        out, err = capsys.readouterr()
        assert out == ""
        assert "why:" in err
        assert "token-of-the-operator" not in err


def test_a_directory_has_no_rights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["collect", "--dry-run", "--from-dir", str(tmp_path)]) == ExitStatus.USAGE
    assert "reads no cluster" in capsys.readouterr().err


def test_the_flags_are_those_that_rights_depend_on() -> None:
    known = set(re.findall(r"--?[a-z][a-z-]*", parser("preflight").format_help()))
    assert {"--namespace", "--profile", "--only", "--skip", "--spec", "--context", "-h"} <= known
    assert not known & {"--from-dir", "--policy", "--max-size", "--since", "--since-time", "--selector"}


def test_a_dry_run_reads_nothing_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dest = tmp_path / "dest"
    with cluster(tmp_path, deny=VELERO) as (flags, requests):
        status = main(
            ["collect", "--dry-run", *flags, "--dest-dir", str(dest), "--exclude-namespace", "velero"]
        )
        assert only_asks(requests)
    out = capsys.readouterr().out
    assert status == ExitStatus.OK
    assert not dest.exists()
    assert max(len(line) for line in out.splitlines() if str(dest) not in line) <= 80
    for words in (
        "pods, events",
        "25.0 MiB a",
        "200.0 MiB at most",
        "all, without velero",
        "1000 requests a second",
        "Secrets are not read",
        "not granted",
        "nobody",
        str(dest),
    ):
        assert words in " ".join(out.split()), words


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "wishes",
    [
        {},
        {"logs": Logs(selector="app in (conductor, errbit)")},
        {"conductor_namespaces": ("conductor", "nowhere")},
        {"helm3_secrets": True},
        {"secret_objects": "metadata"},
        {"read_helm_secrets": True},
        {"profile": "minimal"},
    ],
)
def test_what_each_collector_lists_stands_in_the_outline(
    tmp_path: Path, version: str, wishes: dict[str, Any]
) -> None:
    made = outline(found(version, wish=spec(**wishes)), spec(**wishes), folder="f", notices_to="")
    told = {
        step.collector: {planned.right.name for planned in step.rights} | {name for name, _ in step.again}
        for step in made.steps
    }
    result = collect(recording(version), tmp_path, spec=spec(**wishes))
    with BundleReader(result.bundle.path) as reader:
        rows = [json.loads(line) for line in reader.read(layout.API_REQUESTS).splitlines()]
    asked = {(row["collector"], right_of(row["path"].partition("?")[0])) for row in rows}
    lists = {(who, right.name) for who, right in asked if right.verb == "list"}
    assert len(lists) > 12
    assert {(who, name) for who, name in lists if name not in told.get(who, set())} == set()


def test_a_dry_run_as_json_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with cluster(tmp_path, deny=VELERO) as (flags, _):
        key = ["--errbit-url", "https://errbit.example.com/x"]
        assert main(["collect", "--dry-run", *flags, "-o", "json", *key]) == ExitStatus.OK
    answer = json.loads(capsys.readouterr().out)
    steps = {step["collector"]: step for step in answer["steps"]}
    assert "list pods" in steps["workloads"]["asks"]
    assert steps["workloads"]["requests_at_least"] == len(steps["workloads"]["asks"])
    assert steps["logs"]["asks"] == ["get pods/log"]
    assert "backups.velero.io" in steps["workloads"]["denied"]
    assert answer["limits"]["bundle_bytes"] == 200 * 1024 * 1024
    assert answer["notices_to"] == "https://errbit.example.com"
    assert "secrets" in [name for names in answer["skipped"].values() for name in names]
    assert answer["rights"]["complete"] is False
