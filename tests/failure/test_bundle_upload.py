"""A bundle goes up in pieces through whatever limits there are, and comes back byte for byte or not."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest

from collector.core.clock import SystemClock
from collector.core.errors import BundleError, ExitStatus, RefusedDeliveryError, UndeliveredError
from collector.core.secret import Secret
from collector.delivery.deliver import Delivery, DeliveryState, resend_spool
from collector.delivery.errbit import ErrbitClient
from collector.delivery.notice import Origin
from collector.delivery.whole import Pieces
from collector.receiver import Fault, Receiver, Store, StoredNotice, serve
from collector.web.errbit import ErrbitReader
from collector.web.http import HttpClient
from tests.lib.receivers import (
    KEY,
    FakeClock,
    deadline,
    kept,
    new_clock,
    no_proxy,
    running,
    settings,
    spool_path,
)
from tests.lib.uploads import BUNDLE_ID, MEBI, TOKEN, bundle, get, send, uploading

_no_proxy = pytest.fixture(autouse=True)(no_proxy)
clock = pytest.fixture(new_clock)
spool = pytest.fixture(spool_path)


class KilledError(BaseException):
    """Ends the client as a signal would: nothing of it runs on."""


def _chunks(receiver: Receiver) -> list[StoredNotice]:
    return [notice for notice in receiver.notices() if notice.error_class == "diagnostic.bundle.chunk"]


def test_a_bundle_goes_up_and_comes_back(clock: FakeClock, spool: Path, tmp_path: Path) -> None:
    file = bundle(tmp_path, 3 * MEBI + 17)
    with running(token=TOKEN) as (receiver, url):
        delivery = send(url, clock, spool, file)
        found = get(url, clock, tmp_path / "back")
    assert delivery.state is DeliveryState.DELIVERED
    assert delivery.bundle == "3.0 MiB uploaded in 7 pieces"
    assert found.path.read_bytes() == file.path.read_bytes()
    assert (found.sha256, found.encrypted, found.notes) == (file.sha256, False, ())
    assert [path.name for path in (tmp_path / "back").iterdir()] == [f"{BUNDLE_ID}.tar.zst"]
    assert not list(spool.glob("upload-*"))
    own = _chunks(receiver)
    assert {notice.problem_id for notice in own} == {own[0].problem_id}
    assert own[-1].params["kind"] == "manifest"
    assert own[-1].params["chunks"] == ",".join(notice.id for notice in own[:-1])
    announcement = next(n for n in receiver.notices() if n.error_class == "diagnostic.bundle")
    assert BUNDLE_ID in announcement.params["upload"]


@pytest.mark.parametrize(("limit", "pieces"), [(1_048_576, 24), (65_536, 280)])
def test_twelve_megabytes_pass_a_limit_with_the_client_killed_three_times(
    clock: FakeClock, spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, pieces: int
) -> None:
    file = bundle(tmp_path, 12 * MEBI)

    def go_on() -> Delivery:
        return resend_spool(settings(url, spool), clock=clock, deadline=deadline(clock, 3600))

    with running(token=TOKEN, max_body=limit) as (receiver, url):
        for wanted in (3, 9, 20):
            step = functools.partial(send, url, clock, spool, file) if wanted == 3 else go_on
            with monkeypatch.context() as patched:
                _kill_after(patched, wanted, receiver)
                with pytest.raises(KilledError):
                    step()
        delivery = go_on()
        assert delivery.complete
        found = get(url, clock, tmp_path / "back")
    assert found.sha256 == file.sha256 == hashlib.sha256(found.path.read_bytes()).hexdigest()
    assert [n.params["kind"] for n in _chunks(receiver)].count("manifest") == 1
    offsets = [n.params["offset"] for n in _chunks(receiver) if n.params["kind"] == "chunk"]
    # Killed between the endpoint's yes and the log's line, a piece is sent once more: at most one for a kill.
    assert pieces <= len(offsets) <= pieces + 3
    assert len(set(offsets)) == pieces


@pytest.mark.parametrize("recipient", ["", str(pyrage.x25519.Identity.generate().to_public())])
def test_a_bundle_named_again_goes_on_where_it_was_cut_off_and_is_sent_once(
    clock: FakeClock, spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipient: str
) -> None:
    file = bundle(tmp_path, 4 * MEBI)
    with running(token=TOKEN) as (receiver, url):
        with monkeypatch.context() as patched:
            _kill_after(patched, 5, receiver)
            with pytest.raises(KilledError):
                send(url, clock, spool, file, recipient=recipient)
        assert send(url, clock, spool, file, recipient=recipient).complete
        sent = len(receiver.notices())
        again = send(url, clock, spool, file, recipient=recipient)
        assert len(receiver.notices()) == sent
        other = send(url, clock, tmp_path / "other-spool", file, recipient=recipient)
    assert again.complete
    assert "is there already" in again.bundle
    assert " uploaded" in other.bundle
    offsets = Counter(n.params["offset"] for n in _chunks(receiver)[: 9 + 1] if n.params["kind"] == "chunk")
    assert sum(offsets.values()) <= len(offsets) + 1


@pytest.mark.timeout(180)
def test_a_real_process_killed_three_times_uploads_the_whole(tmp_path: Path) -> None:
    file, system = bundle(tmp_path, 12 * MEBI), SystemClock()
    folder = tmp_path / "conductor-diag-spool"
    (tmp_path / "key").write_text(KEY)
    with running(token=TOKEN, max_body=65_536) as (receiver, url):
        with HttpClient() as http:
            origin = Origin(bundle_id=BUNDLE_ID, label="l", case="", policy_id="p", agent_version="0.1.0")
            assert Pieces(uploading(url, folder), http, system).begin(file, origin) == []
        command = [
            *(sys.executable, "-m", "collector", "upload", "--dest-dir", str(tmp_path)),
            *("--errbit-url", url, "--errbit-key-file", str(tmp_path / "key")),
        ]
        for wanted in (5, 30, 80):
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                _wait_for(receiver, wanted)
                process.send_signal(signal.SIGKILL)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        assert "12.0 MiB uploaded in 280 pieces (a fork of Errbit keeps only" in done.stderr
        assert get(url, FakeClock(), tmp_path / "back").sha256 == file.sha256
    assert 281 <= len(_chunks(receiver)) <= 284


def _wait_for(receiver: Receiver, count: int) -> None:
    end = time.monotonic() + 60
    while len(receiver.notices()) < count:
        assert time.monotonic() < end
        time.sleep(0.01)


def _kill_after(patched: pytest.MonkeyPatch, count: int, receiver: Receiver) -> None:
    original = ErrbitClient.send

    def send_or_die(self: ErrbitClient, *arguments: Any, **named: Any) -> Any:
        receipt = original(self, *arguments, **named)
        if len(_chunks(receiver)) >= count:
            raise KilledError
        return receipt

    patched.setattr(ErrbitClient, "send", send_or_die)


@pytest.mark.parametrize(
    "fault", [Fault(kind="reset"), Fault(status=500), Fault(status=413)], ids=["reset", "500", "413"]
)
def test_what_cuts_off_large_requests_gets_smaller_ones(
    clock: FakeClock, spool: Path, tmp_path: Path, fault: Fault
) -> None:
    file = bundle(tmp_path, MEBI)
    with running(token=TOKEN) as (receiver, url):
        receiver.faults.add(Fault(kind="slow"), times=2)  # the finding and the announcement pass
        receiver.faults.add(fault, times={"reset": 2}.get(fault.kind, 3 if fault.status == 500 else 1))
        assert send(url, clock, spool, file).complete
        assert get(url, clock, tmp_path / "back").sha256 == file.sha256
    assert {n.params.get("chunk_bytes") for n in _chunks(receiver)} == {262_144, None}


def test_a_limit_below_the_smallest_piece_is_told(clock: FakeClock, spool: Path, tmp_path: Path) -> None:
    file = bundle(tmp_path, MEBI)
    with running(max_body=30_000) as (receiver, url):
        delivery = send(url, clock, spool, file)
    assert (delivery.state, delivery.cause) == (DeliveryState.PARTLY, "too-large")
    assert (
        "0 B of 1.0 MiB uploaded: the endpoint or a proxy before it takes no request that large"
        in delivery.reason
    )
    assert "client_max_body_size" in delivery.hint
    assert _chunks(receiver) == []
    assert kept(spool) == []


def test_a_bundle_above_the_cap_is_announced_only(clock: FakeClock, spool: Path, tmp_path: Path) -> None:
    file = bundle(tmp_path, 200_000)
    with running() as (receiver, url):
        delivery = send(url, clock, spool, file, max_bytes=100_000)
    words = "not uploaded: it has 195.3 KiB and the limit is 97.7 KiB; announced only"
    assert delivery.complete
    assert delivery.bundle == words
    assert receiver.notices()[-1].params["upload"] == words
    assert _chunks(receiver) == []


def test_a_server_that_goes_away_is_finished_later(clock: FakeClock, spool: Path, tmp_path: Path) -> None:
    file = bundle(tmp_path, 3 * MEBI)
    with running(token=TOKEN) as (receiver, url):
        receiver.faults.add(Fault(kind="slow"), times=4)
        receiver.faults.add(Fault(status=503), times=15)
        first = send(url, clock, spool, file)
        assert (first.state, first.cause) == (DeliveryState.PARTLY, "unavailable")
        assert "1.0 MiB of 3.0 MiB uploaded" in first.bundle
        assert first.hint == "deliver the rest: conductor-diag upload"
        receiver.faults.clear()
        with pytest.raises(
            BundleError, match="bytes 1048576 to 3145727 are missing; the upload was not finished"
        ):
            get(url, clock, tmp_path / "back")
        assert resend_spool(settings(url, spool), clock=clock, deadline=deadline(clock)).complete
        assert get(url, clock, tmp_path / "back").sha256 == file.sha256


@pytest.mark.parametrize("change", ["gone", "other"])
def test_an_upload_whose_file_changed_is_given_up(
    clock: FakeClock, spool: Path, tmp_path: Path, change: str
) -> None:
    file = bundle(tmp_path, MEBI)
    with running() as (receiver, url):
        receiver.faults.add(Fault(kind="slow"), times=3)
        receiver.faults.add(Fault(status=503), times=15)
        send(url, clock, spool, file)
        receiver.faults.clear()
        file.path.unlink()
        if change == "other":
            bundle(tmp_path, MEBI, seed=8)
        told = resend_spool(settings(url, spool), clock=clock, deadline=deadline(clock))
    assert "was given up: its file is gone or has changed" in told.reason
    assert not list(spool.glob("upload-*"))


def test_an_encrypted_bundle_is_readable_to_its_recipient_alone(
    clock: FakeClock, spool: Path, tmp_path: Path
) -> None:
    file = bundle(tmp_path, MEBI)
    identity = pyrage.x25519.Identity.generate()
    with running(token=TOKEN) as (receiver, url):
        delivery = send(url, clock, spool, file, recipient=str(identity.to_public()))
        found = get(url, clock, tmp_path / "back")
    assert "uploaded encrypted" in delivery.bundle
    assert (found.encrypted, found.plain_sha256) == (True, file.sha256)
    assert found.path.suffix == ".age"
    assert pyrage.decrypt(found.path.read_bytes(), [identity]) == file.path.read_bytes()
    assert not list(spool.glob("*.age"))
    needle = file.path.read_bytes()[300:330]
    sent = b"".join(base64.b64decode(n.params.get("data_crypt", "")) for n in _chunks(receiver))
    assert needle not in sent


def test_without_the_library_nothing_is_sent_in_clear(
    clock: FakeClock, spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyrage", None)
    file = bundle(tmp_path, MEBI)
    with running() as (receiver, url):
        delivery = send(url, clock, spool, file, recipient="age1x")
    assert delivery.state is DeliveryState.PARTLY
    assert "cannot be encrypted" in delivery.bundle
    assert "pip install" in delivery.hint
    assert _chunks(receiver) == []


def test_an_own_key_keeps_bundles_out_of_the_notices_application(
    clock: FakeClock, spool: Path, tmp_path: Path
) -> None:
    file = bundle(tmp_path, 100_000)
    with running() as (receiver, url):
        delivery = send(url, clock, spool, file, key=Secret("other"))
    assert (delivery.state, delivery.cause) == (DeliveryState.PARTLY, "wrong-key")
    assert len(receiver.notices()) == 2


Edit = Callable[[list[StoredNotice]], list[StoredNotice]]


def _with(notice: StoredNotice, **params: Any) -> StoredNotice:
    return dataclasses.replace(notice, params={**notice.params, **params})


def _altered(found: list[StoredNotice]) -> list[StoredNotice]:
    data = bytearray(base64.b64decode(found[1].params["data_crypt"]))
    data[5] ^= 1
    return [found[0], _with(found[1], data_crypt=base64.b64encode(bytes(data)).decode()), *found[2:]]


def _forged(found: list[StoredNotice]) -> list[StoredNotice]:
    data = b"x" * found[1].params["chunk_bytes"]
    changed = {
        "data_crypt": base64.b64encode(data).decode(),
        "chunk_sha256": hashlib.sha256(data).hexdigest(),
    }
    return [found[0], _with(found[1], **changed), *found[2:]]


def _stranger(found: list[StoredNotice]) -> list[StoredNotice]:
    return [*found[:2], _with(found[2], bundle_sha256="0" * 64), *found[3:]]


BROKEN: list[tuple[Edit, str]] = [
    (lambda found: [found[0], *found[2:]], "bytes 524288 to 1048575 are missing"),
    (lambda found: found[1:], "bytes 0 to 524287 are missing"),
    (_altered, "piece 1 (bytes 524288 to 1048575, notice "),
    (_forged, "the pieces join to sha256 "),
    (_stranger, "speaks of another bundle: 0000000000000000"),
    (lambda found: [*found[:1], _with(found[1], offset=2**40), *found[2:]], "lies outside the bundle"),
    (lambda found: [*found[:1], _with(found[1], data_crypt="?"), *found[2:]], "is altered"),
    (lambda found: [*found[:1], _with(found[1], kind="x"), *found[2:]], "not readable as a part of a bundle"),
    (lambda found: [_with(n, bundle_bytes=2**50) for n in found], "not readable as a part of a bundle"),
]


def _altered_store(tmp_path: Path, clock: FakeClock, spool: Path, edit: Edit) -> Store:
    """Uploads into a folder, changes what is kept there, and serves that."""
    folder = tmp_path / "kept"
    with running(store=Store(folder)) as (receiver, url):
        assert send(url, clock, spool, bundle(tmp_path, 2 * MEBI)).complete
        own = _chunks(receiver)
    changed = edit(own)
    for path in folder.iterdir():
        path.unlink()
    for place, notice in enumerate(changed):
        name = f"{place + 1:024x}"
        content = dataclasses.asdict(notice) | {"id": name, "received": notice.received.isoformat()}
        (folder / f"{name}.json").write_text(json.dumps(content))
    return Store(folder)


@pytest.mark.parametrize(("edit", "words"), BROKEN)
def test_a_piece_that_is_missing_or_altered_is_named(
    clock: FakeClock, spool: Path, tmp_path: Path, edit: Edit, words: str
) -> None:
    store = _altered_store(tmp_path, clock, spool, edit)
    with running(token=TOKEN, store=store) as (_, url), pytest.raises(BundleError) as caught:
        get(url, clock, tmp_path / "back")
    assert words in caught.value.message
    assert not list((tmp_path / "back").glob("*.tar.zst"))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            lambda found: [found[0], *found],
            "piece 0 (bytes 0 to 524287, notice 000000000000000000000002) is doubled",
        ),
        (
            lambda found: [found[1], found[0], *found[2:]],
            "piece 0 (bytes 0 to 524287, notice 000000000000000000000002) came out of order",
        ),
        (lambda found: found[:-1], "the upload's last notice is missing; the bytes are whole all the same"),
    ],
)
def test_what_is_doubled_or_reordered_is_named_and_harmless(
    clock: FakeClock, spool: Path, tmp_path: Path, edit: Edit, words: str
) -> None:
    store = _altered_store(tmp_path, clock, spool, edit)
    with running(token=TOKEN, store=store) as (_, url):
        found = get(url, clock, tmp_path / "back")
    assert any(words in note for note in found.notes)
    assert found.sha256 == hashlib.sha256((tmp_path / "bundle.tar.zst").read_bytes()).hexdigest()


def test_fetching_goes_on_where_it_was_cut_off(
    clock: FakeClock, spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = bundle(tmp_path, 3 * MEBI)
    read: list[str] = []
    with running(token=TOKEN) as (_, url):
        assert send(url, clock, spool, file).complete
        original = ErrbitReader.params

        def counted(self: ErrbitReader, notice: str, *rest: Any) -> Any:
            read.append(notice)
            if len(read) == 4:
                raise KilledError
            return original(self, notice, *rest)

        monkeypatch.setattr(ErrbitReader, "params", counted)
        with pytest.raises(KilledError):
            get(url, clock, tmp_path / "back")
        assert get(url, clock, tmp_path / "back").sha256 == file.sha256
    assert len(read) == 7 + 1
    assert len(set(read)) == 7


def test_an_older_errbit_is_paged_through(clock: FakeClock, spool: Path, tmp_path: Path) -> None:
    file = bundle(tmp_path, MEBI)

    class Older(Receiver):
        def handle(self, request: Any, base: str) -> Any:
            if request.path.startswith("/notices/"):
                request = dataclasses.replace(request, target="/nothing")
            return super().handle(request, base)

    receiver = Older(KEY, store=Store(), clock=clock, token=TOKEN)
    with serve(receiver) as url:
        assert send(url, clock, spool, file).complete
        assert get(url, clock, tmp_path / "back").sha256 == file.sha256


def test_reading_back_tells_a_wrong_token_from_a_bundle_that_is_not_there(
    clock: FakeClock, tmp_path: Path
) -> None:
    with running(token="another") as (_, url), pytest.raises(RefusedDeliveryError) as caught:
        get(url, clock, tmp_path / "back")
    assert caught.value.status == ExitStatus.REFUSED
    assert "does not know the user's token" in caught.value.why
    assert TOKEN not in f"{caught.value} {caught.value.why} {caught.value.hint}"
    with pytest.raises(RefusedDeliveryError) as unsafe:
        get("http://errbit.example.com", clock, tmp_path / "back")
    assert "token" in unsafe.value.why
    with pytest.raises(UndeliveredError) as nobody:
        get("http://127.0.0.1:9", clock, tmp_path / "back")
    assert nobody.value.status == ExitStatus.UNDELIVERED
    with running(token=TOKEN) as (_, url), pytest.raises(BundleError, match="there is no bundle"):
        get(url, clock, tmp_path / "back")
