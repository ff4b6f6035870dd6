"""Rules on workloads: crash loops, OOM kills, images that cannot be pulled, replicas that are missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from collector.analysis.blocked import blocks
from collector.analysis.context import Rule, RuleContext
from collector.analysis.evidence import Item
from collector.analysis.workloads import (
    containers,
    dead_nodes,
    pull_failures,
    replicas_left,
    troubled_pods,
)
from collector.core.clock import parse_rfc3339
from collector.core.text import counted
from collector.findings import Evidence, Finding, Impact, Owner, Subject
from collector.records import Json
from collector.records.access import integer, mapping, string

_PULL_REASONS = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"})
_PULL_CAUSES = (
    ("auth", re.compile(r"unauthorized|authentication required|denied|forbidden", re.IGNORECASE)),
    ("not_found", re.compile(r"not found|manifest unknown|does not exist", re.IGNORECASE)),
    ("timeout", re.compile(r"timeout|timed out|no such host|connection refused|no route", re.IGNORECASE)),
)
_CAUSE_WORDS = {
    "auth": "the registry refuses the credentials",
    "not_found": "not found",
    "timeout": "the registry cannot be reached",
    "unknown": "cause not stated",
}
_ERROR_LINE = re.compile(r"\b(?:FATAL|ERROR|Error|Exception|PANIC|panic|Traceback|failed|refused|denied)\b")
_TAIL = 200
_MAX_EVIDENCE = 5


@dataclass
class _Group:
    """Containers of the same name in the pods of one workload that show the same sign."""

    container: str
    pods: list[Item] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    restarts: int = 0
    messages: list[str] = field(default_factory=list)
    image: str = ""
    last: datetime | None = None


Sign = Callable[[Json], str | None]
"""Looks at one container status: returns the detail that shows the sign, or None."""


def crash_loop(context: RuleContext) -> Iterator[Finding]:
    """A container waits in CrashLoopBackOff."""
    for subject, group in _grouped(context, _crash_looping):
        log = _last_words(context, group)
        reason = f"; last words: {log.excerpt}" if log else ""
        yield context.finding(
            "CND-APP-001",
            subject,
            f"{subject.name}: {group.container} has restarted {group.restarts} times in "
            f"{counted(len(group.pods), 'pod')}{reason}",
            impact=_impact(context, subject),
            evidence=[*([log] if log else []), *group.evidence],
            facts={"container": group.container, "image": group.image},
            last_seen=group.last,
            count=group.restarts,
        )


def oom_killed(context: RuleContext) -> Iterator[Finding]:
    """A container's current or last end was an OOM kill."""
    for subject, group in _grouped(context, _oom_killed):
        yield context.finding(
            "CND-APP-003",
            subject,
            f"{subject.name}: {group.container} was OOMKilled; "
            f"{counted(group.restarts, 'restart')} in {counted(len(group.pods), 'pod')}",
            evidence=group.evidence,
            facts={"container": group.container, "image": group.image},
            last_seen=group.last,
            count=group.restarts,
        )


def image_pull(context: RuleContext) -> Iterator[Finding]:
    """A container waits for an image that does not come."""
    for subject, group in _grouped(context, _pull_failing):
        text = " ".join([*group.messages, *_events_about(context, group)])
        cause = next((name for name, pattern in _PULL_CAUSES if pattern.search(text)), "unknown")
        yield context.finding(
            "CND-APP-004",
            subject,
            f"{subject.name}: image {group.image} of {group.container} cannot be pulled "
            f"({_CAUSE_WORDS[cause]})",
            impact=_impact(context, subject),
            evidence=group.evidence,
            facts={"container": group.container, "image": group.image, "cause": cause},
            count=len(group.pods),
        )


