"""The ways in which a process ends early: asked to stop and keep what there is, or given up at once."""

from __future__ import annotations

from pathlib import Path

from collector.core.errors import ExitStatus


class Stop:
    """A wish to end early, expressed once and read from any thread. ``reason`` is the first one given.

    A signal handler may express it, so it takes no lock: a plain assignment cannot wait for anybody.
    """

    def __init__(self) -> None:
        self.reason = ""

    def ask(self, reason: str) -> None:
        """Expresses the wish; later calls change nothing."""
        self.reason = self.reason or reason

    @property
    def asked(self) -> bool:
        """True once somebody asked."""
        return bool(self.reason)


class TerminatedError(BaseException):
    """SIGTERM arrived. Not an Exception, so that nothing swallows it on the way up."""


class AbortedError(BaseException):
    """The process is wanted gone now. Not an Exception, so that nothing swallows it on the way up.

    ``bundle`` is the file that was sealed before, if one was.
    """

    def __init__(self, reason: str, status: ExitStatus) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.bundle: Path | None = None
