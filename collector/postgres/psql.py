"""Reads what the psql session printed, and turns it into one server's record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from collector.postgres import wal
from collector.postgres.archiving import command_class
from collector.postgres.decode import OutputError, decode, moment, name, number
from collector.postgres.model import Archiver, Client, Database, Server, Slot
from collector.postgres.queries import MARK, OPENING
from collector.records import Json
from collector.records.access import integer, string

MOST_ROWS = 1000
"""Rows of an answer that are kept: more than any question about a server asks for."""

MOST_OBJECTS = 100_000
"""Rows that are kept of a question about a whole catalogue."""

_STATE = re.compile(r"[0-9A-Z]{5}")
_ERROR_STATE = re.compile(r"(?:ERROR|FATAL):\s+([0-9A-Z]{5})\s*$", re.MULTILINE)
_OK, _DENIED = "00000", "42501"
_COMMANDS = ("archive_command", "restore_command")
_FLAGS = ("recovery_target_time", "recovery_target_name", "recovery_target_xid", "recovery_target_lsn")


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Rows by query, the SQLSTATE of the queries that failed, and whether the session reached its end."""

    rows: Mapping[str, tuple[Json, ...]]
    failed: Mapping[str, str]
    complete: bool

    def one(self, query: str) -> Json:
        """Returns the first row, an empty object if there is none."""
        return next(iter(self.rows.get(query, ())), {})


def read_batch(output: bytes, errors: bytes = b"", *, most: int = MOST_ROWS) -> Answers:
    """Returns the answers. Lines that are neither a mark nor a JSON object are left out.

    Of each answer ``most`` rows are kept; one that has more is not complete, and neither are the answers.

    psql before version 11 does not say which query failed; those whose answer is missing then take the
    states that stand in ``errors``, in their order.
    """
    rows: dict[str, list[Json]] = {}
    failed: dict[str, str] = {}
    query, complete, over = "", False, False
    for line in output.split(b"\n"):
        text = line[:200].decode("utf-8", "replace")
        if text.startswith(f"{MARK}="):
            asked, _, state = text[len(MARK) + 1 :].partition(" ")
            if asked in rows and _STATE.fullmatch(state.strip()) and state.strip() != _OK:
                failed[asked] = state.strip()
            query = ""
        elif text.startswith(MARK):
            query = text[len(MARK) :].strip()
            complete = query == "end"
            rows.setdefault(query, [])
        elif query and line.startswith((b"{", b"[")):
            over = over or len(rows[query]) >= most
            rows[query].extend(objects_in(line)[: most - len(rows[query])])
    for ours in ("end", OPENING):
        rows.pop(ours, None)
    unanswered = [asked for asked, found in rows.items() if not found and asked not in failed]
    states = _ERROR_STATE.findall(errors.decode("utf-8", "replace")) if not failed else []
    failed |= dict(zip(unanswered, states, strict=False)) if len(unanswered) == len(states) else {}
    return Answers(
        rows={key: tuple(found) for key, found in rows.items()}, failed=failed, complete=complete and not over
    )


def objects_in(line: bytes) -> list[Json]:
    """Returns the JSON objects that a line holds, none if it is no JSON."""
    try:
        found = decode(line)
    except OutputError:
        return []
    return [entry for entry in (found if isinstance(found, list) else [found]) if isinstance(entry, dict)]


def server_of(answers: Answers, *, instance: str, asked_at: datetime | None) -> Server:
    """Returns the server's record. What was not answered stays unknown."""
    identity, system = answers.one("identity"), answers.one("system")
    ready, checksums = answers.one("ready"), answers.one("checksums")
    in_recovery = identity.get("in_recovery")
    server = Server(
        instance=instance,
        version=integer(identity, "version"),
        in_recovery=in_recovery if isinstance(in_recovery, bool) else None,
        superuser=identity.get("superuser") is True,
        system_id=name(system.get("system_id")),
        timeline=integer(answers.one("timeline"), "timeline"),
        segment_size=integer(answers.one("segment"), "segment_size"),
        started=moment(identity.get("started")),
        clock=moment(identity.get("clock")),
        asked_at=asked_at,
        current_wal=wal.segment(answers.one("position").get("wal")),
        archiver=_archiver(answers) if in_recovery is False else None,
        ready=number(ready.get("ready")),
        oldest_ready=moment(ready.get("oldest")),
        wal_bytes=number(answers.one("waldir").get("bytes")),
        settings=_settings(answers),
        slots=tuple(_slot(row) for row in answers.rows.get("slots", ())),
        databases=tuple(_database(row) for row in answers.rows.get("databases", ())),
        checksum_failures=integer(checksums, "failures"),
        checksum_failed_at=moment(checksums.get("last")),
        exclusive_backup_since=moment(answers.one("exclusive").get("started")),
        superusers=_names(answers, "superusers", "rolname"),
        extensions=_names(answers, "extensions", "extname"),
        clients=tuple(map(_client, answers.rows.get("clients", ()))),
        unlogged=integer(answers.one("unlogged"), "unlogged"),
        denied=_denied(answers),
    )
    running = answers.one("summarizer").get("running")
    return replace(server, summarized=running if isinstance(running, bool) else None)


def _names(answers: Answers, query: str, key: str) -> tuple[str, ...]:
    return tuple(sorted({name(row.get(key)) for row in answers.rows.get(query, ())} - {""}))


def _archiver(answers: Answers) -> Archiver | None:
    """Returns the archiver's state; only a primary's means anything."""
    row = answers.one("archiver")
    if not row:
        return None
    return Archiver(
        last_archived=wal.segment(row.get("last_archived_wal")),
        last_archived_at=moment(row.get("last_archived_time")),
        last_failed=wal.segment(row.get("last_failed_wal")),
        last_failed_at=moment(row.get("last_failed_time")),
        failing=row.get("failing") is True,
    )


def _settings(answers: Answers) -> dict[str, str]:
    found = {}
    for row in answers.rows.get("settings", ()):
        key, value = name(row.get("name")), string(row, "setting")
        if key in _COMMANDS:
            found[key] = command_class(value)
        elif key in _FLAGS:
            found[key] = "set" if value else ""
        elif key:
            found[key] = name(value)
    return found


def _slot(row: Json) -> Slot:
    return Slot(
        name=name(row.get("slot_name")),
        active=row.get("active") is True,
        wal_status=name(row.get("wal_status")),
        retained=number(row.get("retained")),
    )


def _denied(answers: Answers) -> dict[str, str]:
    """Returns the questions that were refused. Foreign sessions are hidden from a role without a word."""
    hidden = answers.one("sessions").get("all_sessions") is False
    return dict(answers.failed) | ({"clients": _DENIED} if hidden else {})


def _client(row: Json) -> Client:
    return Client(
        application=name(row.get("application")),
        role=name(row.get("role")),
        address=name(row.get("address")),
        count=integer(row, "sessions"),
    )


def _database(row: Json) -> Database:
    return Database(
        name=name(row.get("datname")),
        template=row.get("template") is True,
        size=number(row.get("size")),
        xid_age=integer(row, "xid_age"),
        mxid_age=integer(row, "mxid_age"),
        owner=name(row.get("owner")),
    )