def unavailable(context: RuleContext) -> Iterator[Finding]:
    """A Deployment or StatefulSet has fewer available replicas than asked for, for no cause named above."""
    explained = {
        subject for sign in (_crash_looping, _pull_failing) for subject, _ in _grouped(context, sign)
    }
    explained |= blocks(context.view).keys()
    for kind, plural, key in (
        ("Deployment", "deployments", "availableReplicas"),
        ("StatefulSet", "statefulsets", "readyReplicas"),
    ):
        for item in context.view.objects(plural, "apps"):
            spec, status = mapping(item.body, "spec"), mapping(item.body, "status")
            wanted = integer(spec, "replicas") if "replicas" in spec else 1
            have = integer(status, key)
            subject = context.view.subject(kind, item.namespace, item.name)
            # A recorded status without any counts (an object nobody reconciles) says nothing.
            if not status or "replicas" not in status or have >= wanted or subject in explained:
                continue
            yield context.finding(
                "CND-APP-002",
                subject,
                f"{subject.name}: {have} of {wanted} replicas available{_node_cause(context, subject)}",
                impact=Impact.DEGRADED if have else _impact(context, subject),
                evidence=[item.at("/status")],
                facts={"available": str(have), "wanted": str(wanted)},
            )


RULES: tuple[Rule, ...] = (crash_loop, oom_killed, image_pull, unavailable)


def _crash_looping(status: Json) -> str | None:
    waiting = mapping(mapping(status, "state"), "waiting")
    return string(waiting, "message") if string(waiting, "reason") == "CrashLoopBackOff" else None


def _oom_killed(status: Json) -> str | None:
    for state in ("state", "lastState"):
        if string(mapping(mapping(status, state), "terminated"), "reason") == "OOMKilled":
            return "OOMKilled"
    return None


def _pull_failing(status: Json) -> str | None:
    waiting = mapping(mapping(status, "state"), "waiting")
    return string(waiting, "message") if string(waiting, "reason") in _PULL_REASONS else None


def _grouped(context: RuleContext, sign: Sign) -> list[tuple[Subject, _Group]]:
    """Returns one group for each workload and container name, in order of first appearance."""
    groups: dict[tuple[Subject, str], _Group] = {}
    for pod in troubled_pods(context.view):
        for where, index, container in containers(pod):
            detail = sign(container)
            if detail is None:
                continue
            name = string(container, "name")
            group = groups.setdefault((context.view.workload_of(pod), name), _Group(name))
            group.pods.append(pod)
            group.image = string(container, "image")
            group.restarts += integer(container, "restartCount")
            group.messages.append(detail)
            ended = mapping(mapping(container, "lastState"), "terminated").get("finishedAt")
            moment = parse_rfc3339(ended)
            group.last = max(filter(None, (group.last, moment)), default=None)
            if len(group.evidence) < _MAX_EVIDENCE:
                group.evidence.append(pod.at(f"/status/{where}/{index}", detail))
    return [(subject, group) for (subject, _), group in groups.items()]


def _impact(context: RuleContext, subject: Subject) -> Impact:
    """An outage when a workload of Conductor has nothing left that is available."""
    if subject.owner is not Owner.CONDUCTOR:
        return Impact.DEGRADED
    left = replicas_left(context.view).get((subject.kind, subject.namespace, subject.name))
    return Impact.OUTAGE if left == 0 else Impact.DEGRADED


def _last_words(context: RuleContext, group: _Group) -> Evidence | None:
    """Returns the first error line near the end of a log of the container that died, newest pod's first."""
    for pod in group.pods:
        for previous in (True, False):
            path, first, lines = context.view.log_tail(
                pod.namespace, pod.name, group.container, previous=previous, lines=_TAIL
            )
            for number, line in enumerate(lines, first):
                if _ERROR_LINE.search(line):
                    return Evidence(path=path, line=number, excerpt=_without_timestamp(line)[:240])
    return None


def _without_timestamp(line: str) -> str:
    stamp, _, rest = line.partition(" ")
    return rest if rest and parse_rfc3339(stamp) else line


def _events_about(context: RuleContext, group: _Group) -> list[str]:
    failures = pull_failures(context.view)
    names = dict.fromkeys((pod.namespace, pod.name) for pod in group.pods)
    return [message for name in names for message in failures.get(name, ())]


def _node_cause(context: RuleContext, subject: Subject) -> str:
    """Returns words that name a node that is not ready and carries pods of the workload."""
    nodes = {
        string(mapping(pod.body, "spec"), "nodeName")
        for pod in troubled_pods(context.view)
        if context.view.workload_of(pod) == subject
    }
    hit = sorted(dead_nodes(context.view) & nodes)
    return f"; node {hit[0]} is not ready" if hit else ""
