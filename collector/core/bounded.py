"""Bounds in time what knows no limit of its own: the resolver, a login program, a set of requests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def call_within(seconds: float, work: Callable[[], T], *, name: str) -> T:
    """Returns what ``work`` returns, or raises what it raises.

    ``work`` runs in a daemon thread called ``name``; a caller that is interrupted does not wait for it.

    Raises:
        TimeoutError: it did not end in time; its thread is left behind.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    thread.join(max(seconds, 0.0))
    if failures:
        raise failures[0]
    if not results:
        raise TimeoutError(f"no answer in {seconds:.0f} seconds")
    return results[0]
