"""Keeps notices in memory and, if given a directory, over restarts as a file each; the oldest go first."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import secrets
import threading
from collections import OrderedDict
from datetime import datetime
from pathlib import Path

import msgspec

from collector.receiver.grouping import fingerprint, stored_message
from collector.receiver.model import Incoming, Problem, StoredNotice
from collector.records.model import Json

_FIELD_LIMIT = 1000
_MAX_FILE = 64 * 1024 * 1024
_FILE = re.compile(r"[0-9a-f]{24}\.json")


class Store:
    """All notices and problems of one receiver; safe to use from several threads.

    Args:
        directory: where to keep a copy of each notice, which a later start reads; created when missing.
            None keeps them in memory only.
        max_notices, max_bytes: bounds; past them the oldest notices are forgotten (also on disk).
    """

    def __init__(
        self, directory: Path | None = None, *, max_notices: int = 2000, max_bytes: int = 256 * 1024 * 1024
    ) -> None:
        self._directory = directory
        self._max_notices = max_notices
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._notices: OrderedDict[str, StoredNotice] = OrderedDict()
        self._problems: OrderedDict[str, Problem] = OrderedDict()
        self._bytes = 0
        self._chance = secrets.token_hex(5)
        self._counter = itertools.count()
        if directory:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._load(directory)

    def add(self, incoming: Incoming, size: int, now: datetime) -> StoredNotice:
        """Stores a checked report of ``size`` bytes and returns the notice. Raises OSError from the disk."""
        with self._lock:
            mark = fingerprint(incoming)
            known = self._problems.get(mark)
            problem_id = known.id if known else self._new_id(now)
            notice = _notice(incoming, self._new_id(now), problem_id, mark, size, now)
            # Counted only when it is safely kept, so that a full disk leaves nothing half done.
            if self._directory:
                _write(self._directory / f"{notice.id}.json", notice)
            self._take(notice)
            self._forget_oldest()
        return notice

    def _new_id(self, now: datetime) -> str:
        """Returns 24 hex digits like a MongoDB ObjectId: seconds, chance, a counter; so they sort by time."""
        return f"{int(now.timestamp()) & 0xFFFFFFFF:08x}{self._chance}{next(self._counter) & 0xFFFFFF:06x}"

    def _take(self, notice: StoredNotice) -> None:
        self._notices[notice.id] = notice
        self._bytes += notice.size
        self._problems[notice.fingerprint] = _grouped(self._problems.get(notice.fingerprint), notice)

    def _load(self, directory: Path) -> None:
        for path in sorted(p for p in directory.iterdir() if _FILE.fullmatch(p.name))[-self._max_notices :]:
            try:
                with path.open("rb") as stream:
                    notice = msgspec.json.decode(stream.read(_MAX_FILE), type=StoredNotice)
            except (OSError, msgspec.MsgspecError, RecursionError):
                continue  # not ours, or cut short by a crash
            self._take(notice)
            self._forget_oldest()

    def notices(self) -> list[StoredNotice]:
        """Returns what is kept, oldest first."""
        with self._lock:
            return list(self._notices.values())

    def problems(self) -> list[Problem]:
        """Returns the groups in the order of their first notice."""
        with self._lock:
            return list(self._problems.values())

    def _forget_oldest(self) -> None:
        while len(self._notices) > self._max_notices or self._bytes > self._max_bytes:
            _, oldest = self._notices.popitem(last=False)
            self._bytes -= oldest.size
            if self._directory:
                (self._directory / f"{oldest.id}.json").unlink(missing_ok=True)
        while len(self._problems) > self._max_notices:
            self._problems.popitem(last=False)


def _grouped(known: Problem | None, notice: StoredNotice) -> Problem:
    if known:
        return dataclasses.replace(known, count=known.count + 1, last=notice.received)
    return Problem(
        id=notice.problem_id,
        fingerprint=notice.fingerprint,
        error_class=notice.error_class,
        message=notice.message,
        where=notice.where,
        environment=notice.environment,
        count=1,
        first=notice.received,
        last=notice.received,
    )


def _notice(
    incoming: Incoming, notice_id: str, problem_id: str, mark: str, size: int, now: datetime
) -> StoredNotice:
    context = incoming.context
    return StoredNotice(
        id=notice_id,
        problem_id=problem_id,
        fingerprint=mark,
        received=now,
        error_class=_text(incoming.error_class),
        message=stored_message(incoming.message),
        component=_text(context.get("component")),
        action=_text(context.get("action")),
        environment=_text(incoming.environment_name),
        hostname=_text(context.get("hostname")),
        version=_text(context.get("version")),
        params=incoming.params,
        session=incoming.session,
        size=size,
    )


def _text(value: Json) -> str:
    if value is None:
        return ""
    return (value if isinstance(value, str) else json.dumps(value))[:_FIELD_LIMIT]


def _write(path: Path, notice: StoredNotice) -> None:
    partial = path.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_bytes(msgspec.json.encode(notice))
    partial.replace(path)
