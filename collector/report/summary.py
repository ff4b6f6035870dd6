"""summary.md: what the operator pastes into a ticket. Reads well as plain text, in any portal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collector.core.text import human_age, human_bytes
from collector.findings import BackupCard, JudgedFinding, Report, VersionFact
from collector.report import headline
from collector.report.files import BundleFileInfo
from collector.report.markdown import bullet, fenced, inline, paragraph
from collector.report.plain import count_of, moment, severities, utc, where, window
from collector.report.versions import helm_found, platform_found
from collector.report.words import load_words

MAX_BYTES = 8192
"""Below every portal's limit for a description, with room for what the operator adds."""


@dataclass(frozen=True, kw_only=True)
class _Detail:
    """How much is said. ``findings`` and ``items`` are counts, ``text`` the characters of one field."""

    findings: int
    items: int
    text: int
    excerpts: int


_DETAILS = (
    _Detail(findings=8, items=8, text=300, excerpts=3),
    _Detail(findings=6, items=6, text=220, excerpts=2),
    _Detail(findings=4, items=4, text=140, excerpts=1),
    _Detail(findings=2, items=3, text=80, excerpts=0),
    _Detail(findings=1, items=1, text=40, excerpts=0),
)


def summary_md(report: Report, bundle: BundleFileInfo | None) -> str:
    """Returns Markdown of at most 100 columns and MAX_BYTES bytes: the most detail that fits.

    Args:
        report: the run.
        bundle: the sealed file; None while it is not known, as inside the bundle itself.
    """
    for detail in _DETAILS[:-1]:
        text = _render(report, bundle, detail)
        if len(text.encode()) <= MAX_BYTES:
            return text
    return _render(report, bundle, _DETAILS[-1])


def _render(report: Report, bundle: BundleFileInfo | None, detail: _Detail) -> str:
    sections = (
        _verdict(report, detail),
        _impact(),
        _filing(report, detail),
        _versions(report, detail),
        _findings(report, detail),
        _backup(report.backup, report, detail),
        _not_collected(report, detail),
        _bundle(report, bundle, detail),
        _questions(report, detail),
    )
    return "\n\n".join("\n".join(section) for section in map(list, sections) if section) + "\n"


def _verdict(report: Report, detail: _Detail) -> Iterator[str]:
    run = report.run
    label = inline(run.label or run.context or "unlabelled cluster", min(detail.text, 60))
    yield f"# {headline.verdict_word(report)}: Conductor on {label}"
    yield ""
    yield from paragraph(headline.sentence(report))
    first = headline.foremost(report)
    if first:
        yield ""
        yield from paragraph(f"Most important: {inline(first.finding.summary, detail.text)}")
    if run.demo:
        yield ""
        yield from paragraph("This is the recorded demo cluster, not a live one.")
    if not run.tls_verified:
        yield ""
        yield from paragraph("WARNING: the API server's certificate was not verified in this run.")
    if run.clock_words:
        yield ""
        yield from paragraph(f"WARNING: {run.clock_words}.")


def _impact() -> Iterator[str]:
    yield "## Impact (please fill in)"
    yield ""
    yield "Who is affected, since when, what they cannot do, any workaround:"


def _filing(report: Report, detail: _Detail) -> Iterator[str]:
    policy = report.run.policy
    yield "## Severities the policy allows"
    yield ""
    lines = headline.filing_lines(report)
    for line in lines[: detail.items]:
        yield from bullet(inline(line, 300))
    yield from _more(len(lines) - detail.items)
    yield ""
    yield from paragraph(
        f"Policy {inline(policy.id, 60)} {inline(policy.version, 40)}."
        " Which severity applies is a person's choice."
    )


def _versions(report: Report, detail: _Detail) -> Iterator[str]:
    facts = report.facts
    yield "## Versions"
    yield ""
    yield from bullet(f"Platform: {inline(platform_found(facts), 120)}")
    yield from bullet(f"Helm that manages Conductor: {inline(helm_found(facts), 40)}")
    for version in facts.versions[: detail.items]:
        yield from bullet(_version(version, detail))
    yield from _more(len(facts.versions) - detail.items)


def _version(version: VersionFact, detail: _Detail) -> str:
    found = inline(version.version, 60) or "not determined"
    serves = {True: "; serves Conductor", False: "; does not serve Conductor", None: ""}[
        version.serves_conductor
    ]
    return f"{inline(version.component, 40)}: {found} ({inline(version.source, detail.text)}{serves})"


def _findings(report: Report, detail: _Detail) -> Iterator[str]:
    told = headline.problems(report)
    unsettled = headline.unknowns(report)
    yield "## Findings"
    yield ""
    if not told:
        yield from paragraph(headline.none_found(report))
    for place, judged in enumerate(told[: detail.findings]):
        yield from _finding(judged, detail, excerpt=place < detail.excerpts)
    yield from _more(len(told) - detail.findings)
    if unsettled:
        yield from bullet(f"{count_of(len(unsettled), 'unknown')} beside these: see the questions below")


