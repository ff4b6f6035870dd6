"""Turns wishes into a plan: is the server there, what does it offer, what will be read, in how much time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collector import __version__
from collector.bundle.writer import BundleWriter
from collector.collectors import Collector, Context, Digest, choose, local_collector
from collector.core import ids, quantity
from collector.core.clock import Clock, as_shown
from collector.core.deadline import Deadline
from collector.core.errors import UnreachableError
from collector.core.log import Logger
from collector.core.stop import Stop
from collector.findings import RunInfo
from collector.kube.api import Api, Leave
from collector.kube.config import Connection, CredentialsError
from collector.kube.manners import Manners
from collector.kube.requestlog import RequestLog
from collector.pipeline.gather import Gathered
from collector.pipeline.options import RunOptions
from collector.pipeline.place import bundle_path, prepare_folder
from collector.pipeline.proof import COLLECTOR as PROOF
from collector.pipeline.selection import selected
from collector.pipeline.survey import Survey, survey, unread
from collector.pipeline.unreachable import announce, login_refusal, unreachable
from collector.redaction import Counts, Redactor
from collector.spec import load_catalog
from collector.support import Policy, load_policy

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_UNPACED = 1000.0  # requests a second where no server has to be spared


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run will do, and the tools it does it with.

    ``window`` is how far back logs reach. ``unreachable`` says why the cluster cannot be read; None when it
    can, however badly.
    """

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
    stop: Stop
    window: timedelta
    unreachable: UnreachableError | None = None

    def run_info(self, gathered: Gathered, writer: BundleWriter, *, to_come: int) -> RunInfo:
        """Returns the run's identity and completeness before judging; ``to_come`` entries will be added."""
        log = self.context.api.log
        connection = self.context.api.connection
        redactions: Counter[str] = Counter()
        for entry in (e for e in writer.entries if e.collector != PROOF):
            redactions.update(entry.redactions)
        clean: Counts = Counter()
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
            window_seconds=int(self.window.total_seconds()),
            tls_verified=connection.tls_verified,
            clock_skew_seconds=round(skew, 1) if skew is not None else None,
            spec_sha256=self.spec_sha256,
            policy=self.policy.info,
            collectors=tuple(gathered.runs),
            gaps=tuple(gathered.gaps),
            redactions=dict(sorted(redactions.items())),
            withheld=gathered.withheld,
            entries=len(writer.entries) + to_come,
            demo=self.options.demo,
        )

    @property
    def spec_sha256(self) -> str:
        """Digest of the effective spec, so that two bundles can be told to be made alike."""
        return ids.digest(self.options.spec)


def make_plan(
    options: RunOptions,
    connection: Connection,
    *,
    clock: Clock,
    log: Logger,
    redactor: Redactor,
    bundle_id: str,
    collectors: tuple[Collector, ...],
    stop: Stop,
    no_login: CredentialsError | None = None,
) -> Plan:
    """Returns the plan. Raises UsageError, OutputError, PolicyError.

    Asking for ``stop`` ends the collecting, and nothing else.
    """
    limits = options.spec.limits
    started = clock.now()
    deadline = Deadline(clock, quantity.seconds(limits.run))
    collecting = deadline.child(reserve=quantity.seconds(limits.reserve), stop=stop)
    chosen = selected(options.spec, collectors)
    policy = load_policy(options.policy)
    prepare_folder(options.dest_dir, clock, log)
    api = Api(
        connection,
        clock=clock,
        deadline=collecting,
        log=RequestLog(),
        bundle_id=bundle_id,
        manners=Manners(
            clock,
            requests_per_second=_UNPACED if options.offline else limits.requests_per_second,
            parallel=limits.parallel_requests,
        ),
        leave=Leave(helm_records=options.spec.read_helm_secrets),
    )
    found = unread(login_refusal(no_login)) if no_login else survey(api, log)
    problem = unreachable(connection, found.refusal) if found.refusal else None
    if found.refusal and problem:
        announce(problem, log)
        local = local_collector(found.refusal, problem.hint.removeprefix("try: "))
        chosen = (local, *(collector for collector in chosen if collector.always))
    else:
        _greet(connection, log)
    # Logs and objects are dated by the cluster's clock, so the window ends at what that one shows.
    shown = as_shown(started, api.log.clock_skew)
    since = options.since or _before(shown, quantity.seconds(options.spec.logs.window))
    return Plan(
        options=options,
        bundle_id=bundle_id,
        path=bundle_path(options, bundle_id),
        clock=clock,
        started=started,
        deadline=deadline,
        collecting=collecting,
        context=_context(options, api, found, since),
        redactor=redactor,
        policy=policy,
        collectors=chosen,
        stop=stop,
        window=shown - since,
        unreachable=problem,
    )


def _before(moment: datetime, seconds: float) -> datetime:
    """Returns the start of a window; one that is longer than any log reaches starts in 1970."""
    try:
        return max(moment - timedelta(seconds=seconds), _FIRST)
    except OverflowError:
        return _FIRST


def _context(options: RunOptions, api: Api, found: Survey, since: datetime) -> Context:
    catalog = load_catalog()
    return Context(
        api=api,
        clock=api.clock,
        spec=options.spec,
        catalog=catalog,
        discovery=found.discovery,
        choices=choose(found.discovery, catalog, options.spec),
        version=found.version,
        digest=Digest(),
        errbit=options.errbit_source,
        database=options.database,
        since=since,
    )


def _greet(connection: Connection, log: Logger) -> None:
    """Says first which cluster this is, so that nobody collects from the wrong one unnoticed."""
    log.info(
        "connected",
        say=f"context {connection.context} · {connection.server} · user {connection.user}\nreading:",
        context=connection.context,
        server=connection.server,
        user=connection.user,
    )
