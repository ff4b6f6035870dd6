"""Rules on the API server itself: what its health checks say, and how long its certificate is good for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from collector.analysis.context import Rule, RuleContext
from collector.bundle import layout
from collector.core.clock import parse_rfc3339
from collector.core.text import counted
from collector.findings import Evidence, Finding, Impact, Outcome, Owner, Subject
from collector.records.access import string

_FAILED = re.compile(r"^\[-\](\S+) ", re.MULTILINE)
_SOON = timedelta(days=30)  # two weekends and a change window before it stops everything
_MOST_NAMED = 5


def unhealthy(context: RuleContext) -> Iterator[Finding]:
    """A health endpoint of the API server names checks that fail."""
    for at, answer in enumerate(context.view.documents(layout.HEALTH)):
        says = string(answer, "says")
        failed = list(dict.fromkeys(_FAILED.findall(says)))
        if not failed:
            continue
        named = ", ".join(failed[:_MOST_NAMED])
        yield context.finding(
            "CND-API-007",
            _subject(),
            f"{string(answer, 'path')}: {counted(len(failed), 'check')} failed: {named}",
            evidence=[Evidence(path=layout.HEALTH, pointer=f"/{at}", excerpt=says[:2000])],
            facts={"checks": " ".join(failed[:_MOST_NAMED])},
        )
        return


def certificate(context: RuleContext) -> Iterator[Finding]:
    """The API server's certificate, as seen on the wire, has expired or soon will."""
    for at, facts in enumerate(context.view.documents(layout.CERTIFICATE)[:1]):
        until = parse_rfc3339(string(facts, "not_after"))
        if until is None or until - context.now > _SOON:
            continue
        over = until <= context.now
        days = abs(until - context.now).days
        when = f"expired {counted(days, 'day')} ago" if over else f"expires in {counted(days, 'day')}"
        yield context.finding(
            "CND-API-008",
            _subject(),
            f"the API server's certificate {when}, on {until:%Y-%m-%d %H:%M} UTC",
            outcome=Outcome.FAIL if over else Outcome.WARN,
            impact=Impact.DEGRADED if over else Impact.RISK,
            evidence=[Evidence(path=layout.CERTIFICATE, pointer=f"/{at}")],
            last_seen=until,
        )


def _subject() -> Subject:
    return Subject(kind="APIServer", name="kube-apiserver", owner=Owner.PLATFORM)


RULES: tuple[Rule, ...] = (unhealthy, certificate)
