"""One normalised model of a database's backups that every tool's adapter fills, so that rules need no tool.

The fields are the allow-list: what is not named here never enters the bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

BackupState = Literal["good", "damaged", "failed", "running", "waiting", "unknown"]
StepStatus = Literal["ok", "denied", "missing", "timeout", "error", "skipped"]
Protection = Literal["", "local", "verified", "unverified", "clear"]
RepositoryState = Literal["ok", "empty", "missing", "broken", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the bundle holds what was read; empty for what was read inside a pod and only normalised."""

    path: str = ""
    pointer: str = ""


@dataclass(frozen=True, kw_only=True)
class Backup:
    """One backup of any tool. Sizes are bytes; WAL names are 24 hexadecimal digits or empty.

    ``kind`` is full, diff, incr, base, snapshot or logical. ``point`` is what a restore reaches at least:
    the end of a physical backup, the beginning of a logical one. ``parents`` are the backups it needs.
    ``error`` is an error class of the tool, never its message.
    """

    tool: str
    id: str
    kind: str
    state: BackupState
    repository: str = ""
    start: datetime | None = None
    stop: datetime | None = None
    size: int | None = None
    stored: int | None = None
    wal_start: str = ""
    wal_stop: str = ""
    system_id: str = ""
    current_database: bool = True
    parents: tuple[str, ...] = ()
    error: str = ""
    expires: datetime | None = None
    source: Source = field(default_factory=Source)

    @property
    def point(self) -> datetime | None:
        """The moment a restore of this backup reaches at least."""
        return self.start or self.stop if self.kind == "logical" else self.stop or self.start


@dataclass(frozen=True, kw_only=True)
class Range:
    """WAL segments without a hole between them, both ends included, on one timeline."""

    first: str
    last: str


@dataclass(frozen=True, kw_only=True)
class Archive:
    """The WAL archive as a tool's listing or summary shows it.

    ``listed`` is False when only its ends are known, so that nothing can be said about holes. ``truncated``
    means that the listing was longer than what was read. ``histories`` are timelines whose history file
    is there. ``segment_size`` is bytes, 0 when nothing states it.
    """

    tool: str
    repository: str = ""
    id: str = ""
    first: str = ""
    last: str = ""
    listed: bool = False
    truncated: bool = False
    ranges: tuple[Range, ...] = ()
    histories: tuple[int, ...] = ()
    newest: datetime | None = None
    segment_size: int = 0


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A tool's catalogue: a pgBackRest repository, a Barman server, an object store.

    ``error`` is the tool's error class. ``running`` is True while a backup runs, ``stopped`` while the tool
    was told to do nothing. ``unchecked`` are checks that pass because nobody set their limit. ``keeps`` is
    the number of full backups its retention keeps, None where that is not known, 0 where nothing is removed.
    """

    tool: str
    name: str
    key: str = ""
    state: RepositoryState = "unknown"
    error: str = ""
    system_id: str = ""
    running: bool = False
    stopped: bool = False
    keeps: int | None = None
    failed_checks: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    verified: Literal["", "ok", "error"] = ""
    source: Source = field(default_factory=Source)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A replication slot. ``retained`` is bytes of WAL it keeps from being removed."""

    name: str
    active: bool = False
    wal_status: str = ""
    retained: int | None = None


@dataclass(frozen=True, kw_only=True)
class Client:
    """Sessions of one kind: how they call themselves, digits left out, their role, where they come from."""

    application: str = ""
    role: str = ""
    address: str = ""
    count: int = 0


@dataclass(frozen=True, kw_only=True)
class Database:
    """One database: no content, only its size in bytes and how old its oldest transaction ids are."""

    name: str
    template: bool = False
    size: int | None = None
    xid_age: int = 0
    mxid_age: int = 0
    owner: str = ""


@dataclass(frozen=True, kw_only=True)
class Archiver:
    """pg_stat_archiver of a primary. Names are cut to the 24 digits of the segment."""

    last_archived: str = ""
    last_archived_at: datetime | None = None
    last_failed: str = ""
    last_failed_at: datetime | None = None
    failing: bool = False


