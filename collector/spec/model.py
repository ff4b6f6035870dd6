"""The spec: frozen, typed, every field with its unit and its default's reason. Keys are camelCase in YAML."""

from __future__ import annotations

import msgspec

from collector.core import quantity


class Logs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Container logs.

    ``window`` is D2iQ's own documented default of 48 hours. ``tail_lines`` keeps the newest lines where a
    container is chatty; ``bytes_per_container`` is the raw size after which a log is cut and marked.
    """

    window: str = "48h"
    tail_lines: int = 100_000
    bytes_per_container: str = "25Mi"
    streams: int = 8

    def __post_init__(self) -> None:
        quantity.seconds(self.window)
        quantity.size(self.bytes_per_container)
        if not 1 <= self.streams <= 32:  # noqa: PLR2004 - beyond it the API server suffers and nothing is won
            raise ValueError("streams must be between 1 and 32")
        if self.tail_lines < 1:
            raise ValueError("tailLines must be at least 1")


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Time for the whole run; ``reserve`` is kept back for judging and packing."""

    run: str = "5m"
    reserve: str = "30s"
    parallel_requests: int = 8

    def __post_init__(self) -> None:
        if quantity.seconds(self.reserve) >= quantity.seconds(self.run):
            raise ValueError("limits.reserve leaves no time to collect; lower it below limits.run")
        if not 1 <= self.parallel_requests <= 32:  # noqa: PLR2004 - see Logs.streams
            raise ValueError("parallelRequests must be between 1 and 32")


class Backups(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What counts as a healthy Postgres backup.

    ``objective`` is the recovery point objective: the vendor states none, so 24 hours is ours.
    ``documented_tools`` are image names or CronJob names known to be the vendor's documented backup
    procedure (the ``conductor-tools`` package is not public, so it cannot be recognised otherwise).
    """

    objective: str = "24h"
    documented_tools: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        quantity.seconds(self.objective)


class Redaction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """ConfigMaps whose values may be kept (still redacted by the text rules), as ``namespace/name``."""

    config_map_values: tuple[str, ...] = ()


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The whole spec. ``namespaces`` narrows what is read; empty means all that the rights allow."""

    api_version: str = "conductor-diag/v1"
    kind: str = "Spec"
    namespaces: tuple[str, ...] = ()
    conductor_namespaces: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    logs: Logs = msgspec.field(default_factory=Logs)
    limits: Limits = msgspec.field(default_factory=Limits)
    backups: Backups = msgspec.field(default_factory=Backups)
    redaction: Redaction = msgspec.field(default_factory=Redaction)

    def __post_init__(self) -> None:
        if (self.api_version, self.kind) != ("conductor-diag/v1", "Spec"):
            raise ValueError("expected apiVersion: conductor-diag/v1 and kind: Spec")
