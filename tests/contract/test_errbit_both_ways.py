"""The command line both ways: a run sends its bundle to a receiver, another person gets it back."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from collector.cli.main import main
from collector.core.clock import SystemClock
from collector.core.errors import ExitStatus
from collector.delivery.notice import Site
from collector.delivery.notices import notices
from collector.delivery.spool import Spool
from collector.demo.stage import stage
from tests.lib.receivers import KEY, Bundle, no_proxy, report

_no_proxy = pytest.fixture(autouse=True)(no_proxy)
TOKEN = "readertoken000000000"


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[str]:
    """The verb in a process of its own, as a team would run it."""
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "token").write_text(TOKEN)
    command = [
        *(sys.executable, "-m", "collector", "receiver", "--listen", "127.0.0.1:0"),
        *("--key-file", str(tmp_path / "key"), "--token-file", str(tmp_path / "token")),
        *("--data-dir", str(tmp_path / "notices"), "--max-body", "65536"),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        assert found
        yield found[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == ExitStatus.OK


def test_a_run_uploads_its_bundle_encrypted_and_support_gets_it_back(
    receiver: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"# made for a test\n{identity}\n")
    with stage(tmp_path, tmp_path / "unused") as scene:
        status = main(
            [
                *("collect", "--kubeconfig", str(scene.kubeconfig), "--dest-dir", str(tmp_path / "out")),
                *("--errbit-url", receiver, "--errbit-key-file", str(tmp_path / "key")),
                *("--upload-bundle", "--upload-recipient", str(identity.to_public())),
                *("--profile", "minimal", "-n", "conductor"),
            ]
        )
    out, err = capsys.readouterr()
    assert status == ExitStatus.OK, err
    assert "uploaded encrypted in" in err
    sent = Path(out.strip())
    bundle_id = re.search(r"cnd\d{8}t\d{6}z[0-9a-f]{8}", err + _announced(tmp_path / "notices"))
    assert bundle_id
    status = main(
        [
            *("fetch-bundle", bundle_id[0], "--errbit-url", receiver, "--dest-dir", str(tmp_path / "back")),
            *("--token-file", str(tmp_path / "token"), "--identity-file", str(tmp_path / "identity")),
        ]
    )
    out, err = capsys.readouterr()
    assert status == ExitStatus.OK, err
    assert Path(out.strip()).read_bytes() == sent.read_bytes()
    assert main(["bundle", "verify", out.strip()]) == ExitStatus.OK
    assert TOKEN not in out + err
    assert KEY not in out + err
    assert [path.name for path in (tmp_path / "back").iterdir()] == [f"{bundle_id[0]}.tar.zst"]


def _announced(folder: Path) -> str:
    return "".join(
        path.read_text() for path in folder.glob("*.json") if "diagnostic.bundle" in path.read_text()
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["collect", "--upload-bundle", "--upload-recipient", "nobody"], "is not an age public key"),
        (["collect", "--upload-bundle", "--upload-chunk-size", "1Ki"], "pieces is out of range"),
        (["collect", "--upload-bundle", "--upload-max-size", "much"], "--upload-max-size"),
        (["collect", "--store-bucket", "b", "--store-url-file", "{key}"], "exclude each other"),
        (["collect", "--store-bucket", "bucket"], "the store's keys are not in the environment"),
        (["collect", "--errbit-url", "errbit.example.com"], "--errbit-url: the endpoint's address"),
        (["collect", "--dry-run", "--errbit-url", "http://e.example.com"], "--errbit-url: plain http"),
        (["collect", "--errbit-url", "http://errbit.example.com"], "--errbit-url: plain http"),
        (["collect", "--errbit-url", "https://e.example.com:99999"], "--errbit-url: the endpoint's address"),
        (["collect", "--errbit-url", "https://u@errbit.example.com"], "holds a user"),
        (["collect", "--errbit-ca-file", "/nowhere/ca.pem"], "the CA file cannot be used"),
        (["collect", "--errbit-source-url", "http://errbit.example.com"], "--errbit-source-url: plain http"),
        (["collect", "--errbit-url", "", "--store-url-file", "{http}"], "--store-url-file: plain http"),
        (["upload", "--errbit-url", "http://errbit.example.com"], "--errbit-url: plain http"),
        (["upload", "B.tar.zst", "--store-url-file", "{http}"], "--store-url-file: plain http"),
        (["fetch-bundle", "cnd1", "--errbit-url", "errbit.example.com"], "--errbit-url: the endpoint's"),
        (["fetch-bundle", "cnd1"], "no Errbit was given"),
        (["fetch-bundle", "cnd1", "--errbit-url", "http://127.0.0.1:9"], "no user's token was given"),
        (
            ["fetch-bundle", "../x", "--errbit-url", "http://127.0.0.1:9", "--token-file", "{key}"],
            "no id of a bundle",
        ),
    ],
)
def test_wrong_flags_are_told_before_anything_is_done(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "CONDUCTOR_DIAG_ERRBIT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("collector.cli.execute.connect", _never)
    (tmp_path / "http").write_text("http://store.example.com/a?signature=secretsecretsecret")
    (tmp_path / "key").write_text(KEY)
    monkeypatch.setenv("CONDUCTOR_DIAG_ERRBIT_KEY", KEY)
    given = [part.format(key=tmp_path / "key", http=tmp_path / "http") for part in arguments]
    if given[0] == "collect" and "--errbit-url" not in given:
        given += ["--errbit-url", "http://127.0.0.1:9"]
    assert main([*given, "--dest-dir", str(tmp_path / "out")]) == ExitStatus.USAGE
    told = capsys.readouterr().err
    assert words in told
    assert "secretsecret" not in told


def _never(*_: object) -> None:
    raise AssertionError("the cluster was asked")


def test_an_upload_of_a_named_spool_finds_it(
    receiver: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Spool(tmp_path / "elsewhere", clock=SystemClock()).put(
        notices(report(), Bundle(), Site(environment="e", hostname="h"))[0]
    )
    flags = ["--errbit-url", receiver, "--errbit-key-file", str(tmp_path / "key")]
    assert main(["upload", "--spool", str(tmp_path / "elsewhere"), *flags]) == ExitStatus.OK
    assert "1 of 1 notice delivered" in capsys.readouterr().err


@pytest.fixture
def made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A bundle of a run that delivered nothing."""
    with stage(tmp_path, tmp_path / "unused") as scene:
        flags = ("--kubeconfig", str(scene.kubeconfig), "--profile", "minimal", "-n", "conductor", "-q")
        assert main(["collect", "--dest-dir", str(tmp_path / "out"), *flags]) == ExitStatus.OK
    return Path(capsys.readouterr().out.strip())


