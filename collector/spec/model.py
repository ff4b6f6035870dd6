"""The spec: frozen, typed, every field with its unit and its default's reason. Keys are camelCase in YAML."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from collector.core import quantity
from collector.spec.selector import check_selector

_SMALLEST_BUNDLE = 1024 * 1024
_SMALLEST_LOG = 64 * 1024
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_FOLDER = re.compile(r"/[A-Za-z0-9._/-]{1,200}")


class Logs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Container logs.

    ``window`` is D2iQ's own documented default of 48 hours. ``tail_lines`` keeps the newest lines where a
    container is chatty; ``bytes_per_container`` is how much of a log's end is kept when it is longer.
    ``selector`` narrows the logs to pods with these labels, in kubectl's words.
    """

    window: str = "48h"
    tail_lines: int = 100_000
    bytes_per_container: str = "25Mi"
    streams: int = 8
    selector: str = ""

    def __post_init__(self) -> None:
        quantity.seconds(self.window)
        if quantity.size(self.bytes_per_container) < _SMALLEST_LOG:
            raise ValueError("bytesPerContainer must be at least 64Ki")
        if not 1 <= self.streams <= 32:  # noqa: PLR2004 - beyond it the API server suffers and nothing is won
            raise ValueError("streams must be between 1 and 32")
        if self.tail_lines < 1:
            raise ValueError("tailLines must be at least 1")
        check_selector(self.selector)


class Resources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Kinds to read or to leave out, as patterns over ``pods`` or ``backups.velero.io``; exclude wins."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What a run may cost.

    ``run`` is the time for all of it, of which ``reserve`` is kept back for judging and packing. ``bundle``
    is the size of the finished file, as near as compression can be foreseen.
    """

    run: str = "5m"
    reserve: str = "30s"
    bundle: str = "200Mi"
    requests_per_second: int = 50
    parallel_requests: int = 8

    def __post_init__(self) -> None:
        if quantity.seconds(self.reserve) >= quantity.seconds(self.run):
            raise ValueError("limits.reserve leaves no time to collect; lower it below limits.run")
        if quantity.size(self.bundle) < _SMALLEST_BUNDLE:
            raise ValueError("limits.bundle must be at least 1Mi")
        if not 1 <= self.requests_per_second <= 1000:  # noqa: PLR2004 - beyond it there is no limit to speak of
            raise ValueError("requestsPerSecond must be between 1 and 1000")
        if not 1 <= self.parallel_requests <= 32:  # noqa: PLR2004 - see Logs.streams
            raise ValueError("parallelRequests must be between 1 and 32")


class Backups(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What counts as a healthy Postgres backup.

    ``objective`` is the recovery point objective: the vendor states none, so 24 hours is ours.
    ``archive_objective`` is how long WAL may wait to be archived; ``minimum`` is how many full backups a
    retention has to keep.
    ``documented_tools`` are image names or CronJob names known to be the vendor's documented backup
    procedure (the ``conductor-tools`` package is not public, so it cannot be recognised otherwise).
    """

    objective: str = "24h"
    archive_objective: str = "15m"
    minimum: int = 2
    documented_tools: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        quantity.seconds(self.objective)
        quantity.seconds(self.archive_objective)


class Postgres(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What may be asked inside the database's pods.

    ``exec`` runs fixed, reading commands there (pods/exec). ``deep`` adds those that read every backup and
    cost time. ``dump_dirs`` are folders in which dumps are looked for; ``pods`` names more pods to ask, as
    ``namespace/name``. ``baseline`` is a file of ``conductor-diag baseline make`` to compare with.
    ``dsn_file`` is a file with the DSN of a database to ask over the network; a DSN itself has no place here.
    """

    exec: bool = False
    deep: bool = False
    dump_dirs: tuple[str, ...] = ("/backups", "/backup", "/backup/pgdump")
    pods: tuple[str, ...] = ()
    baseline: str = ""
    dsn_file: str = ""

    def __post_init__(self) -> None:
        if "://" in self.dsn_file or "=" in self.dsn_file:
            raise ValueError("dsnFile names a file; a DSN does not stand in a spec, as specs are passed on")
        if any(not _FOLDER.fullmatch(folder) or ".." in folder for folder in self.dump_dirs):
            raise ValueError("dumpDirs are absolute paths of letters, digits and . _ - /")


class Redaction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What is hidden beyond the shipped rules, and what need not be.

    ``config_map_values`` are ConfigMaps (``namespace/name``) whose values may be kept, subject to the text
    rules. ``profiles`` add personal data: emails, addresses, hostnames. ``rules`` are the site's own; each
    has an ``id``, and a ``literal`` or a ``regex`` (RE2), or a ``jsonPath``, or both: then it looks for the
    one at the other only. ``entries`` (``cluster-resources/pods/logs/**``) limit a rule to such paths.
    """

    config_map_values: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    rules: tuple[dict[str, Any], ...] = ()


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The whole spec.

    ``namespaces`` narrows what is read; empty means all that the rights allow, without
    ``exclude_namespaces``. ``profile`` sets how much: ``minimal`` is what a diagnosis needs first,
    ``standard`` every kind of object and the logs of Conductor and of pods in trouble, ``full`` all logs.
    ``environment`` is what the cluster is for, which no cluster shows: experimental components must not run
    in production. ``helm3_secrets`` lists the Secrets in which Helm 3 keeps its releases by their metadata.
    ``read_helm_secrets`` reads, in Conductor's namespaces, the Secrets with Conductor's own Helm 3 releases.
    ``secret_objects``: ``metadata`` reads names and labels of Secrets, never their values.
    """

    api_version: str = "conductor-diag/v1"
    kind: str = "Spec"
    profile: Literal["minimal", "standard", "full"] = "standard"
    namespaces: tuple[str, ...] = ()
    exclude_namespaces: tuple[str, ...] = ()
    conductor_namespaces: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    resources: Resources = msgspec.field(default_factory=Resources)
    secret_objects: Literal["never", "metadata"] = "never"
    helm3_secrets: bool = False
    read_helm_secrets: bool = False
    environment: Literal["production", "other", "unknown"] = "unknown"
    logs: Logs = msgspec.field(default_factory=Logs)
    limits: Limits = msgspec.field(default_factory=Limits)
    backups: Backups = msgspec.field(default_factory=Backups)
    postgres: Postgres = msgspec.field(default_factory=Postgres)
    redaction: Redaction = msgspec.field(default_factory=Redaction)

    def __post_init__(self) -> None:
        if (self.api_version, self.kind) != ("conductor-diag/v1", "Spec"):
            raise ValueError("expected apiVersion: conductor-diag/v1 and kind: Spec")
        for name in (*self.namespaces, *self.exclude_namespaces, *self.conductor_namespaces):
            if not _NAMESPACE.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a namespace (small letters, digits, dashes)")
