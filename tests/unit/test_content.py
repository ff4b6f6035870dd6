"""Content ends early without a sound of its own, and says afterwards why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from collector.pipeline.content import Content
from collector.records import ContentError, EntryStatus, Gap, Status

GAP = Gap(subject="list pods", status=Status.DENIED, reason="forbidden")


def broken(*items: int) -> Iterator[int]:
    yield from items
    raise ContentError(GAP)


def test_whole_content_passes_and_is_ok() -> None:
    content = Content([1, 2, 3], check=lambda: None)
    assert list(content) == [1, 2, 3]
    assert (content.gap, content.empty, content.status, content.note, content.cut) == (
        None,
        False,
        EntryStatus.OK,
        "",
        "",
    )


def test_nothing_at_all_is_ok_and_empty() -> None:
    content: Content[int] = Content([], check=lambda: None)
    assert list(content) == []
    assert (content.empty, content.status) == (True, EntryStatus.OK)


@pytest.mark.parametrize("items", [(), (1, 2)])
def test_content_that_breaks_keeps_what_came_and_its_gap(items: tuple[int, ...]) -> None:
    content = Content(broken(*items), check=lambda: None)
    assert list(content) == list(items)
    assert content.gap is GAP
    assert content.empty is not bool(items)
    assert (content.status, content.note) == (EntryStatus.PARTIAL, "ends early: denied")


def test_content_ends_where_the_room_does() -> None:
    left = iter(["", "", "no room"])
    content = Content(range(10), check=lambda: None, full=lambda: next(left))
    assert list(content) == [0, 1]
    assert (content.status, content.note, content.cut) == (EntryStatus.TRUNCATED, "cut: no room", "no room")
    assert content.gap is None


def test_content_that_is_over_when_the_room_ends_is_whole() -> None:
    left = iter(["", ""])
    assert list(Content([1, 2], check=lambda: None, full=lambda: next(left))) == [1, 2]


def test_every_item_is_checked_for_time_before_it_passes() -> None:
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise TimeoutError

    seen: list[int] = []
    with pytest.raises(TimeoutError):
        seen.extend(Content(range(10), check=check))
    assert seen == [0, 1]


def test_other_errors_of_the_source_pass_unchanged() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("a defect")

    content = Content(items(), check=lambda: None)
    with pytest.raises(LookupError):
        list(content)
    assert content.status is EntryStatus.OK
