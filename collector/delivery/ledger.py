"""Remembers what was told to which endpoint, so that nobody hears of the same finding twice a day.

One line for each notice that was accepted, appended before the notice leaves the spool: whatever moment a
process dies at, the next one knows what has arrived.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from collector.core.clock import Clock
from collector.delivery import private
from collector.delivery.notice import Notice

NAME = "ledger.jsonl"
# A nightly run that begins a little earlier than yesterday's still tells what it found.
_QUIET = timedelta(hours=24) - timedelta(minutes=15)
_KEPT = timedelta(days=8)  # a day longer than a notice may wait in the spool
_MAX_BYTES = 4 * 1024 * 1024
_MAX_LINES = 20_000


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    endpoint: str
    uid: str
    finding: str
    rank: int


_LINE = msgspec.json.Decoder(_Told)


class Ledger:
    """What one endpoint has been told.

    Args:
        directory: the folder of the spool; it need not exist yet.
        endpoint: identifies the endpoint; lines about others are kept and not heard.
        clock: decides what is of today.

    Raises OSError when a ledger is there and cannot be read.
    """

    def __init__(self, directory: Path, *, endpoint: str, clock: Clock) -> None:
        self._path = directory / NAME
        self._endpoint = endpoint
        self._clock = clock
        self._lines = self._load()

    def told(self, finding: str, rank: int) -> bool:
        """True when this finding was told within a day and has not got worse; a lower rank is worse."""
        now = self._clock.now()
        return any(
            line.finding == finding and line.rank <= rank and abs(now - line.at) < _QUIET
            for line in self._lines
            if line.endpoint == self._endpoint
        )

    def arrived(self, uid: str) -> bool:
        """True when the notice itself was accepted."""
        return any(line.uid == uid for line in self._lines if line.endpoint == self._endpoint)

    def note(self, notice: Notice) -> None:
        """Writes down that ``notice`` was accepted. Raises OSError."""
        line = _Told(
            at=self._clock.now(),
            endpoint=self._endpoint,
            uid=notice.uid,
            finding=notice.finding,
            rank=notice.rank,
        )
        self._lines.append(line)
        private.prepare(self._path.parent)
        private.append(self._path, msgspec.json.encode(line))

    def _load(self) -> list[_Told]:
        raw = private.read(self._path, _MAX_BYTES).splitlines()
        oldest = self._clock.now() - _KEPT
        found = [line for line in map(_decode, raw) if line and line.at > oldest]
        kept = found[-_MAX_LINES:]
        if len(raw) > 2 * len(kept) + 100:
            private.write(self._path, b"".join(msgspec.json.encode(line) + b"\n" for line in kept))
        return kept


def _decode(raw: bytes) -> _Told | None:
    """Returns one line; None for what is none, such as the last one of a process that was killed."""
    try:
        return _LINE.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        return None