def test_a_bundle_that_was_made_earlier_is_sent_with_its_findings(
    receiver: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--errbit-url", receiver, "--errbit-key-file", str(tmp_path / "key")]
    assert main(["upload", str(made), *flags, "--dest-dir", str(tmp_path / "spool")]) == ExitStatus.OK
    assert " uploaded in " in capsys.readouterr().err
    kept = "".join(path.read_text() for path in (tmp_path / "notices").glob("*.json"))
    assert "CND-" in kept
    bundle_id = re.search(r"cnd\d{8}t\d{6}z[0-9a-f]{8}", _announced(tmp_path / "notices"))
    assert bundle_id
    flags = ["--errbit-url", receiver, "--token-file", str(tmp_path / "token")]
    status = main(["fetch-bundle", bundle_id[0], *flags, "--dest-dir", str(tmp_path / "back")])
    assert status == ExitStatus.OK
    assert Path(capsys.readouterr().out.strip()).read_bytes() == made.read_bytes()


def test_a_bundle_is_sent_once_and_what_its_run_told_is_not_told_twice(
    receiver: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ["--errbit-url", receiver, "--errbit-key-file", str(tmp_path / "key")]
    with stage(tmp_path, tmp_path / "unused") as scene:
        reads = ("--kubeconfig", str(scene.kubeconfig), "--profile", "minimal", "-n", "conductor", "-q")
        assert main(["collect", "--dest-dir", str(tmp_path / "out"), *reads, *flags]) == ExitStatus.OK
    made = capsys.readouterr().out.strip()
    told = _types(tmp_path / "notices")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert main(["upload", made, *flags]) == ExitStatus.OK
    assert " uploaded in " in capsys.readouterr().err
    sent = _types(tmp_path / "notices")
    assert sent["diagnostic.bundle.chunk"] >= 2
    assert sent["diagnostic.bundle"] == 2  # the second says that the bundle itself is there
    assert {**sent, "diagnostic.bundle": 1, "diagnostic.bundle.chunk": 0} == {
        **told,
        "diagnostic.bundle.chunk": 0,
    }

    assert main(["upload", made, *flags]) == ExitStatus.OK
    assert "is there already, and was not sent again" in capsys.readouterr().err
    assert main(["upload", made, *flags, "--upload-bundle", "no"]) == ExitStatus.OK
    assert _types(tmp_path / "notices") == sent
    assert list((tmp_path / "elsewhere").iterdir()) == []


def _types(folder: Path) -> Counter[str]:
    return Counter(json.loads(path.read_text())["error_class"] for path in folder.glob("*.json"))


def test_a_damaged_bundle_is_not_sent(
    receiver: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(made.read_bytes())
    data[len(data) // 2] ^= 1
    made.write_bytes(data)
    flags = ["--errbit-url", receiver, "--errbit-key-file", str(tmp_path / "key")]
    status = main(["upload", str(made), *flags, "--dest-dir", str(tmp_path / "spool")])
    assert status == ExitStatus.USAGE
    assert "damaged" in capsys.readouterr().err
    assert not list((tmp_path / "notices").glob("*.json"))


def test_a_bundle_needs_to_be_told_where_to_go(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upload", str(made), "--dest-dir", str(made.parent)]) == ExitStatus.USAGE
    assert "no endpoint and no store was given" in capsys.readouterr().err
