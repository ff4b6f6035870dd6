"""``collect --from-dir``: dumps and unpacked bundles give the same reports, without any network."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.bundle.reader import BundleReader
from collector.cli.main import main
from collector.core.clock import OffsetClock
from collector.core.errors import BundleError, ExitStatus, UsageError
from collector.demo.apiserver import RecordedApi, serve, write_kubeconfig
from collector.imports import open_directory, tree
from collector.pipeline.reopen import reopen
from tests.lib.dumps import kubectl_dump, unpacked
from tests.lib.recordings import recording
from tests.lib.runs import collect, entry, problems, whole

NOW = datetime(2026, 12, 24, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in [n for n in os.environ if n.startswith(("CONDUCTOR_DIAG_", "KUBE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    mask = os.umask(0)
    os.umask(mask)
    yield
    os.umask(mask)


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kubectl_dump(recording(), tmp_path_factory.mktemp("dump"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return collect(recording(), tmp_path_factory.mktemp("bundle")).bundle.path


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something wants the network")

    for name in ("create_connection", "getaddrinfo", "socket"):
        monkeypatch.setattr(socket, name, refuse)


def read(directory: Path, out: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> Path:
    status = main(["collect", "--from-dir", str(directory), "--dest-dir", str(out), "-q", *flags])
    assert status == ExitStatus.OK
    made = Path(capsys.readouterr().out.strip())
    assert problems(made) == ()
    return made


def found(path: Path) -> dict[str, tuple[str, str]]:
    return {
        f"{finding.finding.rule} {finding.finding.subject.name}": (
            str(finding.finding.outcome),
            finding.finding.summary,
        )
        for finding in reopen(path).findings
    }


@pytest.mark.usefixtures("no_network")
def test_a_dump_is_judged_at_its_own_time(
    dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = read(dump, tmp_path / "out", capsys, "-n", "conductor")
    verdicts = found(made)
    assert verdicts["CND-APP-001 conductor-web"][0] == "fail"
    assert verdicts["CND-PRE-003 traefik"][0] == "fail"
    assert verdicts["CND-RUN-001 list batch"][0] == "unknown"
    assert "the directory holds no list of" in verdicts["CND-RUN-001 list batch"][1]
    run = reopen(made).run
    assert abs((run.started - recording().recorded_at).total_seconds()) < 600
    assert "(from directory" in run.context
    assert all(gap.needs == "" for gap in run.gaps)


def test_logs_of_a_dump_are_cut_out_of_their_file(
    dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = read(dump, tmp_path / "out", capsys, "-n", "conductor")
    key = next(key for key in recording().logs if key.container == "nginx" and not key.previous)
    with BundleReader(made) as reader:
        kept = reader.read(f"cluster-resources/pods/logs/conductor/{key.pod}/nginx.log")
    assert len(kept.splitlines()) == len(recording().logs[key].body.splitlines())
    assert b"==== " not in kept
    gaps = [gap for gap in reopen(made).run.gaps if "log of" in gap.subject]
    assert any("previous runs" in gap.reason for gap in gaps)
    assert not any("Request log error" in gap.reason for gap in gaps)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_the_tests_dump_is_laid_out_as_kubectl_does_it(dump: Path, tmp_path: Path) -> None:
    kubeconfig, real = tmp_path / "kubeconfig", tmp_path / "real"
    with serve(RecordedApi(recording(), OffsetClock(recording().recorded_at))) as url:
        write_kubeconfig(kubeconfig, url, "any")
        command = ["kubectl", "--kubeconfig", str(kubeconfig), "cluster-info", "dump", "-A"]
        subprocess.run([*command, f"--output-directory={real}"], check=True, capture_output=True, timeout=50)
    ours, theirs = (
        {path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file()}
        for top in (dump, real)
    )
    assert theirs == ours
    for name in ("nodes.json", "conductor/pods.json", "traefik/deployments.json"):
        mine, other = (json.loads((top / name).read_text()) for top in (dump, real))
        assert [i["metadata"]["name"] for i in mine["items"]] == [
            i["metadata"]["name"] for i in other["items"]
        ]
        assert (mine["kind"], mine["apiVersion"]) == (other["kind"], other["apiVersion"])


@pytest.mark.usefixtures("no_network")
def test_an_unpacked_bundle_of_ours_is_judged_as_the_bundle_itself(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    top = unpacked(bundle, tmp_path / "in")
    made = read(top.parent, tmp_path / "out", capsys)
    assert found(made) == found(bundle)
    before, after = reopen(bundle).run, reopen(made).run
    assert before.started.replace(microsecond=0) == after.started.replace(microsecond=0)
    assert before.window_seconds == after.window_seconds
    assert after.demo
    paths = [{e["path"] for e in entry(b, "manifest.json")["entries"]} for b in (bundle, made)]
    evidence = [
        {p for p in found if "/" in p and not p.startswith(("run/", "redaction/"))} for found in paths
    ]
    assert evidence[0] == evidence[1]


def test_what_is_missing_of_an_unpacked_bundle_is_said(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    top = unpacked(bundle, tmp_path / "in")
    (top / "cluster-resources" / "nodes.json").unlink()
    (top / "helm" / "releases.json").write_text("[" * 100_000)
    with (top / "postgres" / "backups.json").open("a") as stream:
        stream.write(" ")
    log = next((top / "cluster-resources" / "pods" / "logs").rglob("nginx.log"))
    log.write_bytes(log.read_bytes() + b"one line more\n")
    made = read(top, tmp_path / "out", capsys)
    verdicts = found(made)
    assert verdicts["CND-RUN-001 entry postgres/backups.json"][0] == "unknown"
    gaps = {gap.subject: gap.reason for gap in reopen(made).run.gaps}
    assert "changed after" in gaps[f"entry {log.relative_to(top).as_posix()}"]
    assert verdicts["CND-RUN-001 entry cluster-resources/nodes.json"][0] == "unknown"
    assert verdicts["CND-RUN-001 entry helm/releases.json"][0] == "unknown"


def foreign(bundle: Path, folder: Path) -> Path:
    """Unpacks a bundle as troubleshoot.sh would have made it: the same layout, without our own account."""
    folder.mkdir()
    top = unpacked(bundle, folder)
    for path in list(top.iterdir()):
        if path.name not in ("cluster-info", "cluster-resources", "version.yaml"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return top


def test_a_bundle_of_another_tool_is_read_by_the_ordinary_collectors(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    top = foreign(bundle, tmp_path / "in")
    (top / "cluster-resources" / "storage-classes.json").write_bytes(b"")
    made = read(top, tmp_path / "out", capsys, "-n", "conductor")
    verdicts = found(made)
    assert verdicts["CND-APP-001 conductor-web"][0] == "fail"
    assert verdicts["CND-PG-003 conductor-backup"][0] == "fail"
    names = {e["path"] for e in entry(made, "manifest.json")["entries"]}
    assert "cluster-resources/custom-resources/addons.kubeaddons.mesosphere.io/kubeaddons.json" in names
    assert any(name.endswith("web-previous.log") for name in names)
    assert entry(made, "cluster-info/cluster_version.json")["string"].startswith("v1.17")
    assert str(reopen(made).facts.platform) == "konvoy_1"


def test_a_bundle_without_discovery_is_read_by_its_directories(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    top = foreign(bundle, tmp_path / "in")
    for name in ("groups.json", "resources.json"):
        (top / "cluster-resources" / name).write_text("null")
    verdicts = found(read(top, tmp_path / "out", capsys, "-n", "conductor"))
    assert verdicts["CND-APP-001 conductor-web"][0] == "fail"


def test_links_and_pipes_in_a_dump_are_not_followed(
    dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(dump, copy)
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"kind": "PodList", "apiVersion": "v1", "items": [{"planted": "hunter2"}]}))
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.copy(secret, outside / "pods.json")
    (copy / "velero" / "pods.json").unlink()
    (copy / "velero" / "pods.json").symlink_to(secret)
    (copy / "linked").symlink_to(outside)
    (copy / "loop").symlink_to(copy)
    os.mkfifo(copy / "traefik" / "statefulsets.json")
    made = read(copy, tmp_path / "out", capsys)
    assert b"hunter2" not in whole(made)
    assert "CND-PRE-003 traefik" in found(made)


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "..", "a/b", "x\x00y", "x?container=y", "%2e%2e", "x" * 5000, ""]
)
def test_names_in_a_dump_lead_nowhere(
    dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(dump, copy)
    path = copy / "velero" / "pods.json"
    pods = json.loads(path.read_text())
    pods["items"][0]["metadata"]["name"] = name
    pods["items"][0]["status"]["phase"] = "Failed"
    path.write_text(json.dumps(pods))
    made = read(copy, tmp_path / "out", capsys)
    assert b"root:x:0:0" not in whole(made)
    assert "CND-APP-001 conductor-web" in found(made)
    names = [e["path"] for e in entry(made, "manifest.json")["entries"]]
    assert len([path for path in names if path.startswith("cluster-resources/pods/logs/")]) > 5


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[" * 200_000,
        b'{"items": 5}',
        b'{"items": [1, null, "x", []]}',
        b"\xff\xfe",
        b'{"items": null}',
    ],
)
def test_a_list_that_is_none_costs_itself_alone(
    dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(dump, copy)
    (copy / "velero" / "services.json").write_bytes(content)
    made = read(copy, tmp_path / "out", capsys)
    assert "CND-APP-001 conductor-web" in found(made)


def test_a_file_that_is_too_large_is_said_and_not_read(
    dump: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(dump, copy)
    with (copy / "velero" / "services.json").open("r+b") as stream:
        stream.truncate(tree.MAX_FILE + 1)
    made = read(copy, tmp_path / "out", capsys)
    gaps = [gap for gap in reopen(made).run.gaps if gap.subject == "list services"]
    assert any("larger than" in gap.reason for gap in gaps)


def test_directories_that_are_none_of_these(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="neither a dump nor a bundle"):
        open_directory(tmp_path, NOW)
    (tmp_path / "nodes.yaml").write_text("kind: NodeList")
    with pytest.raises(UsageError, match="neither a dump nor a bundle") as caught:
        open_directory(tmp_path, NOW)
    assert "cluster-info dump" in caught.value.hint
    with pytest.raises(UsageError, match="cannot read"):
        open_directory(tmp_path / "nodes.yaml", NOW)
    monkeypatch.setattr(tree, "_MAX_FILES", 3)
    for number in range(4):
        (tmp_path / f"{number}.json").touch()
    with pytest.raises(UsageError, match="too many files"):
        open_directory(tmp_path, NOW)


def test_a_forged_manifest_is_refused(bundle: Path, tmp_path: Path) -> None:
    top = unpacked(bundle, tmp_path)
    manifest = json.loads((top / "manifest.json").read_text())
    manifest["entries"][0]["path"] = "../../etc/passwd"
    (top / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError):
        open_directory(top, NOW)
    (top / "manifest.json").write_text('{"schema": "conductor-diag/manifest/v1", "run": {}, "entries": []}')
    with pytest.raises(UsageError, match="does not say how it was made"):
        open_directory(top, NOW)


def test_times_from_the_future_are_not_believed(dump: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(dump, copy)
    path = copy / "velero" / "events.json"
    path.write_text(
        '{"kind": "EventList", "apiVersion": "v1", "items": [{"lastTimestamp": "2099-01-01T00:00:00Z"}]}'
    )
    assert open_directory(copy, NOW).moment == open_directory(dump, NOW).moment


def test_without_any_time_inside_the_files_own_dates_tell(tmp_path: Path) -> None:
    path = tmp_path / "nodes.json"
    path.write_text('{"kind": "NodeList", "apiVersion": "v1", "items": []}')
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert open_directory(tmp_path, NOW).moment == datetime.fromtimestamp(1_600_000_000, UTC)
