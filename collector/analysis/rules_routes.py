"""Rules on how users reach Conductor: its Ingresses, the class they name, the certificates they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from collector.analysis.context import Rule, RuleContext
from collector.analysis.evidence import Item
from collector.analysis.owners import owned_subject
from collector.analysis.routes import dead_ends, ingresses
from collector.analysis.serving import listens_to, stated_class
from collector.core import quantity
from collector.core.clock import parse_rfc3339
from collector.findings import Confidence, Evidence, Finding, Impact, Outcome, Owner
from collector.records import Json
from collector.records.access import mapping, sequence, string

_CERTIFICATES = ("cert-manager.io", "certmanager.k8s.io")
_OURS = (Owner.CONDUCTOR, Owner.PLATFORM_APPLICATION)
_GONE = ("DoesNotExist", "NotFound", "Expired", "IncorrectCertificate")
# Issuing takes minutes where an authority asks back; only what stays unready is told.
_PATIENCE = timedelta(minutes=15)
# cert-manager renews a certificate of 90 days 30 days before its end; half of that means renewal fails.
_SOON = timedelta(days=14)
_SHARE_OF_LIFE = 6
_DURATION = re.compile(r"(?:\d{1,6}(?:\.\d{1,3})?[hms]){1,3}")
_MAX_NAMED = 3


def routes(context: RuleContext) -> Iterator[Finding]:
    """An Ingress in Conductor's namespaces has a backend that cannot answer."""
    for item in ingresses(context.view, context.facts.conductor_namespaces):
        found = list(dead_ends(context.view, item))
        if not found:
            continue
        missing = any(end.missing for end in found)
        more = f" and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
        yield context.finding(
            "CND-ING-001",
            owned_subject(context, "Ingress", item),
            f"{item.name}: {'; '.join(end.why for end in found[:_MAX_NAMED])}{more}",
            outcome=Outcome.FAIL if missing else Outcome.WARN,
            evidence=[evidence for end in found[:_MAX_NAMED] for evidence in end.evidence],
            count=len(found),
        )


def classes(context: RuleContext) -> Iterator[Finding]:
    """An Ingress in Conductor's namespaces names a class that no Traefik serves."""
    traefiks = [fact for fact in context.facts.versions if fact.component == "traefik"]
    heard = [listens_to(context.view, fact) for fact in traefiks]
    served = frozenset[str]().union(*(names for names, _ in heard))
    by_file = any(file for _, file in heard)
    for item in ingresses(context.view, context.facts.conductor_namespaces) if traefiks else ():
        stated = stated_class(item)
        if stated in served:
            continue
        yield context.finding(
            "CND-ING-002",
            owned_subject(context, "Ingress", item),
            f"{item.name} names the class {stated or '(none)'}; the Traefiks here serve "
            f"{', '.join(sorted(name for name in served if name))}"
            + (" unless a configuration file says otherwise" if by_file else ""),
            outcome=Outcome.UNKNOWN if by_file else Outcome.WARN,
            evidence=[item.at(), *(e for fact in traefiks[:_MAX_NAMED] for e in fact.evidence)],
            confidence=Confidence.UNKNOWN if by_file else Confidence.INFERRED,
            needs="kubernetes.ingressClass in Traefik's configuration file" if by_file else "",
        )


def certificates(context: RuleContext) -> Iterator[Finding]:
    """A Certificate of cert-manager's has expired, is not ready, or is about to expire without renewal."""
    for group in _CERTIFICATES:
        for item in context.view.objects("certificates", group):
            subject = owned_subject(context, "Certificate", item)
            if item.namespace not in context.facts.conductor_namespaces and subject.owner not in _OURS:
                continue
            found = _state(item, context.now)
            if found is None:
                continue
            outcome, said, evidence = found
            yield context.finding(
                "CND-TLS-001",
                subject,
                f"{item.name}: {said}",
                outcome=outcome,
                impact=Impact.DEGRADED if outcome is Outcome.FAIL else Impact.RISK,
                evidence=evidence,
                last_seen=parse_rfc3339(_ready(item)[1].get("lastTransitionTime")),
            )


RULES: tuple[Rule, ...] = (routes, classes, certificates)


def _state(item: Item, now: datetime) -> tuple[Outcome, str, list[Evidence]] | None:
    """Returns how bad it is, in words, and where that stands; None for a certificate that is fine."""
    status = mapping(item.body, "status")
    at, ready = _ready(item)
    shown = item.at(f"/status/conditions/{at}" if ready else "/status")
    until = parse_rfc3339(status.get("notAfter"))
    if until is not None and until <= now:
        return Outcome.FAIL, f"expired on {until:%Y-%m-%d %H:%M} UTC", [item.at("/status/notAfter"), shown]
    if string(ready, "status") == "False":
        since = parse_rfc3339(ready.get("lastTransitionTime"))
        if since is not None and now - since < _PATIENCE:
            return None
        reason = string(ready, "reason")
        outcome = Outcome.FAIL if reason in _GONE else Outcome.WARN
        return outcome, f"not ready: {string(ready, 'message') or reason or 'no reason stated'}", [shown]
    if until is not None and until - now < _soon(mapping(item.body, "spec")):
        left = max((until - now) / timedelta(days=1), 0.0)
        said = f"expires on {until:%Y-%m-%d} ({left:.1f} days left) and was not renewed in time"
        return Outcome.WARN, said, [item.at("/status/notAfter")]
    return None


def _ready(item: Item) -> tuple[int, Json]:
    conditions = sequence(mapping(item.body, "status"), "conditions")
    return next(((at, c) for at, c in enumerate(conditions) if string(c, "type") == "Ready"), (0, {}))


def _soon(spec: Json) -> timedelta:
    """Returns how near its end a certificate must be for its renewal to be overdue."""
    life, before = (_length(string(spec, key)) for key in ("duration", "renewBefore"))
    known = [life / _SHARE_OF_LIFE] if life else []
    known += [before / 2] if before else []
    return min(_SOON, *known) if known else _SOON


def _length(text: str) -> timedelta | None:
    return timedelta(seconds=quantity.seconds(text)) if _DURATION.fullmatch(text) else None
