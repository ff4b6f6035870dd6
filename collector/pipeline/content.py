"""The content of a record on its way to redaction: it may end early, and then it simply ends and says why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from collector.records import ContentError, EntryStatus, Gap

T = TypeVar("T")


class Content(Iterable[T]):
    """Yields the items as long as there is time and room.

    Args:
        items: the content; raises ContentError where it ends early.
        check: called before each item; raises once the collector's time is over.
        full: says why the bundle takes no more, nothing as long as it does.

    Attributes:
        gap: why the content ended early, if it did.
        cut: why the rest was left out, if it was.
        empty: nothing was yielded.
        status: what the entry is worth.
        note: what the manifest says of it.
    """

    def __init__(
        self, items: Iterable[T], *, check: Callable[[], None], full: Callable[[], str] = lambda: ""
    ) -> None:
        self._items = items
        self._check = check
        self._full = full
        self.gap: Gap | None = None
        self.cut = ""
        self.empty = True
        self.status = EntryStatus.OK
        self.note = ""

    def __iter__(self) -> Iterator[T]:
        try:
            for item in self._items:
                self._check()
                self.cut = self._full()
                if self.cut:
                    self.status, self.note = EntryStatus.TRUNCATED, f"cut: {self.cut}"
                    return
                self.empty = False
                yield item
        except ContentError as error:
            self.gap = error.gap
            self.status = EntryStatus.PARTIAL
            self.note = f"ends early: {error.gap.status}"
