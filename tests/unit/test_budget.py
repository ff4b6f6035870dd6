"""The room in the bundle is shared out by value, and never twice."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.pipeline.budget import Budget

KIB = 1024
MIB = 1024 * KIB
RATIO = 5  # what is foreseen before anything was seen


def test_a_wish_that_fits_is_granted_whole() -> None:
    assert Budget(100 * MIB).grant(MIB, 1.0) == MIB


def test_a_part_is_kept_for_the_reports() -> None:
    assert Budget(MIB).left == MIB - MIB // 10
    assert Budget(200 * MIB).left == 198 * MIB


def test_a_share_is_of_what_is_left() -> None:
    budget = Budget(10 * MIB)
    first = budget.grant(1000 * MIB, 0.5)
    second = budget.grant(1000 * MIB, 0.5)
    assert first == 9 * MIB * RATIO // 2
    assert second == first // 2


def test_a_small_share_is_still_enough_to_tell_something() -> None:
    assert Budget(10 * MIB).grant(MIB, 0.0001) == 64 * KIB


def test_a_short_text_needs_no_more_than_it_is_long() -> None:
    assert Budget(10 * MIB).grant(100, 0.0001) == 100


def test_nothing_is_granted_where_nothing_is_left() -> None:
    budget = Budget(MIB)
    budget.note(budget.left)
    assert budget.grant(MIB, 1.0) == 0
    assert budget.grant(10, 1.0) == 0


def test_vital_entries_may_leave_less_than_nothing() -> None:
    budget = Budget(MIB)
    budget.note(3 * MIB)
    assert budget.left < 0
    assert budget.grant(MIB, 1.0) == 0


def test_word_of_the_size_that_comes_late_changes_nothing() -> None:
    budget = Budget(10 * MIB)
    budget.note(3 * MIB)
    budget.note(2 * MIB)
    assert budget.left == 6 * MIB


def test_entries_are_given_out_up_to_what_readers_accept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.pipeline.budget.MAX_MEMBERS", 103)
    budget = Budget(MIB)
    assert [budget.take_entry() for _ in range(5)] == [True, True, True, False, False]


def test_a_promise_that_is_settled_comes_back() -> None:
    budget = Budget(10 * MIB)
    whole = budget.grant(1000 * MIB, 1.0)
    assert budget.grant(MIB, 1.0) == 0
    budget.settle(whole, content=0, stored=0)
    assert budget.grant(1000 * MIB, 1.0) == whole


@pytest.mark.parametrize("stored", [1 * MIB, 8 * MIB])
def test_a_promise_comes_back_whole_whatever_the_ratio_has_become(stored: int) -> None:
    budget = Budget(100 * MIB)
    promised = budget.grant(200 * MIB, 1.0)
    budget.settle(0, content=10 * MIB, stored=stored)
    budget.settle(promised, content=0, stored=0)
    fresh = Budget(100 * MIB)
    fresh.settle(0, content=10 * MIB, stored=stored)
    assert budget.grant(10_000 * MIB, 1.0) == fresh.grant(10_000 * MIB, 1.0)


@pytest.mark.parametrize(("stored", "ratio"), [(5 * MIB, 2), (2 * MIB, 5), (MIB, 10), (MIB // 10, 12)])
def test_the_ratio_seen_decides_what_fits(stored: int, ratio: int) -> None:
    budget = Budget(100 * MIB)
    budget.settle(0, content=10 * MIB, stored=stored)
    assert budget.grant(10_000 * MIB, 1.0) == budget.left * ratio


def test_a_little_content_tells_no_ratio() -> None:
    budget = Budget(100 * MIB)
    budget.settle(0, content=1000, stored=1000)
    assert budget.grant(10_000 * MIB, 1.0) == budget.left * RATIO


@dataclass(frozen=True)
class Step:
    """A grant of at most ``limit``, or if that is 0 the end of the ``which``-th entry still open."""

    limit: int
    share: float
    which: int
    filled: float
    ratio: float


STEPS = st.lists(
    st.builds(
        Step,
        limit=st.one_of(st.just(0), st.integers(1, 64 * MIB)),
        share=st.floats(0.0, 1.0),
        which=st.integers(0, 1000),
        filled=st.floats(0.0, 1.0),
        ratio=st.floats(1.0, 40.0),
    ),
    max_size=60,
)


@given(total=st.integers(MIB, 400 * MIB), steps=STEPS)
def test_never_more_is_promised_than_there_is(total: int, steps: list[Step]) -> None:
    budget = Budget(total)
    content, stored = 0, 0
    promised: list[int] = []
    for step in steps:
        if step.limit:
            room = max(budget.left, 0) * ratio(content, stored) - sum(promised)
            granted = budget.grant(step.limit, step.share)
            assert 0 <= granted <= min(step.limit, max(room, 0))
            promised.append(granted)
        elif promised:
            granted = promised.pop(step.which % len(promised))
            written = int(granted * step.filled)
            content, stored = content + written, stored + int(written / step.ratio)
            budget.note(stored)
            budget.settle(granted, content=written, stored=int(written / step.ratio))
    for granted in promised:
        budget.settle(granted, content=0, stored=0)
    # One rounding of the share is all that may be lost.
    assert budget.grant(10**12, 1.0) == pytest.approx(max(budget.left, 0) * ratio(content, stored), abs=1)


def ratio(content: int, stored: int) -> float:
    return RATIO if content < MIB else min(max(content / max(stored, 1), 2.0), 12.0)


def test_threads_never_share_a_byte() -> None:
    budget = Budget(10 * MIB)
    granted: list[int] = []

    def work() -> None:
        granted.extend(budget.grant(MIB, 1.0) for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 9 * MIB * RATIO
