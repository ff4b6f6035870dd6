"""Asks inside the database's pods what only server and backup tools know; only if it was switched on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from collector.collectors.base import Context
from collector.collectors.postgres_clusters import is_postgres, pods_of
from collector.collectors.postgres_steps import Steps
from collector.collectors.postgres_tools import ask_tools
from collector.core.deadline import Deadline
from collector.core.errors import UsageError
from collector.kube.commands import Commands
from collector.kube.exec import PodRunner, Target
from collector.postgres.fingerprint import Baseline, compare, read_baseline
from collector.postgres.model import Cluster, Drift, Server, Step
from collector.postgres.psql import MOST_OBJECTS, read_batch, server_of
from collector.postgres.queries import batch, load_queries
from collector.spec import Postgres

_MOST_PODS = 5
_MAINTENANCE = "postgres"
_SKIPPED = Step(
    name="asking inside the database's pods",
    status="skipped",
    needs="conductor-diag collect --allow-exec, and in the database's namespace a Role: verb "
    "create on pods/exec",
)

_NEEDS_POD = "the database running, or its pod named in the spec: postgres.pods: [NAMESPACE/NAME]"


def probed(
    context: Context, clusters: tuple[Cluster, ...], deadline: Deadline, baseline: Baseline | None
) -> Iterator[Cluster]:
    """Yields the clusters with what their pods answered, or with the step that was not taken."""
    spec = context.spec.postgres
    if not spec.exec:
        yield from (replace(one, steps=(_SKIPPED,)) for one in clusters)
        return
    runner = PodRunner(context.api.connection, clock=context.clock, deadline=deadline, log=context.api.log)
    for one in clusters:
        targets = tuple(_targets(context, one))
        steps = Steps(runner, Commands(), context.clock, deadline, deep=spec.deep)
        yield probe(one, targets, steps, spec, baseline)


def baseline_of(spec: Postgres) -> Baseline | None:
    """Returns what the spec names to compare with, None if it names nothing. Raises UsageError."""
    if not spec.baseline:
        return None
    try:
        return read_baseline(Path(spec.baseline).read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the baseline {spec.baseline} cannot be used",
            why=str(error),
            hint="try: conductor-diag baseline make --help",
        ) from error


def _targets(context: Context, cluster: Cluster) -> Iterator[Target]:
    named = {tuple(entry.split("/", 1)) for entry in context.spec.postgres.pods}
    pods = pods_of(context, cluster)
    pods += [
        pod
        for pod in context.digest.of("Pod")
        if (pod.namespace, pod.name) in named and pod.namespace == cluster.namespace and pod not in pods
    ]
    for pod in pods[:_MOST_PODS]:
        running = [one for one in pod.containers if not one.init]
        chosen = next((one for one in running if is_postgres(one.image)), running[0] if running else None)
        if chosen:
            yield Target(namespace=pod.namespace, pod=pod.name, container=chosen.name)


def probe(
    cluster: Cluster,
    targets: tuple[Target, ...],
    steps: Steps,
    spec: Postgres,
    baseline: Baseline | None = None,
) -> Cluster:
    """Returns the cluster with the answers of its pods: the servers', and the tools' beside the primary."""
    if not targets:
        return replace(
            cluster, steps=(replace(_SKIPPED, status="error", error="no running pod", needs=_NEEDS_POD),)
        )
    servers = tuple(filter(None, (_ask_server(steps, target) for target in targets)))
    cluster = replace(cluster, servers=servers)
    primary = cluster.primary
    chosen = next((t for t in targets if primary and t.pod == primary.instance), targets[0])
    cluster = ask_tools(cluster, chosen, steps, spec)
    if baseline and primary:
        cluster = replace(cluster, drift=_drift(steps, chosen, baseline))
    return replace(cluster, steps=steps.taken)


def _ask_server(steps: Steps, target: Target) -> Server | None:
    before = steps.clock.now()
    ran = steps.run(target, "psql", stdin=batch(load_queries()), database=_MAINTENANCE)
    asked_at = before + (steps.clock.now() - before) / 2
    answers = read_batch(ran.output, ran.errors)
    server = server_of(answers, instance=target.pod, asked_at=asked_at)
    if server.in_recovery is None:
        why = ", ".join(sorted(set(answers.failed.values())))
        steps.doubt(f"the server answered none of the first questions{f' ({why})' if why else ''}")
        return None
    return server


def _drift(steps: Steps, target: Target, baseline: Baseline) -> Drift:
    queries = load_queries("fingerprint.yaml")
    ran = steps.run(target, "psql", stdin=batch(queries), database=baseline.database)
    return compare(baseline, read_batch(ran.output, ran.errors, most=MOST_OBJECTS))
