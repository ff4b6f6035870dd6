"""The program as a person types it: verbs, wrong input, streams, exit statuses, interruptions."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.cli.main import VERBS, main
from collector.core.errors import ExitStatus
from collector.core.stop import TerminatedError
from collector.demo.apiserver import RecordedApi, serve, write_kubeconfig
from collector.demo.stage import DENIED
from tests.lib import faulty
from tests.lib.faulty import FaultyApi
from tests.lib.granted import Watcher
from tests.lib.recordings import StoppedClock, recording

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}


def program(*arguments: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "collector", *arguments],
        env=ENVIRONMENT,
        text=True,
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No kubeconfig or setting of the machine reaches a test; main's changes to the process are undone."""
    for name in [n for n in os.environ if n.startswith(("CONDUCTOR_DIAG_", "KUBE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    mask, handler = os.umask(0), signal.getsignal(signal.SIGTERM)
    os.umask(mask)
    yield
    os.umask(mask)
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def api() -> Iterator[tuple[FaultyApi, str]]:
    server = FaultyApi(RecordedApi(recording(), StoppedClock(recording().recorded_at), deny=DENIED))
    with serve(server) as url:
        yield server, url


@pytest.fixture
def kubeconfig(api: tuple[FaultyApi, str], tmp_path: Path) -> str:
    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, api[1], "token-of-the-operator")
    return str(path)


def test_the_demo_runs_the_whole_way(tmp_path: Path, watcher: Watcher) -> None:
    done = program("demo", "--dest-dir", str(tmp_path), "-o", "json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["delivery"] == "delivered"
    (bundle,) = tmp_path.glob("*.tar.zst")
    watcher.read(bundle, recording())
    listed = subprocess.run(["tar", "--zstd", "-tf", bundle], capture_output=True, text=True, check=True)
    assert f"{bundle.name.removesuffix('.tar.zst')}/findings.json" in listed.stdout.split()
    wide = [line for line in done.stderr.splitlines() if len(line) > 80 and str(tmp_path) not in line]
    assert wide == []
    assert oct(bundle.stat().st_mode & 0o777) == "0o600"


def test_stdout_carries_the_path_alone(
    kubeconfig: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["collect", "--kubeconfig", kubeconfig, "--dest-dir", str(tmp_path / "out")])
    out, err = capsys.readouterr()
    assert status == ExitStatus.OK
    assert Path(out.strip()).is_file()
    assert out.count("\n") == 1
    assert "FAIL" in err
    assert "token-of-the-operator" not in out + err


def test_quiet_prints_nothing_but_the_result(
    kubeconfig: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["collect", "--kubeconfig", kubeconfig, "--dest-dir", str(tmp_path / "out"), "-q"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        (["--fail-on", "fail"], ExitStatus.FINDINGS),
        (["--require-complete"], ExitStatus.INCOMPLETE),
        ([], ExitStatus.OK),
    ],
)
def test_findings_change_the_status_only_when_asked(
    kubeconfig: str, tmp_path: Path, flags: list[str], status: ExitStatus
) -> None:
    assert main(["collect", "--kubeconfig", kubeconfig, "--dest-dir", str(tmp_path), "-q", *flags]) == status


def test_undeliverable_notices_cost_the_status_but_not_the_bundle(
    kubeconfig: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONDUCTOR_DIAG_ERRBIT_KEY", "0123456789abcdef")
    monkeypatch.setattr("collector.core.clock.SystemClock.sleep", lambda *_: None)
    status = main(
        [
            "collect",
            *("--kubeconfig", kubeconfig, "--dest-dir", str(tmp_path)),
            *("--errbit-url", "http://127.0.0.1:9"),
        ]
    )
    out, err = capsys.readouterr()
    assert status == ExitStatus.UNDELIVERED
    assert Path(out.strip()).is_file()
    assert "0123456789abcdef" not in out + err
    assert list((tmp_path / "conductor-diag-spool").iterdir())


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["collect", "--contxt", "x"], 2, "did you mean --context?"),
        (["collect", "--bogus"], 2, "try: conductor-diag collect --help\n"),
        (["colect"], 2, "did you mean collect?"),
        (["bundle", "verifi", "x"], 2, "did you mean verify?"),
        (["upload", __file__], 2, f"{__file__} is not a bundle"),
        (["receiver", "--data-dir", "/proc/nowhere"], 2, "try: --data-dir DIR"),
        (["collect", "--since", "5 apples"], 2, "write it like"),
        (["collect", "--since", "1h", "--since-time", "2026-11-20T03:00:00Z"], 2, "exclude each other"),
        (["collect", "--since-time", "noon"], 2, "no moment"),
        (["collect", "--label", "a/b"], 2, "file name"),
        (["collect", "--kubeconfig", "/nowhere/config"], 2, "no kubeconfig found at /nowhere/config"),
        (["collect", "--spec", "/nowhere/spec.yaml"], 2, "cannot read /nowhere/spec.yaml"),
        (["collect", "--policy", "/nowhere/policy.yaml", "{cluster}"], 2, "/nowhere/policy.yaml"),
        (["collect", "--only", "everything", "{cluster}"], 2, "no collector 'everything'"),
        (["collect", "--dest-dir", "/proc/nowhere", "{cluster}"], 2, "cannot write to /proc/nowhere"),
        (["collect", "--keep-last", "-1"], 2, "no number of bundles"),
        (["collect", "-l", "a in ("], 2, "no label selector"),
        (["demo", "--dest-dir", "/proc/nowhere"], 2, "cannot write to /proc/nowhere"),
        (["demo", "--dest-dir", "/proc"], 2, "cannot write to /proc"),
        (["demo", "--dest-dir", "/proc/version"], 2, "cannot write to /proc/version"),
        (["collect", "--errbit-url", "https://errbit.example.com"], 2, "no Errbit API key"),
        (["collect", "--from-dir", "/nowhere"], 2, "cannot read /nowhere"),
        (["collect", "--from-dir", "/tmp", "--context", "x"], 2, "a cluster is named too"),
        (["bundle", "ls", "/nowhere.tar.zst"], 2, "/nowhere.tar.zst"),
        (["analyze", "/nowhere.tar.zst"], 2, "/nowhere.tar.zst"),
        (["upload"], 2, "no endpoint"),
    ],
)
def test_wrong_input_gets_a_sentence_and_a_next_step(
    kubeconfig: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    status: int,
    words: str,
) -> None:
    monkeypatch.setattr("collector.core.clock.SystemClock.sleep", lambda *_: None)
    given = [a for a in arguments if a != "{cluster}"]
    given += ["--kubeconfig", kubeconfig] if "{cluster}" in arguments else []
    assert main(given) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert "Traceback" not in err
    assert re.search(r"\n  try: ", err)


def test_an_unknown_spec_key_is_answered_with_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("apiVersion: conductor-diag/v1\nkind: Spec\nlogs: {windw: 3h}\n")
    assert main(["collect", "--spec", str(spec)]) == ExitStatus.USAGE
    assert "did you mean 'window'?" in capsys.readouterr().err


def test_refused_credentials(
    api: tuple[FaultyApi, str], kubeconfig: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from collector.demo import messages  # noqa: PLC0415 - used by this test alone

    api[0].on("*", faulty.refused(messages.unauthorized()))
    out = tmp_path / "out"
    assert main(["collect", "--kubeconfig", kubeconfig, "--dest-dir", str(out)]) == ExitStatus.UNREACHABLE
    told, err = capsys.readouterr()
    assert "does not accept the credentials" in err
    assert re.search(r"\n  try: ", err)
    assert Path(told.strip()).is_file()
    assert "token-of-the-operator" not in told + err


def test_a_cluster_that_is_not_there_still_gives_a_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = ["--server", "http://127.0.0.1:9", "--kubeconfig", "/nowhere"]
    assert main(["collect", *nowhere, "--dest-dir", str(tmp_path), "--quiet"]) == ExitStatus.UNREACHABLE
    told, err = capsys.readouterr()
    assert "does not answer" in err
    assert "Connection refused" in err
    assert main(["bundle", "verify", told.strip()]) == ExitStatus.OK


@pytest.mark.parametrize("verb", [verb.name for verb in VERBS])
def test_help_begins_with_examples(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Examples:\n  conductor-diag")
    assert all(len(line) <= 110 for line in out.splitlines())


def test_help_lists_every_verb_and_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(verb.summary in out for verb in VERBS)
    assert all(status.meaning in out for status in ExitStatus)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from collector.cli.main import main; main(['--help']); main(['collect', '--help']);"
        "print(sorted({'kubernetes','urllib3','requests','jinja2','structlog','tenacity','zstandard','msgspec'}"
        " & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_as_a_kubectl_plugin_collect_is_the_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/kubectl-conductor_diagnose"])
    assert main(["--kubeconfig", "/nowhere"]) == ExitStatus.USAGE
    assert capsys.readouterr().err.startswith("kubectl conductor-diagnose: no kubeconfig found")


def test_looking_into_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str], kubeconfig: str) -> None:
    assert main(["collect", "--kubeconfig", kubeconfig, "--dest-dir", str(tmp_path), "-q"]) == 0
    path = capsys.readouterr().out.strip()
    assert main(["bundle", "ls", path]) == 0
    assert "findings.json" in capsys.readouterr().out
    assert main(["bundle", "cat", path, "version.yaml"]) == 0
    assert "troubleshoot.sh" in capsys.readouterr().out
    assert main(["bundle", "verify", path]) == 0
    sealed = capsys.readouterr().out.split()[-1]
    assert main(["analyze", path]) == 0
    assert f"\nsha256  {sealed}\n" in capsys.readouterr().out
    assert main(["bundle", "cat", path, "no/such"]) == ExitStatus.USAGE
    capsys.readouterr()
    assert main(["analyze", path, "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"]
    data = bytearray(Path(path).read_bytes())
    data[len(data) // 2] ^= 0xFF
    Path(path).write_bytes(data)
    assert main(["bundle", "verify", path]) == ExitStatus.USAGE


def test_old_bundles_go_when_only_the_newest_are_kept(kubeconfig: str, tmp_path: Path) -> None:
    for day in range(1, 5):
        stem = f"conductor-diag-conductor-2026110{day}T031700Z-00a{day}"
        (tmp_path / f"{stem}.tar.zst").touch()
        (tmp_path / f"{stem}.summary.md").touch()
    (tmp_path / "conductor-diag-other-20261101T031700Z-00a1.tar.zst").touch()
    flags = ["--dest-dir", str(tmp_path), "--keep-last", "3", "-q"]
    assert main(["collect", "--kubeconfig", kubeconfig, *flags]) == 0
    names = {path.name for path in tmp_path.glob("*conductor-2*.tar.zst")}
    assert len(names) == 3
    assert "conductor-diag-conductor-20261102T031700Z-00a2.tar.zst" not in names
    assert len(list(tmp_path.glob("*.summary.md"))) == 3
    assert (tmp_path / "conductor-diag-other-20261101T031700Z-00a1.tar.zst").exists()


def test_a_crash_names_the_place_but_no_values(
    kubeconfig: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ValueError("hunter2")

    monkeypatch.setattr("collector.cli.execute.run", crash)
    with contextlib.chdir(Path(kubeconfig).parent):
        assert main(["collect", "--kubeconfig", kubeconfig]) == ExitStatus.INTERNAL
    err = capsys.readouterr().err
    assert "internal error: ValueError" in err
    assert "hunter2" not in err


@pytest.mark.parametrize(
    ("verb", "said"), [("version", "terminated"), ("collect", "terminated; no bundle was written")]
)
def test_only_what_was_to_write_a_bundle_says_that_there_is_none(
    verb: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ended(_: object) -> int:
        raise TerminatedError

    monkeypatch.setattr(f"collector.cli.{verb}.run", ended)
    assert main([verb]) == ExitStatus.TERMINATED
    assert capsys.readouterr().err == f"conductor-diag: {said}\n"
