"""Keeps notices in memory and, if given a directory, as one JSON file each; bounded, the oldest go first."""

from __future__ import annotations

import dataclasses
import json
import secrets
import threading
from collections import OrderedDict
from datetime import datetime
from pathlib import Path

from collector.core.clock import rfc3339
from collector.receiver.grouping import fingerprint, stored_message
from collector.receiver.model import Incoming, Problem, StoredNotice
from collector.records.model import Json

_FIELD_LIMIT = 1000


class Store:
    """All notices and problems of one receiver; safe to use from several threads.

    Args:
        directory: where to keep a copy of each notice; created when missing. None keeps them in memory only.
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
        if directory:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def add(self, incoming: Incoming, size: int, now: datetime) -> StoredNotice:
        """Stores a checked report of ``size`` bytes and returns the notice. Raises OSError from the disk."""
        with self._lock:
            problem = self._group(incoming, now)
            notice = _notice(incoming, problem.id, size, now)
            self._notices[notice.id] = notice
            self._bytes += size
            if self._directory:
                _write(self._directory / f"{notice.id}.json", notice)
            self._forget_oldest()
        return notice

    def notices(self) -> list[StoredNotice]:
        """Returns what is kept, oldest first."""
        with self._lock:
            return list(self._notices.values())

    def problems(self) -> list[Problem]:
        """Returns the groups in the order of their first notice."""
        with self._lock:
            return list(self._problems.values())

    def _group(self, incoming: Incoming, now: datetime) -> Problem:
        mark = fingerprint(incoming)
        known = self._problems.get(mark)
        if known:
            problem = dataclasses.replace(known, count=known.count + 1, last=now)
        else:
            sample = _notice(incoming, new_id(now), 0, now)
            problem = Problem(
                id=sample.problem_id,
                fingerprint=mark,
                error_class=sample.error_class,
                message=sample.message,
                where=sample.where,
                environment=sample.environment,
                count=1,
                first=now,
                last=now,
            )
        self._problems[mark] = problem
        return problem

    def _forget_oldest(self) -> None:
        while len(self._notices) > self._max_notices or self._bytes > self._max_bytes:
            _, oldest = self._notices.popitem(last=False)
            self._bytes -= oldest.size
            if self._directory:
                (self._directory / f"{oldest.id}.json").unlink(missing_ok=True)
        while len(self._problems) > self._max_notices:
            self._problems.popitem(last=False)


def new_id(now: datetime) -> str:
    """Returns 24 hex digits like a MongoDB ObjectId: seconds, then chance."""
    return f"{int(now.timestamp()) & 0xFFFFFFFF:08x}{secrets.token_hex(8)}"


def _notice(incoming: Incoming, problem_id: str, size: int, now: datetime) -> StoredNotice:
    context = incoming.context
    return StoredNotice(
        id=new_id(now),
        problem_id=problem_id,
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
    content = dataclasses.asdict(notice) | {"received": rfc3339(notice.received)}
    partial = path.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(content, indent=1, sort_keys=True), encoding="utf-8")
    partial.replace(path)
