"""What Ctrl-C and SIGTERM mean to a run: first stop reading and keep what there is, then give up at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from collector.core.errors import ExitStatus
from collector.core.stop import AbortedError, Stop

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WORDS = {
    signal.SIGINT: "the run was interrupted by Ctrl-C",
    signal.SIGTERM: "the run was terminated by SIGTERM",
    signal.SIGHUP: "the run was terminated: its terminal went away",
}


class Interrupt:
    """The signals of one run.

    The first one, while there is something to keep, asks for ``stop``: reading ends, everything after it
    goes on. Before that, and the second time, AbortedError is raised in the main thread. A third one does
    not wait for that to be cleaned up.
    """

    def __init__(self) -> None:
        self.stop = Stop()
        self._bundle: Path | None = None
        self._first: signal.Signals | None = None
        self._temporary: tuple[Path, ...] = ()
        self._keeping = False
        self._aborting = False

    @property
    def words(self) -> str:
        """Returns what happened as a sentence; empty if nothing did."""
        return _WORDS[self._first] if self._first else ""

    @property
    def status(self) -> ExitStatus:
        """Returns the exit status of a run that was interrupted, OK for one that was not."""
        if self._first is None:
            return ExitStatus.OK
        return ExitStatus.INTERRUPTED if self._first is signal.SIGINT else ExitStatus.TERMINATED

    @property
    def sealed(self) -> Path | None:
        """Returns the bundle if it stands under its name already."""
        return self._bundle if self._bundle and self._bundle.exists() else None

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Listens to the signals until the block ends. One that the parent chose to ignore stays ignored."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        ours = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
        for number in ours:
            signal.signal(number, self.handle)
        try:
            yield
        finally:
            for number in ours:
                signal.signal(number, before[number])

    @contextlib.contextmanager
    def keeping(self, bundle: Path, *temporary: Path) -> Iterator[None]:
        """Marks the time in which a first signal is answered by finishing ``bundle`` with what there is.

        ``temporary`` are the files that may exist meanwhile and that nothing may leave behind.
        """
        self._bundle, self._temporary, self._keeping = bundle, temporary, True
        try:
            yield
        finally:
            self._keeping = False

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Takes one signal. Raises AbortedError; takes no lock, as it may have interrupted its holder."""
        if self._aborting:
            self._leave()
        first, self._first = self._first, self._first or signal.Signals(number)
        if first is None and self._keeping:
            self.stop.ask(self.words)
            return
        self._aborting = True
        raise AbortedError(self.words, self.status)

    def _leave(self) -> None:
        for path in self._temporary:
            with contextlib.suppress(OSError):
                path.unlink()
        os._exit(self.status)
