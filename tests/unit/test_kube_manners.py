"""The pace is kept over all threads, pauses hold for all, and nobody waits beyond a deadline."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from collector.core.deadline import Deadline, DeadlineExceededError
from collector.kube.manners import Manners
from tests.lib.recordings import StoppedClock


def clock() -> StoppedClock:
    return StoppedClock(datetime(2026, 11, 20, tzinfo=UTC))


def test_a_burst_goes_at_once_and_the_rest_keeps_the_pace() -> None:
    time = clock()
    manners = Manners(time, requests_per_second=10)
    deadline = Deadline(time, 60)
    began = time.monotonic()
    waits = [manners.admit(deadline) for _ in range(80)]
    assert waits[:60] == [0.0] * 60
    assert all(wait == pytest.approx(0.1, abs=0.001) for wait in waits[60:])
    assert time.monotonic() - began == pytest.approx(2.0, abs=0.01)


def test_rest_earns_another_burst_but_never_a_larger_one() -> None:
    time = clock()
    manners = Manners(time, requests_per_second=5)
    deadline = Deadline(time, 1000)
    time.sleep(100)
    assert [manners.admit(deadline) for _ in range(30)] == [0.0] * 30
    assert manners.admit(deadline) > 0


def test_a_pause_holds_for_every_request_and_the_longest_counts() -> None:
    time = clock()
    manners = Manners(time)
    deadline = Deadline(time, 60)
    manners.pause(3)
    manners.pause(1)
    assert manners.admit(deadline) == pytest.approx(3.0)
    assert manners.admit(deadline) == 0.0


def test_an_absurd_pause_is_a_minute() -> None:
    time = clock()
    manners = Manners(time)
    manners.pause(1e12)
    assert manners.admit(Deadline(time, 600)) == pytest.approx(60.0)


def test_who_cannot_be_admitted_before_the_deadline_does_not_wait_for_it() -> None:
    time = clock()
    manners = Manners(time)
    manners.pause(30)
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError):
        manners.admit(Deadline(time, 10))
    assert time.monotonic() == began


def test_a_turn_that_was_not_used_is_given_back() -> None:
    time = clock()
    manners = Manners(time, requests_per_second=1)
    for _ in range(6):
        assert manners.admit(Deadline(time, 60)) == 0.0
    for _ in range(5):
        with pytest.raises(DeadlineExceededError):
            manners.admit(Deadline(time, 0.5))
    assert manners.admit(Deadline(time, 60)) == pytest.approx(1.0)


def test_an_expired_deadline_admits_nobody() -> None:
    time = clock()
    with pytest.raises(DeadlineExceededError):
        Manners(time).admit(Deadline(time, 0))


def test_only_so_many_go_at_once_and_a_place_is_waited_for_no_longer_than_allowed() -> None:
    time = clock()
    manners = Manners(time, parallel=2)
    soon, never = Deadline(time, 5), Deadline(time, 0)
    with (
        manners.slot(soon),
        manners.slot(soon),
        pytest.raises(DeadlineExceededError),
        manners.slot(never),
    ):
        pass
    with manners.slot(Deadline(time, 0.5)):
        pass


def test_streams_leave_a_place_for_others() -> None:
    time = clock()
    manners = Manners(time, parallel=2)
    soon, never = Deadline(time, 5), Deadline(time, 0)
    with manners.slot(soon, lasting=True):
        with pytest.raises(DeadlineExceededError), manners.slot(never, lasting=True):
            pass
        with manners.slot(soon):
            pass
    with manners.slot(soon, lasting=True):
        pass


def test_where_there_is_one_place_a_stream_may_have_it() -> None:
    time = clock()
    manners = Manners(time, parallel=1)
    with manners.slot(Deadline(time, 5), lasting=True):
        pass
    with manners.slot(Deadline(time, 5)):
        pass


def test_rest_ends_with_the_deadline() -> None:
    time = clock()
    manners = Manners(time)
    assert manners.rest(2, Deadline(time, 60)) == pytest.approx(2.0)
    assert manners.rest(20, Deadline(time, 1)) == pytest.approx(1.0)


def test_many_threads_share_one_pace() -> None:
    class Shared(StoppedClock):
        lock = threading.Lock()

        def sleep(self, seconds: float) -> None:
            with self.lock:
                super().sleep(seconds)

    time = Shared(datetime(2026, 11, 20, tzinfo=UTC))
    manners = Manners(time, requests_per_second=50)
    deadline = Deadline(time, 600)
    admitted: list[float] = []

    def work() -> None:
        for _ in range(100):
            manners.admit(deadline)
            admitted.append(time.monotonic())

    began = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # 400 requests, 300 of them at once, then 50 a second.
    assert len(admitted) == 400
    assert max(admitted) - began >= 1.9
