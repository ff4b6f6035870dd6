"""The key stays hidden, the spool private and bounded, and no key goes to an unfit address."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from collector.cli.collect import parser
from collector.cli.settings import errbit_settings
from collector.core.errors import UsageError
from collector.delivery import ErrbitSettings, Secret
from collector.delivery.errbit import ErrbitClient
from collector.delivery.notice import Notice, Site
from collector.delivery.notices import notices
from collector.delivery.spool import Spool
from collector.receiver import Receiver, Store
from collector.web.errors import UnsafeTargetError
from collector.web.http import HttpClient
from collector.web.target import check_target
from tests.lib.receivers import KEY, Bundle, FakeClock, judged, report, settings


def _notices(count: int) -> list[Notice]:
    made = [judged(summary=str(number)) for number in range(count)]
    return notices(report(*made), Bundle(), Site(environment="e", hostname="h"))[:count]


def test_the_key_is_in_no_text_of_what_holds_it() -> None:
    clock = FakeClock()
    given = settings("https://errbit.example.com")
    holders: list[object] = [
        given,
        given.key,
        copy.deepcopy(given),
        dataclasses.asdict(given),
        Receiver(KEY, store=Store(), clock=clock),
    ]
    with HttpClient() as http:
        holders += [http, ErrbitClient(given, http, clock)]
        shown = [text for holder in holders for text in (repr(holder), str(holder), f"{holder}")]
    assert not any(KEY in text for text in shown)
    assert given.key.reveal() == KEY


def test_the_key_cannot_be_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(KEY))


@pytest.mark.parametrize("value", ["", "two words", "line\nbreak", "ключ", "x" * 513])
def test_a_key_that_fits_no_header_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        Secret(value)
    told = f"{caught.value.message} {caught.value.why} {caught.value.hint}"
    assert not value or value not in told
    assert "Errbit" not in told  # this one is not said to be its key


@pytest.mark.parametrize("project", ["", "a/b", "1?key=x", "ä"])
def test_a_project_that_fits_no_address_is_refused(project: str) -> None:
    with pytest.raises(UsageError):
        ErrbitSettings(url="https://errbit.example.com", key=Secret(KEY), project_id=project)


@pytest.mark.parametrize(
    "url",
    [
        "http://errbit.example.com",
        "http://127.0.0.1.example.com",
        "http://10.0.0.7:8080",
        "http://localhost.example.com",
        "ftp://errbit.example.com",
        "errbit.example.com",
        "https://",
        "https://[::1",
        "https://user:pw@errbit.example.com",
        "https://errbit.example.com/?key=x",
        "https://errbit.example.com/#key",
        "https://errbit.example.com:99999",
        "",
    ],
)
def test_an_unfit_address_is_refused(url: str) -> None:
    with pytest.raises(UnsafeTargetError):
        check_target(url, allow_http=False)


@pytest.mark.parametrize(
    "url", ["https://errbit.example.com/errbit", "http://127.0.0.1:80", "http://[::1]:80", "http://localhost"]
)
def test_a_fit_address_passes(url: str) -> None:
    check_target(url, allow_http=False)
    check_target("http://errbit.example.com", allow_http=True)


def test_the_spool_is_private_and_gives_back_what_it_took(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "deep" / "spool", clock=FakeClock())
    made = _notices(3)
    for notice in made:
        spool.put(notice)
    assert spool.pending() == made
    folder = tmp_path / "deep" / "spool"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    spool.remove(made[1].uid)
    assert spool.pending() == [made[0], made[2]]


def test_a_folder_open_to_others_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir(mode=0o777)
    Spool(folder, clock=FakeClock()).put(_notices(1)[0])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_link_is_no_spool(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "spool").symlink_to(tmp_path / "elsewhere")
    spool = Spool(tmp_path / "spool", clock=FakeClock())
    with pytest.raises(OSError, match="not a folder of this user"):
        spool.put(_notices(1)[0])
    assert spool.pending() == []


def test_the_spool_keeps_a_notice_once_and_forgets_the_oldest(tmp_path: Path) -> None:
    clock = FakeClock()
    spool = Spool(tmp_path, clock=clock, max_count=2)
    made = _notices(3)
    for notice in [*made, made[2]]:
        spool.put(notice)
        clock.sleep(60)
    assert spool.pending() == made[1:]


def test_the_spool_forgets_what_is_too_old(tmp_path: Path) -> None:
    clock = FakeClock()
    spool = Spool(tmp_path, clock=clock, max_age=timedelta(days=1))
    spool.put(_notices(1)[0])
    clock.sleep(2 * 86400)
    assert spool.pending() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"uid": "0123456789abcdef", "name": 5, "document": {}}',
        b'{"uid": "fedcba9876543210", "name": "x", "document": {}}',
        b'{"uid": "0123456789abcdef", "name": "x", "document": []}',
        b'{"uid": "0123456789abcdef", "name": "x", "document": {"a": NaN}}',
        json.dumps({"uid": "0123456789abcdef", "name": "x", "document": {"a": "x" * 50_000}}).encode(),
    ],
)
def test_a_file_that_is_no_notice_is_removed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "20261120T220041Z-0000-0123456789abcdef.json").write_bytes(content)
    (tmp_path / "notes.txt").write_text("not ours")
    assert Spool(tmp_path, clock=FakeClock()).pending() == []
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_the_command_that_delivers_later_names_what_this_run_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "the key"
    key.write_text(KEY)
    monkeypatch.setenv("CONDUCTOR_DIAG_ERRBIT_URL", "https://errbit.example.com")
    flags = ["--dest-dir", "out", "--errbit-key-file", str(key), "--errbit-allow-http"]
    made = errbit_settings(parser("conductor-diag collect").parse_args(flags))
    assert made is not None
    assert made.resend == (
        f"conductor-diag upload --dest-dir out --errbit-key-file '{key}' --errbit-allow-http"
    )
    monkeypatch.delenv("CONDUCTOR_DIAG_ERRBIT_URL")
    flags += ["--errbit-url", "https://errbit.example.com"]
    made = errbit_settings(parser("conductor-diag collect").parse_args(flags))
    assert made is not None
    assert " --errbit-url https://errbit.example.com" in made.resend
