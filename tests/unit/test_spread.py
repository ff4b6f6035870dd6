"""Independent records are read beside each other, in order, so many at a time, and never lost silently."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from collector.pipeline.spread import spread
from collector.records import Batch, Document, Gap, Lines, Record, Status

PATIENCE = 5.0


def text(name: str) -> Lines:
    return Lines(path=name, chunks=(), limit=1)


def texts(count: int) -> Iterator[Record]:
    return (text(f"{number:03}") for number in range(count))


def path(record: Record) -> str:
    assert isinstance(record, Lines | Document)
    return record.path


class Taker:
    """Takes records as the pen would, and holds each until ``width`` of them are held at once."""

    def __init__(self, width: int) -> None:
        self.began: list[str] = []
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        self._full = threading.Barrier(width)

    def __call__(self, record: Record) -> None:
        with self._lock:
            self.began.append(path(record))
            self._now += 1
            self.most = max(self.most, self._now)
        self._full.wait(PATIENCE)
        with self._lock:
            self._now -= 1


@pytest.mark.parametrize("width", [2, 3, 8])
def test_as_many_are_read_at_once_as_asked_for_and_no_more(width: int) -> None:
    taker = Taker(width)
    spread(texts(width * 4), taker, width)
    assert taker.most == width
    assert sorted(taker.began) == [f"{number:03}" for number in range(width * 4)]


def test_a_width_of_one_stays_in_order_and_in_the_callers_thread() -> None:
    taken: list[tuple[str, int]] = []
    spread(texts(20), lambda record: taken.append((path(record), threading.get_ident())), 1)
    assert taken == [(f"{number:03}", threading.get_ident()) for number in range(20)]


def test_records_begin_in_the_order_given() -> None:
    taker = Taker(4)
    spread(texts(40), taker, 4)
    # Four are held until there are four, so which four is certain, and their order among them is not.
    groups = [sorted(taker.began[at : at + 4]) for at in range(0, 40, 4)]
    assert groups == [[f"{number:03}" for number in range(at, at + 4)] for at in range(0, 40, 4)]


def test_only_a_few_records_wait_however_many_there_are() -> None:
    made: list[int] = []
    released = threading.Event()
    ahead: list[int] = []

    def records() -> Iterator[Record]:
        for number in range(100):
            made.append(number)
            yield text(f"{number:03}")

    def take(record: Record) -> None:
        if not released.is_set():
            released.wait(0.05)
            ahead.append(len(made))
            released.set()

    spread(records(), take, 3)
    # Three are read, three wait, one is about to.
    assert ahead[0] <= 3 + 3 + 1
    assert len(made) == 100


def test_what_costs_nothing_to_read_does_not_wait_for_what_does() -> None:
    released = threading.Event()
    noted: list[str] = []

    def take(record: Record) -> None:
        if isinstance(record, Gap):
            noted.append(record.subject)
            released.set()
        else:
            assert released.wait(PATIENCE)

    gap = Gap(subject="a log", status=Status.ABSENT, reason="it is not there")
    spread(iter([text("slow"), gap]), take, 2)
    assert noted == ["a log"]


def test_a_batch_is_read_by_one_thread() -> None:
    threads: set[int] = set()

    def records() -> Iterator[Record]:
        for number in range(3):
            threads.add(threading.get_ident())
            yield text(str(number))

    def take(record: Record) -> None:
        assert isinstance(record, Batch)
        list(record.records)

    spread(iter([Batch(records=records())]), take, 2)
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


@pytest.mark.parametrize("width", [1, 4])
def test_what_reading_raises_is_raised_where_it_was_asked_for(width: int) -> None:
    def take(record: Record) -> None:
        if path(record) == "002":
            raise LookupError("a defect")

    with pytest.raises(LookupError, match="a defect"):
        spread(texts(50), take, width)


@pytest.mark.parametrize("width", [1, 4])
def test_what_the_source_raises_comes_after_what_it_gave_before(width: int) -> None:
    taken: list[str] = []

    def records() -> Iterator[Record]:
        yield from texts(5)
        raise LookupError("a defect")

    with pytest.raises(LookupError, match="a defect"):
        spread(records(), lambda record: taken.append(path(record)), width)
    assert sorted(taken) == ["000", "001", "002", "003", "004"]


def test_after_a_failure_what_was_begun_is_finished_and_the_source_is_left_alone() -> None:
    finished: list[str] = []
    both = threading.Barrier(2)

    def records() -> Iterator[Record]:
        yield from (text("bad"), text("good"))
        while True:
            yield text("late")

    def take(record: Record) -> None:
        if path(record) != "late":
            both.wait(PATIENCE)
        if path(record) == "bad":
            raise LookupError("a defect")
        finished.append(path(record))

    with pytest.raises(LookupError):
        spread(records(), take, 2)
    assert "good" in finished


def test_a_batch_that_raises_does_not_hold_up_the_source() -> None:
    def bad() -> Iterator[Record]:
        yield text("before")
        raise LookupError("a defect")

    def take(record: Record) -> None:
        if isinstance(record, Batch):
            list(record.records)

    many = (Batch(records=bad()) for _ in range(1000))
    with pytest.raises(LookupError):
        spread(many, take, 4)


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    spread(texts(20), lambda record: None, 8)
    assert threading.active_count() == before