@dataclass(frozen=True, kw_only=True)
class Server:
    """What one SQL session said. ``settings`` holds allow-listed values, commands only as a class.

    ``denied`` maps a query's name to its SQLSTATE. ``clock`` is the server's own, ``asked_at`` ours at about
    the same moment. ``protection`` is empty for a server that was asked in its pod, else local, verified
    (encrypted, and the server's name was checked), unverified or clear.
    """

    instance: str = ""
    version: int = 0
    in_recovery: bool | None = None
    superuser: bool = False
    system_id: str = ""
    timeline: int = 0
    segment_size: int = 0
    started: datetime | None = None
    clock: datetime | None = None
    asked_at: datetime | None = None
    current_wal: str = ""
    archiver: Archiver | None = None
    ready: int | None = None
    oldest_ready: datetime | None = None
    wal_bytes: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    slots: tuple[Slot, ...] = ()
    databases: tuple[Database, ...] = ()
    checksum_failures: int = 0
    checksum_failed_at: datetime | None = None
    exclusive_backup_since: datetime | None = None
    summarized: bool | None = None
    superusers: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    clients: tuple[Client, ...] = ()
    unlogged: int = 0
    protection: Protection = ""
    denied: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DumpFile:
    """A dump judged by its structure.

    ``verdict`` is complete, schema_only, empty, truncated, corrupt, unknown or being_written. ``databases``
    counts what a dump of a whole server holds; ``globals`` is True if it holds the roles.
    """

    name: str
    size: int
    modified: datetime | None
    format: str
    verdict: str
    detail: str = ""
    server_version: str = ""
    dump_version: str = ""
    database: str = ""
    whole_server: bool = False
    tables: int | None = None


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A mounted file system in bytes."""

    mount: str
    size: int
    available: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """How one question ended. ``error`` is a class or a redacted line; ``needs`` would settle it."""

    name: str
    status: StepStatus
    seconds: float = 0.0
    code: int | None = None
    error: str = ""
    needs: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A schedule of any controller. ``runs`` newest first are kept by the CronJob document, not here.

    ``seconds_first`` is True where the controller's cron has a field for seconds in front.
    """

    kind: str
    namespace: str
    name: str
    schedule: str = ""
    time_zone: str = ""
    suspended: bool = False
    seconds_first: bool = False
    last_scheduled: datetime | None = None
    last_successful: datetime | None = None
    error: str = ""
    source: Source = field(default_factory=Source)


@dataclass(frozen=True, kw_only=True)
class Restore:
    """Evidence that a restore was tried. ``result`` is succeeded, failed or running."""

    kind: str
    name: str
    result: str
    at: datetime | None = None
    source: Source = field(default_factory=Source)


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How the catalogue differs from a baseline: names only, never a definition.

    ``reason`` says why it was not compared.
    """

    compared: bool = False
    reason: str = ""
    objects: int = 0
    digest: str = ""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    extra_databases: tuple[str, ...] = ()
    extra_roles: tuple[str, ...] = ()
    extra_extensions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Everything that is known of one database cluster's backups. ``pods`` are those that run a server."""

    namespace: str
    name: str
    kind: str = ""
    owner: str = "unknown"
    image: str = ""
    manager: str = ""
    source: Source = field(default_factory=Source)
    pods: tuple[str, ...] = ()
    servers: tuple[Server, ...] = ()
    repositories: tuple[Repository, ...] = ()
    backups: tuple[Backup, ...] = ()
    archives: tuple[Archive, ...] = ()
    plans: tuple[Plan, ...] = ()
    dumps: tuple[DumpFile, ...] = ()
    volumes: tuple[Volume, ...] = ()
    restores: tuple[Restore, ...] = ()
    steps: tuple[Step, ...] = ()
    conditions: Mapping[str, str] = field(default_factory=dict)
    drift: Drift | None = None

    @property
    def primary(self) -> Server | None:
        """The server that is not in recovery; None if none was asked."""
        return next((server for server in self.servers if server.in_recovery is False), None)
