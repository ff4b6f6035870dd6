"""Rules on the room that Conductor is given: whether pods may be made, and whether volumes come."""

from __future__ import annotations

from collections.abc import Iterator

from collector.analysis.blocked import blocks, full_quotas
from collector.analysis.claims import waiting_claims
from collector.analysis.context import Rule, RuleContext
from collector.analysis.owners import owned_subject
from collector.analysis.workloads import replicas_left
from collector.core.text import display
from collector.findings import Evidence, Finding, Impact, Outcome, Owner, Subject

_MESSAGE = 300
_MAX_NAMED = 4


def blocked(context: RuleContext) -> Iterator[Finding]:
    """A quota, a limit range or an admission rule refuses pods of Conductor's."""
    for block in blocks(context.view).values():
        subject = block.workload
        if (
            subject.namespace not in context.facts.conductor_namespaces
            and subject.owner is not Owner.CONDUCTOR
        ):
            continue
        yield context.finding(
            "CND-APP-005",
            subject,
            f"{subject.name}: its pods are refused by a rule of the cluster ({block.by}): "
            f"{display(block.message, _MESSAGE)}",
            impact=_impact(context, subject),
            evidence=[block.evidence, *_quota(context, subject.namespace, block.quota)],
            last_seen=block.last,
            count=block.count,
        )


def quotas(context: RuleContext) -> Iterator[Finding]:
    """A quota in Conductor's namespaces is used up, so that the next pod is refused."""
    named = {(block.workload.namespace, block.quota) for block in blocks(context.view).values()}
    for quota in full_quotas(context.view, context.facts.conductor_namespaces):
        if (quota.item.namespace, quota.item.name) in named:
            continue
        yield context.finding(
            "CND-APP-006",
            owned_subject(context, "ResourceQuota", quota.item),
            f"{quota.item.name} is used up: {', '.join(quota.used[:_MAX_NAMED])}; no further pod can start",
            outcome=Outcome.WARN,
            impact=Impact.RISK,
            evidence=[quota.item.at(quota.pointer)],
        )


def volumes(context: RuleContext) -> Iterator[Finding]:
    """A volume claim in Conductor's namespaces waits for a volume, or has lost its own."""
    for claim in waiting_claims(context):
        yield context.finding(
            "CND-STO-001",
            owned_subject(context, "PersistentVolumeClaim", claim.item),
            f"{claim.item.name}: {display(claim.why, _MESSAGE)}",
            evidence=claim.evidence,
            facts={"provisioner": claim.provisioner},
        )


RULES: tuple[Rule, ...] = (blocked, quotas, volumes)


def _impact(context: RuleContext, subject: Subject) -> Impact:
    left = replicas_left(context.view).get((subject.kind, subject.namespace, subject.name))
    return Impact.OUTAGE if left == 0 and subject.owner is Owner.CONDUCTOR else Impact.DEGRADED


def _quota(context: RuleContext, namespace: str, name: str) -> Iterator[Evidence]:
    for item in context.view.objects("resourcequotas") if name else ():
        if (item.namespace, item.name) == (namespace, name):
            yield item.at("/status")
