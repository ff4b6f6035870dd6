"""What an operator reads, and with which status the program ends, when an endpoint will not take notices."""

from __future__ import annotations

import contextlib
import ssl
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from collector.cli import main as module
from collector.core.errors import DiagError, ExitStatus
from collector.delivery.deliver import deliver
from collector.receiver import Fault, Receiver, Store, serve
from collector.spec import Spec
from tests.lib.receivers import (
    KEY,
    Bundle,
    FakeClock,
    closed_port,
    deadline,
    no_proxy,
    report,
    running,
    settings,
)
from tests.lib.recordings import recording
from tests.lib.runs import collect, whole

_no_proxy = pytest.fixture(autouse=True)(no_proxy)
Server = Callable[[], "contextlib.AbstractContextManager[str]"]


@contextlib.contextmanager
def _wrong_key() -> Iterator[str]:
    with running(key="another") as (_, url):
        yield url


@contextlib.contextmanager
def _old_version() -> Iterator[str]:
    with running(app_version="9.0") as (_, url):
        yield url


@contextlib.contextmanager
def _redirect() -> Iterator[str]:
    with running() as (receiver, url):
        receiver.faults.add(Fault(status=308, location=f"https://errbit.example.com/?key={KEY}"), times=9)
        yield url


@contextlib.contextmanager
def _untrusted() -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with serve(Receiver(KEY, store=Store(), clock=FakeClock()), tls=context) as url:
        yield url


@contextlib.contextmanager
def _wrong_path() -> Iterator[str]:
    with running() as (_, url):
        yield f"{url}/some/where"


@contextlib.contextmanager
def _not_errbit() -> Iterator[str]:
    with running() as (receiver, url):
        receiver.faults.add(Fault(status=200, body=f"<h1>Sign in</h1>{KEY}"), times=9)
        yield url


@contextlib.contextmanager
def _nobody() -> Iterator[str]:
    yield closed_port()


CASES: list[tuple[Server, str, ExitStatus]] = [
    (_wrong_key, "the endpoint does not know the API key", ExitStatus.REFUSED),
    (_old_version, "the endpoint ignores notices of this version of the agent", ExitStatus.REFUSED),
    (
        _redirect,
        "the endpoint redirects to https://errbit.example.com (it said 308)",
        ExitStatus.REFUSED,
    ),
    (_untrusted, "the endpoint's certificate could not be verified", ExitStatus.REFUSED),
    (_wrong_path, "the endpoint takes no notices at this address (it said 404)", ExitStatus.REFUSED),
    (
        _not_errbit,
        "what answers there is not an Errbit-compatible server (it said 200)",
        ExitStatus.REFUSED,
    ),
    (_nobody, "the endpoint could not be reached, or the connection broke", ExitStatus.UNDELIVERED),
]


@pytest.mark.parametrize(("server", "sentence", "status"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_each_trouble_has_its_sentence_and_its_status_and_shows_no_key(
    server: Server,
    sentence: str,
    status: ExitStatus,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level("DEBUG")
    errors: list[str] = []

    def record(_prog: str, error: DiagError) -> int:
        trace = traceback.TracebackException.from_exception(error, capture_locals=True)
        errors.append("".join(trace.format()))
        return original(_prog, error)

    original = module._complain
    monkeypatch.setattr(module, "_complain", record)
    monkeypatch.setattr("collector.core.clock.SystemClock.sleep", lambda *_: None)
    monkeypatch.setenv("CONDUCTOR_DIAG_ERRBIT_KEY", KEY)
    clock = FakeClock()
    spool = tmp_path / "conductor-diag-spool"
    deliver(report(), Bundle(), settings(closed_port(), spool), clock=clock, deadline=deadline(clock))
    monkeypatch.setattr("collector.core.clock.SystemClock.now", lambda _: clock.now())
    with server() as url:
        ended = module.main(["upload", "--dest-dir", str(tmp_path), "--errbit-url", url])
    out, err = capsys.readouterr()
    assert ended == status
    assert sentence in err
    kept = "".join(path.read_text() for path in spool.iterdir())
    assert KEY not in f"{out}{err}{caplog.text}{errors}{kept}"
    assert errors
    assert len({words for _, words, _ in CASES}) == len(CASES)


@pytest.mark.parametrize("server", [_wrong_key, _redirect, _nobody])
def test_a_whole_run_leaves_the_key_in_no_file(server: Server, tmp_path: Path) -> None:
    with server() as url:
        result = collect(
            recording(), tmp_path, errbit=settings(url, tmp_path / "spool"), spec=Spec(profile="minimal")
        )
    assert result.delivery is not None
    assert not result.delivery.complete
    assert KEY.encode() not in whole(result.bundle.path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert not any(KEY.encode() in path.read_bytes() for path in files)