def _finding(judged: JudgedFinding, detail: _Detail, *, excerpt: bool) -> Iterator[str]:
    finding, given = judged.finding, judged.classification
    words = load_words()
    clauses = ", ".join(inline(clause.id, 20) for clause in given.clauses[:4])
    treated = f"{words.scopes[given.scope].label} {clauses}".rstrip()
    yield from bullet(
        f"{words.outcomes[finding.outcome].word} [{treated}; severity {severities(given)}]"
        f" {inline(finding.summary, detail.text)}"
    )
    yield from bullet(f"{inline(finding.rule, 40)}, {inline(finding.subject, detail.text)}", mark="  - ")
    for one in finding.evidence[:2]:
        yield from bullet(f"evidence: {inline(where(one), detail.text)}", mark="  - ")
    if excerpt and finding.evidence and finding.evidence[0].excerpt:
        yield from fenced(finding.evidence[0].excerpt[: detail.text * 2], lines=3, indent="    ")


def _backup(card: BackupCard | None, report: Report, detail: _Detail) -> Iterator[str]:
    yield "## Backup of the database"
    yield ""
    if card is None:
        yield "Not known: nothing about backups was collected."
        return
    state = load_words().backup_state(card.state).word
    last, good = utc(card.last_good), "no good backup known"
    if last:
        age = human_age((report.run.by_cluster_clock(report.run.finished) - last).total_seconds())
        good = f"last good {moment(last)} ({age} before the run)"
    yield from bullet(f"{state}: {good}; objective {window(card.objective_seconds)}")
    if card.last_attempt:
        result = inline(card.last_attempt_result or "not known", detail.text)
        why = f" ({inline(card.last_attempt_error, detail.text)})" if card.last_attempt_error else ""
        yield from bullet(f"last attempt {moment(card.last_attempt)}: {result}{why}")
    for words in card_facts(card):
        yield from bullet(inline(words, detail.text))
    yield from bullet(f"restore test: {inline(card.restore_test, 40)}")


def card_facts(card: BackupCard) -> Iterator[str]:
    """Yields what is known beyond the newest backup: window, holes, lag, sizes, the next run."""
    if card.window_from and card.window_to:
        yield f"can be restored to: {moment(card.window_from)} until {moment(card.window_to)}"
    if card.gaps is not None:
        yield f"WAL segments missing: {card.gaps}"
    if card.archive_lag_seconds is not None:
        yield f"archive lag: {window(card.archive_lag_seconds)}"
    if card.size_trend:
        yield f"newest size: {card.size_trend}"
    if card.next_run:
        yield f"next run: {moment(card.next_run)}"


def _not_collected(report: Report, detail: _Detail) -> Iterator[str]:
    run = report.run
    yield "## Not collected"
    yield ""
    yield from paragraph(f"Collected in full: {headline.completeness(run)}.")
    yield ""
    for gap in run.gaps[: detail.items]:
        place = f" in {inline(gap.namespace, 63)}" if gap.namespace else ""
        needs = f"; needs: {inline(gap.needs, detail.text)}" if gap.needs else ""
        yield from bullet(f"{gap.status}: {inline(gap.subject, detail.text)}{place}{needs}")
    yield from _more(len(run.gaps) - detail.items)


def _bundle(report: Report, bundle: BundleFileInfo | None, detail: _Detail) -> Iterator[str]:
    run = report.run
    yield "## Diagnostic bundle"
    yield ""
    yield from bullet(f"id: {inline(run.bundle_id, 80)}")
    if bundle:
        yield from bullet(f"file: {inline(bundle.name, 200)}")
        yield from bullet(f"size: {human_bytes(bundle.size)} ({bundle.size} bytes)")
        yield from bullet(f"sha256: {inline(bundle.sha256, 64)}")
    if run.case:
        yield from bullet(f"case: {inline(run.case, 60)}")
    yield from bullet(
        f"collected {moment(run.started, seconds=True)} to {moment(run.finished, seconds=True)},"
        f" logs of the last {window(run.window_seconds)}"
    )
    yield from bullet(
        f"{count_of(run.redaction_count, 'value')} redacted before writing,"
        f" {count_of(run.withheld, 'entry', 'entries')} withheld; agent {inline(run.agent_version, 40)}"
    )
    if detail.items > 1:
        yield from bullet("It may still hold personal data: delete it when the case is closed.")


def _questions(report: Report, detail: _Detail) -> Iterator[str]:
    asked = headline.questions(report)
    yield "## Questions to ask next"
    yield ""
    if not asked:
        yield "None."
    for question in asked[: detail.items]:
        text = f"{inline(question.text, detail.text)} {inline(question.command, detail.text)}".rstrip()
        yield from bullet(f"{text} ({inline(question.rule, 40)})")
    yield from _more(len(asked) - detail.items)


def _more(left: int) -> Iterator[str]:
    if left > 0:
        yield from bullet(f"and {left} more in report.html")
