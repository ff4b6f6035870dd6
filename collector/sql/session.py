"""The only module that speaks a database's protocol: the questions that psql asks in a pod, over the network.

Every question has a transaction of its own that only reads; the settings are set inside it, because poolers
refuse them when a session begins.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from collector.core.deadline import Deadline
from collector.postgres.model import Protection
from collector.postgres.psql import MOST_ROWS, Answers, objects_in
from collector.postgres.queries import Query, load_session
from collector.records import Json
from collector.sql.database import Database, psycopg

SECONDS = 30.0
"""The most that one session may take, as long as one in a pod."""

_CONNECT = 5
_LEAST = 2
_MOST_BYTES = 8 * 1024 * 1024
_LONGEST_ROW = 65_536
_UNKNOWN_STATE = "08000"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a session ended. ``error`` is the library's text, which names hosts and users: never to be kept."""

    status: Literal["ok", "timeout", "error"]
    answers: Answers
    seconds: float
    protection: Protection = ""
    error: str = ""


def ask(
    database: Database,
    queries: tuple[Query, ...],
    *,
    deadline: Deadline,
    name: str = "",
    most: int = MOST_ROWS,
) -> Asked:
    """Returns what the server answered; raises nothing that the other side could cause.

    ``name`` is a database of the same server, to ask in place of the DSN's own. Of each answer ``most`` rows
    are kept; a longer one counts as failed.
    """
    began = time.monotonic()
    seconds = deadline.left(SECONDS)
    work = _Session(database, queries, name, seconds, most)
    # A thread, as neither resolving a name nor a server that falls silent ends by itself.
    thread = threading.Thread(target=work.run, name="database", daemon=True)
    thread.start()
    thread.join(seconds)
    late = thread.is_alive()
    if late:
        work.cut()
    return Asked(
        status="timeout" if late else "error" if work.error else "ok",
        answers=Answers(
            rows={query: tuple(found) for query, found in dict(work.rows).items()},
            failed=dict(work.failed),
            complete=work.complete and not late,
        ),
        seconds=time.monotonic() - began,
        protection=work.protection,
        error=work.error,
    )


@dataclass
class _Session:
    database: Database
    queries: tuple[Query, ...]
    name: str
    seconds: float
    most: int
    rows: dict[str, list[Json]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    complete: bool = False
    protection: Protection = ""
    error: str = ""
    _link: Any = None
    _bytes: int = 0

    def run(self) -> None:
        module = psycopg()
        try:
            with contextlib.closing(self._connected(module)) as link:
                self._link = link
                self.protection = self._protection(link)
                self._ask_all(module, link)
        except module.Error as error:
            self.error = str(error) or type(error).__name__
        except Exception as error:  # noqa: BLE001 - a thread's exception would be printed with the DSN in it
            self.error = type(error).__name__

    def _connected(self, module: Any) -> Any:
        patience = max(_LEAST, min(_CONNECT, int(self.seconds)))
        asked: dict[str, object] = {"connect_timeout": patience, "application_name": "conductor-diag"}
        asked |= {"dbname": self.name} if self.name else {}
        # A pooler gives every transaction another session, where nothing prepared is known.
        return module.connect(self.database.dsn.reveal(), autocommit=True, prepare_threshold=None, **asked)

    def _protection(self, link: Any) -> Protection:
        encrypted = bool(link.pgconn.ssl_in_use)
        if encrypted and self.database.sslmode == "verify-full":
            return "verified"
        if self.database.local:
            return "local"
        return "unverified" if encrypted else "clear"

    def _ask_all(self, module: Any, link: Any) -> None:
        version, opening = link.info.server_version, _opening(load_session())
        for query in self.queries:
            if not query.since <= version <= query.until:
                continue
            found = self.rows.setdefault(query.id, [])
            try:
                link.execute(opening)
                for row in self._stream(link, query):
                    found.append(row)
            except module.OperationalError as error:
                # With its session the server ends everything; a cancelled question ends only itself.
                if link.closed or link.broken:
                    raise
                self.failed[query.id] = error.sqlstate or _UNKNOWN_STATE
            except module.Error as error:
                self.failed[query.id] = error.sqlstate or _UNKNOWN_STATE
            link.execute("rollback")
        self.complete = True

    def _stream(self, link: Any, query: Query) -> Iterator[Json]:
        # The SQL is shipped data, checked when it was loaded; nothing from outside is put into it.
        sql = f"select left(row_to_json(answer)::text, {_LONGEST_ROW}) from ({query.sql}) answer"  # noqa: S608
        with link.cursor() as cursor, contextlib.closing(cursor.stream(sql)) as rows:
            for at, (text,) in enumerate(rows):
                # A database without an encoding (SQL_ASCII) gives bytes.
                line = text if isinstance(text, bytes) else str(text).encode()
                self._bytes += len(line)
                if at >= self.most or self._bytes > _MOST_BYTES:
                    self.failed[query.id] = "54000"
                    return
                yield from objects_in(line)

    def cut(self) -> None:
        """Ends the connection under the library's feet; its thread then ends by itself."""
        # There may be no connection yet, or none any more.
        with (
            contextlib.suppress(Exception),
            socket.socket(fileno=os.dup(self._link.fileno())) as same,
        ):
            same.shutdown(socket.SHUT_RDWR)


def _opening(settings: Mapping[str, str]) -> str:
    """Returns what begins a transaction that only reads, and ends by itself where the server hangs."""
    return "; ".join(
        ("begin read only", *(f"set local {name} = '{value}'" for name, value in settings.items()))
    )
