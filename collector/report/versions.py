"""What was found beside what the support page asks for, judged by the findings and never a second time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collector.core.text import display
from collector.findings import Confidence, Facts, Outcome, Platform, Report
from collector.report.order import by_importance
from collector.report.words import Prerequisite, load_words

_NAME = 60
_SHOWN = 3
_BINDING = frozenset({Platform.NONE, Platform.UNKNOWN})


@dataclass(frozen=True, kw_only=True)
class VersionRow:
    """One line of the card. ``outcome`` is None where no rule judged it; ``verdict`` is always a word."""

    item: str
    found: str
    needs: str
    verdict: str
    outcome: Outcome | None


def platform_name(facts: Facts) -> str:
    """Returns ``Konvoy 1.5``, or that it is neither Konvoy nor DKP, or not known."""
    name = load_words().platforms[facts.platform]
    return f"{name} {display(facts.platform_version, _NAME)}".rstrip()


def platform_found(facts: Facts) -> str:
    """Returns ``Konvoy 1.5 (proven)``, or how well each is known: ``Konvoy (proven), 1.5 (inferred)``."""
    release = release_confidence(facts)
    if not facts.platform_version or release is facts.platform_confidence:
        return f"{platform_name(facts)} ({facts.platform_confidence})"
    name = load_words().platforms[facts.platform]
    return f"{name} ({facts.platform_confidence}), {display(facts.platform_version, _NAME)} ({release})"


def release_confidence(facts: Facts) -> Confidence:
    """Returns how well the platform's release is known, which is not how well the platform is."""
    found = (version.confidence for version in facts.versions if version.component == "platform")
    return next(found, facts.platform_confidence)


def helm_found(facts: Facts) -> str:
    """Returns ``2``, ``2 and 3``, ``no release record`` or ``not known``."""
    if facts.helm is None:
        return "not known"
    return " and ".join(display(major, 10) for major in sorted(facts.helm)[:4]) or "no release record"


def version_rows(report: Report) -> tuple[VersionRow, ...]:
    """Returns Conductor, the platform and every prerequisite."""
    facts, words = report.facts, load_words()
    return (
        _plain("Conductor", _versions(facts, "conductor")),
        _plain("Platform", _release(facts)),
        *(_required(report, one) for one in words.prerequisites),
    )


def _release(facts: Facts) -> str:
    surely = not facts.platform_version or release_confidence(facts) is Confidence.PROVEN
    return platform_name(facts) + ("" if surely else f" ({release_confidence(facts)})")


def _plain(item: str, found: str) -> VersionRow:
    return VersionRow(item=item, found=found, needs="", verdict="", outcome=None)


def _required(report: Report, asked: Prerequisite) -> VersionRow:
    found = (
        helm_found(report.facts) if asked.component == "helm" else _versions(report.facts, asked.component)
    )
    outcome = next(
        (j.finding.outcome for j in by_importance(report.findings) if j.finding.topic == asked.topic), None
    )
    return VersionRow(
        item=asked.item, found=found, needs=asked.needs, verdict=_verdict(report, outcome), outcome=outcome
    )


def _verdict(report: Report, outcome: Outcome | None) -> str:
    if outcome is not None:
        return load_words().outcomes[outcome].word
    return "not judged" if report.facts.platform in _BINDING else "not binding"


def _versions(facts: Facts, component: str) -> str:
    """Returns the versions of a component; of several Traefiks only those that serve Conductor count."""
    found = [version for version in facts.versions if version.component == component]
    serving = [version for version in found if version.serves_conductor]
    names = dict.fromkeys(_numbers(version.version) for version in serving or found)
    shown = list(names)[:_SHOWN] + (["…"] if len(names) > _SHOWN else [])
    return ", ".join(shown) or "not found"


def _numbers(version: str) -> str:
    return display(version, _NAME) or "not determined"


def described(report: Report) -> Iterator[tuple[str, str, str, str]]:
    """Yields component, version, confidence and proof of everything found."""
    for version in report.facts.versions:
        yield (
            display(version.component, _NAME),
            _numbers(version.version),
            version.confidence,
            display(f"{version.source} ({version.subject})", 300),
        )
