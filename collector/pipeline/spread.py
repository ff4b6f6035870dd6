"""Reads records whose contents are independent of each other, several at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

from collector.records import Batch, Lines, Record


def spread(records: Iterator[Record], take: Callable[[Record], None], width: int) -> None:
    """Hands every record to ``take``: texts and batches in ``width`` threads, the rest in this one.

    At most ``width`` records wait. What ``take`` or a batch raises ends the work and is raised here, once
    the threads have finished what they had begun.
    """
    if width <= 1:
        for record in records:
            take(record)
        return
    workers = _Workers(take, width)
    try:
        for record in records:
            if workers.failures:
                break
            workers.give(record)
    finally:
        workers.end()
    if workers.failures:
        raise workers.failures[0]


class _Workers:
    """Daemon threads, so that one that hangs cannot hold up the end of the program."""

    def __init__(self, take: Callable[[Record], None], width: int) -> None:
        self.failures: list[Exception] = []
        self._take = take
        self._waiting: queue.Queue[Record | None] = queue.Queue(maxsize=width)
        self._threads = [
            threading.Thread(target=self._work, name=f"stream-{number}", daemon=True)
            for number in range(width)
        ]
        for thread in self._threads:
            thread.start()

    def give(self, record: Record) -> None:
        if isinstance(record, Lines | Batch):
            self._waiting.put(record)
        else:
            self._take(record)

    def end(self) -> None:
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (record := self._waiting.get()) is not None:
            if self.failures:
                continue
            try:
                self._take(record)
            except Exception as error:  # noqa: BLE001 - raised again by ``spread``, in the caller's own thread
                self.failures.append(error)
