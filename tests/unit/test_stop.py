"""Ending early: the wish to stop, what signals make of it, and work that is bounded in time."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.core.bounded import call_within
from collector.core.deadline import Deadline
from collector.core.errors import ExitStatus
from collector.core.stop import AbortedError, Stop
from collector.pipeline.interrupt import Interrupt
from tests.lib.recordings import StoppedClock

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_the_wish_to_stop_counts_as_if_the_time_were_over() -> None:
    stop = Stop()
    whole = Deadline(StoppedClock(NOON), 100)
    part = whole.child(reserve=10, stop=stop)
    inner = part.child(50)
    assert (part.left(), inner.left()) == (90, 50)
    stop.ask("enough")
    stop.ask("later words")
    assert part.expired
    assert inner.expired
    assert inner.stopped == "enough"
    assert whole.left() == 100
    assert whole.stopped == ""


def test_the_first_signal_stops_and_the_second_aborts(tmp_path: Path) -> None:
    interrupt = Interrupt()
    with interrupt.installed(), interrupt.keeping(tmp_path / "b.tar.zst"):
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.stop.asked
        with pytest.raises(AbortedError) as caught:
            os.kill(os.getpid(), signal.SIGINT)
    assert interrupt.status is caught.value.status is ExitStatus.TERMINATED
    assert "SIGTERM" in caught.value.reason


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (signal.SIGINT, ExitStatus.INTERRUPTED),
        (signal.SIGTERM, ExitStatus.TERMINATED),
        (signal.SIGHUP, ExitStatus.TERMINATED),
    ],
)
def test_before_there_is_something_to_keep_the_first_signal_aborts(
    sent: signal.Signals, status: ExitStatus
) -> None:
    interrupt = Interrupt()
    with interrupt.installed(), pytest.raises(AbortedError) as caught:
        os.kill(os.getpid(), sent)
    assert caught.value.status is status
    assert not interrupt.stop.asked


def test_the_old_handlers_come_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with Interrupt().installed():
        assert signal.getsignal(signal.SIGTERM) is not before[1]
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_signal_that_the_parent_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupt().installed():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_third_signal_waits_for_nothing_and_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    partial = tmp_path / "b.tar.zst.partial"
    partial.touch()
    interrupt = Interrupt()
    with interrupt.keeping(tmp_path / "b.tar.zst", partial, tmp_path / "absent"):
        interrupt.handle(signal.SIGINT, None)
        with pytest.raises(AbortedError):
            interrupt.handle(signal.SIGINT, None)
        with pytest.raises(AbortedError):  # only because the test's exit returns
            interrupt.handle(signal.SIGINT, None)
    assert left == [ExitStatus.INTERRUPTED]
    assert not partial.exists()


def test_bounded_work_gives_its_result_or_its_error() -> None:
    assert call_within(5, lambda: 42, name="work") == 42
    with pytest.raises(ZeroDivisionError):
        call_within(5, lambda: 1 // 0, name="work")


def test_work_that_takes_too_long_is_left_behind() -> None:
    released = threading.Event()
    try:
        with pytest.raises(TimeoutError):
            call_within(0.05, lambda: released.wait(20), name="work")
    finally:
        released.set()
