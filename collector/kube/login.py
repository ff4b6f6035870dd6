"""Lets the ``kubernetes`` client obtain credentials in bounded time, and catches what it only logs.

A credential plugin is a foreign program: it may fail, print secrets while failing, or wait for ever.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator

from collector.core.bounded import call_within

PATIENCE = 120.0
"""Seconds for a plugin; some open a browser and wait for a person."""


def log_in(load: Callable[[], None], patience: float = PATIENCE) -> str:
    """Runs ``load`` and returns why no credentials came of it, empty if they did.

    Raises what ``load`` raises.
    """
    with _complaints() as complaints:
        try:
            call_within(patience, load, name="login")
        except TimeoutError as error:
            return f"the kubeconfig's credential plugin gave {error}"
    return "the kubeconfig's credential plugin failed" if complaints else ""


class _Catcher(logging.Handler):
    def __init__(self, caught: list[logging.LogRecord]) -> None:
        super().__init__(logging.ERROR)
        self._caught = caught

    def emit(self, record: logging.LogRecord) -> None:
        self._caught.append(record)


@contextlib.contextmanager
def _complaints() -> Iterator[list[logging.LogRecord]]:
    """Catches what the client logs: a failed plugin, with its output and secrets in it."""
    caught: list[logging.LogRecord] = []
    handler = _Catcher(caught)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield caught
    finally:
        root.removeHandler(handler)
