"""What a rule is given, and the helper that gives a finding its words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from collector.analysis.evidence import BundleView
from collector.analysis.texts import RuleText
from collector.findings import Confidence, Evidence, Facts, Finding, Impact, Outcome, Subject


@dataclass(frozen=True, kw_only=True)
class RuleContext:
    """The evidence, the facts drawn from it, the rules' words and the time of collection."""

    view: BundleView
    facts: Facts
    texts: Mapping[str, RuleText]
    now: datetime

    def finding(
        self,
        rule: str,
        subject: Subject,
        summary: str,
        *,
        outcome: Outcome = Outcome.FAIL,
        impact: Impact = Impact.DEGRADED,
        evidence: Iterable[Evidence] = (),
        facts: Mapping[str, str] | None = None,
        confidence: Confidence = Confidence.PROVEN,
        needs: str = "",
        words: Mapping[str, str] | None = None,
        first_seen: datetime | None = None,
        last_seen: datetime | None = None,
        count: int = 0,
    ) -> Finding:
        """Returns a finding with the rule's title, topic, remedy and questions filled in.

        ``words`` are further placeholders of the remedy beside the subject's own.
        """
        text = self.texts[rule]
        fill = {
            "namespace": subject.namespace or "NAMESPACE",
            "name": subject.name,
            "kind_lower": subject.kind.lower(),
            **(words or {}),
        }
        return Finding(
            rule=rule,
            topic=text.topic,
            title=text.title,
            summary=summary,
            outcome=outcome,
            impact=impact,
            subject=subject,
            evidence=tuple(evidence),
            facts=dict(facts or {}),
            confidence=confidence,
            remedy=text.remedy.format_map(fill),
            ask=text.ask,
            needs=needs,
            first_seen=first_seen,
            last_seen=last_seen,
            count=count,
        )


Rule = Callable[[RuleContext], Iterable[Finding]]
