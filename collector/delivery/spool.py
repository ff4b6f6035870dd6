"""Keeps notices that could not be delivered until a later run can: bounded, private, without any key.

One file for each notice, named so that the order of names is the order of sending.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector.core.clock import Clock
from collector.delivery import private
from collector.delivery.notice import MAX_BODY, Notice
from collector.records.access import integer, string

_MAX_COUNT = 500
_MAX_AGE = timedelta(days=7)
_MAX_FILE = MAX_BODY + 4096
_UID = re.compile(r"[0-9a-f]{16}")
_NAME = re.compile(r"(?P<stamp>\d{8}T\d{6}Z)-\d{4}-(?P<uid>[0-9a-f]{16})\.json")
_STAMP = "%Y%m%dT%H%M%SZ"


class Spool:
    """A folder of undelivered notices.

    Args:
        directory: created with mode 0700 on the first write; its parent must exist or be creatable.
        clock: gives the names their time and decides what is too old.
        max_count, max_age: bounds; past them the oldest notices are removed.
    """

    def __init__(
        self, directory: Path, *, clock: Clock, max_count: int = _MAX_COUNT, max_age: timedelta = _MAX_AGE
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._max_count = max_count
        self._max_age = max_age

    def put(self, notice: Notice) -> None:
        """Keeps a notice, in place of one with the same uid. Raises OSError when it cannot."""
        private.prepare(self._directory)
        files = self._files()
        stamp = self._clock.now().astimezone(UTC).strftime(_STAMP)
        place = sum(path.name.startswith(stamp) for path in files) % 10_000
        known = (path for path in files if path.name.endswith(f"-{notice.uid}.json"))
        final = next(known, self._directory / f"{stamp}-{place:04}-{notice.uid}.json")
        content = {
            "uid": notice.uid,
            "name": notice.name,
            "finding": notice.finding,
            "rank": notice.rank,
            "document": notice.document,
        }
        private.write(final, json.dumps(content).encode())
        everything = sorted({*files, final})
        for surplus in everything[: max(len(everything) - self._max_count, 0)]:
            surplus.unlink(missing_ok=True)

    def pending(self) -> list[Notice]:
        """Returns what is kept, oldest first; removes what is too old or no notice of ours."""
        found = []
        for path in self._files():
            notice = None if self._expired(path) else _read(path)
            if notice is None:
                path.unlink(missing_ok=True)
            else:
                found.append(notice)
        return found

    def remove(self, uid: str) -> None:
        """Forgets a notice; one that is not kept is fine."""
        for path in self._files():
            if path.name.endswith(f"-{uid}.json"):
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        if not self._directory.is_dir() or self._directory.is_symlink():
            return []
        return sorted(path for path in self._directory.iterdir() if _NAME.fullmatch(path.name))

    def _expired(self, path: Path) -> bool:
        written = datetime.strptime(path.name.partition("-")[0], _STAMP).replace(tzinfo=UTC)
        return self._clock.now() - written > self._max_age


def _read(path: Path) -> Notice | None:
    """Returns the notice in a file, or None when it is none: the folder may have been tampered with."""
    try:
        content = json.loads(private.read(path, _MAX_FILE * 4))
        uid, name, document = content["uid"], content["name"], content["document"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not (isinstance(uid, str) and _UID.fullmatch(uid) and isinstance(name, str)):
        return None
    if not isinstance(document, dict) or not path.name.endswith(f"-{uid}.json"):
        return None
    finding, rank = string(content, "finding"), integer(content, "rank")
    notice = Notice(uid=uid, name=name, document=document, finding=finding, rank=rank)
    return notice if _sendable(notice) else None


def _sendable(notice: Notice) -> bool:
    try:
        return len(notice.body()) <= MAX_BODY
    except ValueError:
        return False
