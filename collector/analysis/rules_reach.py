"""Rules on a run that could not read the cluster: which step on the way to the API server fails."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from collector.analysis.context import Rule, RuleContext
from collector.bundle import layout
from collector.core.clock import parse_rfc3339
from collector.findings import Evidence, Finding, Impact, Owner, Subject
from collector.records.access import mapping, sequence, string

_RULES = {
    "name resolution": ("CND-API-001", "its name is not resolved"),
    "tcp": ("CND-API-002", "no TCP connection"),
    "proxy": ("CND-API-003", "the proxy is in the way"),
    "tls": ("CND-API-004", "TLS fails"),
    "http": ("CND-API-005", "it does not answer as an API server"),
    "credentials": ("CND-API-006", "the credentials are not accepted"),
}


def unreachable(context: RuleContext) -> Iterator[Finding]:
    """The API server could not be read; the first step that failed says where to look."""
    reach = context.view.document(layout.LOCAL_REACH)
    rule, words = _RULES.get(string(reach, "failed"), ("", ""))
    if not rule:
        return
    steps = sequence(reach, "steps")
    at = next(n for n, step in enumerate(steps) if string(step, "status") == "failed")
    passed = [string(step, "name") for step in steps[:at] if string(step, "status") == "ok"]
    server = string(reach, "server")
    before = f"; passed before: {', '.join(passed)}" if passed else ""
    detail = string(steps[at], "detail")
    yield context.finding(
        rule,
        Subject(kind="APIServer", name=urlsplit(server).hostname or "unknown", owner=Owner.PLATFORM),
        f"{server or 'the API server'} cannot be read: {words} ({detail}){_expired(context)}{before}",
        impact=Impact.RISK,
        evidence=[
            Evidence(path=layout.LOCAL_REACH, pointer=f"/steps/{at}", excerpt=detail),
            Evidence(path=layout.LOCAL_KUBECONFIG),
        ],
        facts={"step": string(reach, "failed")},
    )


def _expired(context: RuleContext) -> str:
    """Returns what the credential's own dates explain, empty if they explain nothing."""
    login = context.view.document(layout.LOCAL_KUBECONFIG)
    told = ""
    for what, text in (
        ("client certificate", string(mapping(login, "client_certificate"), "not_after")),
        ("token", string(login, "token_expires")),
    ):
        moment = parse_rfc3339(text)
        if moment and moment < context.now:
            told += f"; the {what} expired on {moment:%Y-%m-%d %H:%M} UTC"
    return told


RULES: tuple[Rule, ...] = (unreachable,)
