"""Giving memory back asks the C library, and is nothing to fail of where that knows no such thing."""

from __future__ import annotations

import ctypes

import pytest

from collector.core.heap import give_back


class _Library:
    def __init__(self) -> None:
        self.asked: list[int] = []

    def malloc_trim(self, pad: int) -> int:
        self.asked.append(pad)
        return 1


def test_the_c_library_is_asked_for_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    library = _Library()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: library)
    give_back()
    assert library.asked == [0]


@pytest.mark.parametrize("library", [object(), OSError("no such library")])
def test_a_c_library_without_it_is_left_alone(monkeypatch: pytest.MonkeyPatch, library: object) -> None:
    def load(_: object) -> object:
        if isinstance(library, OSError):
            raise library
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    give_back()
