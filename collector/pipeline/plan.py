"""Turns wishes into a plan: is the server there, what does it offer, what will be read, in how much time."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from collector import __version__
from collector.bundle.writer import BundleWriter, Sealed
from collector.collectors import Collector, Context, Digest
from collector.core import ids, quantity
from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.core.errors import OutputError, UnreachableError, UsageError
from collector.core.log import Logger
from collector.findings import Report, RunInfo
from collector.kube.api import Api
from collector.kube.config import Connection
from collector.kube.discovery import Discovery, discover
from collector.kube.errors import ApiError, ForbiddenError, NotFoundError, UnauthorizedError
from collector.kube.requestlog import RequestLog
from collector.pipeline.gather import Gathered
from collector.pipeline.options import RunOptions
from collector.records import Json
from collector.redaction import Redactor
from collector.report.files import BundleFileInfo
from collector.report.summary import summary_md
from collector.support import Policy, load_policy

_PROBE_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run will do, and the tools it does it with."""

    options: RunOptions
    bundle_id: str
    path: Path
    clock: Clock
    started: datetime
    deadline: Deadline
    collecting: Deadline
    context: Context
    redactor: Redactor
    policy: Policy
    collectors: tuple[Collector, ...]

    def run_info(self, gathered: Gathered, writer: BundleWriter) -> RunInfo:
        """Returns the run's identity and completeness as they stand before judging."""
        log = self.context.api.log
        connection = self.context.api.connection
        redactions: Counter[str] = Counter()
        for entry in writer.entries:
            redactions.update(entry.redactions)
        clean: Counter[str] = Counter()
        skew = log.clock_skew
        return RunInfo(
            bundle_id=self.bundle_id,
            agent_version=__version__,
            started=self.started,
            finished=self.clock.now(),
            context=self.redactor.text(connection.context, clean),
            server=self.redactor.text(connection.server, clean),
            label=self.options.label,
            case=self.options.case,
            window_seconds=int((self.started - self.context.since).total_seconds()),
            tls_verified=connection.tls_verified,
            clock_skew_seconds=round(skew, 1) if skew is not None else None,
            spec_sha256=self.spec_sha256,
            policy=self.policy.info,
            collectors=tuple(gathered.runs),
            gaps=tuple(gathered.gaps),
            redactions=dict(sorted(redactions.items())),
            withheld=gathered.withheld,
            entries=len(writer.entries),
            demo=self.options.demo,
        )

    @property
    def spec_sha256(self) -> str:
        """Digest of the effective spec, so that two bundles can be told to be made alike."""
        return ids.digest(self.options.spec)

    def write_ticket(self, report: Report, sealed: Sealed) -> Path:
        """Writes the text for the ticket beside the bundle and returns its path. Raises OutputError."""
        path = self.path.with_name(self.path.name.removesuffix(".tar.zst") + ".summary.md")
        try:
            path.write_text(summary_md(report, file_info(sealed)), encoding="utf-8")
            path.chmod(0o600)
        except OSError as error:
            raise OutputError(f"cannot write {path}", why=error.strerror or str(error)) from error
        return path


def file_info(sealed: Sealed) -> BundleFileInfo:
    """Returns a sealed bundle as the reports name it."""
    return BundleFileInfo(path=str(sealed.path), size=sealed.size, sha256=sealed.sha256)


def make_plan(
    options: RunOptions,
    connection: Connection,
    *,
    clock: Clock,
    log: Logger,
    redactor: Redactor,
    bundle_id: str,
    collectors: tuple[Collector, ...],
) -> Plan:
    """Returns the plan. Raises UnreachableError, UsageError, OutputError, PolicyError."""
    limits = options.spec.limits
    started = clock.now()
    deadline = Deadline(clock, quantity.seconds(limits.run))
    collecting = deadline.child(reserve=quantity.seconds(limits.reserve))
    chosen = _choose(options, collectors)
    policy = load_policy(options.policy)
    path = _bundle_path(options, started, bundle_id)
    api = Api(
        connection,
        clock=clock,
        deadline=collecting.child(_PROBE_SECONDS),
        log=RequestLog(),
        bundle_id=bundle_id,
        slots=threading.BoundedSemaphore(limits.parallel_requests),
    )
    version, discovery = _survey(api)
    log.info(
        "connected",
        say=f"context {connection.context} · {connection.server} · user {connection.user}\nreading:",
        context=connection.context,
        server=connection.server,
        user=connection.user,
    )
    return Plan(
        options=options,
        bundle_id=bundle_id,
        path=path,
        clock=clock,
        started=started,
        deadline=deadline,
        collecting=collecting,
        context=Context(
            api=api,
            clock=clock,
            spec=options.spec,
            discovery=discovery,
            version=version,
            digest=Digest(),
            since=options.since or started - timedelta(seconds=quantity.seconds(options.spec.logs.window)),
        ),
        redactor=redactor,
        policy=policy,
        collectors=chosen,
    )


def _choose(options: RunOptions, collectors: tuple[Collector, ...]) -> tuple[Collector, ...]:
    known = {collector.name for collector in collectors}
    for name in (*options.spec.only, *options.spec.skip):
        if name not in known:
            raise UsageError(
                f"there is no collector {name!r}",
                why=f"there are: {', '.join(sorted(known))}",
                hint="try: conductor-diag collect --only NAME, with one of those names",
            )
    wanted = set(options.spec.only) or known
    return tuple(c for c in collectors if c.always or (c.name in wanted and c.name not in options.spec.skip))


def _survey(api: Api) -> tuple[Json, Discovery]:
    """Returns what /version says and what the server offers; this also tells whether it is there at all."""
    try:
        version = api.get_json("/version")
    except (ForbiddenError, NotFoundError):
        version = {}
    except ApiError as error:
        raise _unreachable(api, error) from error
    try:
        return (version if isinstance(version, dict) else {}), discover(api)
    except ApiError as error:
        raise _unreachable(api, error) from error


def _unreachable(api: Api, error: ApiError) -> UnreachableError:
    server = api.connection.server
    if isinstance(error, UnauthorizedError):
        return UnreachableError(
            f"{server} does not accept the credentials",
            why=error.message,
            hint="try: kubectl auth can-i --list; then renew the login, or pass --context NAME",
        )
    return UnreachableError(
        f"{server} does not answer as a Kubernetes API server",
        why=error.message,
        hint="try: kubectl get --raw /version; then check the address, VPN and --context",
    )


def _bundle_path(options: RunOptions, started: datetime, bundle_id: str) -> Path:
    """Returns the file to write, after making sure of its folder. Raises OutputError."""
    folder = options.dest_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}",
            why=error.strerror or str(error),
            hint="try: conductor-diag collect --dest-dir DIR, with a folder you may write to",
        ) from error
    case = f"-{options.case}" if options.case else ""
    name = f"conductor-diag-{options.label}-{started:%Y%m%dT%H%M%SZ}-{bundle_id[-4:]}{case}.tar.zst"
    return folder / name
