"""What stands on the triage page, as plain values: the template only lays it out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collector.core.text import display, human_age, human_bytes
from collector.findings import (
    BackupCard,
    Clause,
    JudgedFinding,
    Outcome,
    Platform,
    Report,
    RunInfo,
    Scope,
)
from collector.records import Status
from collector.report import headline
from collector.report.order import by_importance
from collector.report.plain import count_of, moment, utc, window
from collector.report.rows import FindingRow, Labelled, filter_key, finding_row, row_id, shown_clause
from collector.report.summary import card_facts
from collector.report.timeline import Chart, chart
from collector.report.versions import VersionRow, described, version_rows
from collector.report.words import load_words

MAX_ROWS = 1000
_NAME = 200
_SHOWN = 3
_NAMES = 2
_DASH = "\N{EN DASH}"
_SKEW = 30
_SHORT = 10  # seconds below which tenths count


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A number of the matrix. ``target`` is the element id of its first row, ``query`` its filter."""

    number: int
    outcome: Outcome
    target: str
    query: str


@dataclass(frozen=True, kw_only=True)
class MatrixRow:
    """One scope."""

    label: str
    says: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Something that was not collected."""

    status: Status
    subject: str
    reason: str
    needs: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """The whole page."""

    title: str
    bundle_id: str
    look: Outcome
    word: str
    verdict: str
    foremost: str
    filing: tuple[str, ...]
    header: tuple[str, ...]
    tls_verified: bool
    demo: bool
    completeness: str
    redactions: str
    matrix: tuple[MatrixRow, ...]
    outcomes: tuple[str, ...]
    backup: tuple[Labelled, ...]
    versions: tuple[VersionRow, ...]
    prerequisites_bind: bool
    chart: Chart | None
    questions: tuple[headline.Question, ...]
    missing: tuple[Missing, ...]
    shown: int
    findings: tuple[FindingRow, ...]
    left_out: int
    components: tuple[tuple[str, str, str, str], ...]
    collectors: tuple[tuple[str, ...], ...]
    redaction_kinds: tuple[tuple[str, int], ...]
    clauses: tuple[Clause, ...]


def page(report: Report) -> Page:
    """Returns the content of the page; every text is bounded, escaping is the template's."""
    run, words = report.run, load_words()
    ordered = by_importance(report.findings)
    first = headline.foremost(report)
    label = display(run.label or run.context or "unlabelled cluster", 80)
    return Page(
        title=f"{headline.verdict_word(report)} {_DASH} {label} {_DASH} {display(run.bundle_id, 80)}",
        bundle_id=display(run.bundle_id, 80),
        look=headline.worst(report),
        word=headline.verdict_word(report),
        verdict=headline.sentence(report),
        foremost=display(first.finding.summary, 300) if first else "",
        filing=headline.filing_lines(report),
        header=tuple(_header(report, label)),
        tls_verified=run.tls_verified,
        demo=run.demo,
        completeness=headline.completeness(run),
        redactions=_redactions(run),
        matrix=_matrix(report, ordered),
        outcomes=tuple(words.outcomes[outcome].word for outcome in Outcome),
        backup=tuple(_backup(report.backup, run)) if report.backup else (),
        versions=version_rows(report),
        prerequisites_bind=report.facts.platform is Platform.NONE,
        chart=chart(report),
        questions=headline.questions(report),
        missing=tuple(_missing(run)),
        shown=_SHOWN,
        findings=tuple(finding_row(place, judged) for place, judged in enumerate(ordered[:MAX_ROWS])),
        left_out=max(len(ordered) - MAX_ROWS, 0),
        components=tuple(described(report)),
        collectors=tuple(_collectors(run)),
        redaction_kinds=tuple((display(kind, 60), run.redactions[kind]) for kind in sorted(run.redactions)),
        clauses=_clauses(ordered),
    )


def _header(report: Report, label: str) -> Iterator[str]:
    run = report.run
    yield label
    if run.case:
        yield f"case {display(run.case, 60)}"
    took = (run.finished - run.started).total_seconds()
    short = f"{max(took, 0):.1f}s" if took < _SHORT else human_age(took)
    yield f"collected {moment(run.started, seconds=True)} in {short}"
    yield f"last {window(run.window_seconds)}"
    skew = run.clock_skew_seconds
    if skew is not None and abs(skew) >= _SKEW:
        yield f"clocks differ by {skew:.0f} s"
    yield f"agent {display(run.agent_version, 40)}"
    policy = run.policy
    digest = display(policy.sha256[:12], 12)
    yield f"policy {display(policy.id, 60)} {display(policy.version, 40)} (sha256 {digest}…)"


def _redactions(run: RunInfo) -> str:
    withheld = f", {count_of(run.withheld, 'entry', 'entries')} withheld" if run.withheld else ""
    return f"{count_of(run.redaction_count, 'value')} redacted before writing{withheld}"


def _matrix(report: Report, ordered: tuple[JudgedFinding, ...]) -> tuple[MatrixRow, ...]:
    words, counts = load_words().scopes, report.matrix()
    first: dict[tuple[Scope, Outcome], str] = {}
    for place, judged in enumerate(ordered[:MAX_ROWS]):
        first.setdefault((judged.classification.scope, judged.finding.outcome), row_id(place))
    return tuple(
        MatrixRow(
            label=words[scope].label,
            says=words[scope].says,
            cells=tuple(
                Cell(
                    number=counts[scope][outcome],
                    outcome=outcome,
                    target=first.get((scope, outcome), ""),
                    query=filter_key(scope, outcome),
                )
                for outcome in Outcome
            ),
        )
        for scope in Scope
    )


def _backup(card: BackupCard, run: RunInfo) -> Iterator[Labelled]:
    state = load_words().backup_state(card.state)
    yield Labelled(term="State", value=state.word, look=state.outcome)
    good = utc(card.last_good)
    yield Labelled(term="Last good", value=moment(good) if good else "none known")
    age = human_age((run.by_cluster_clock(run.finished) - good).total_seconds()) if good else "not known"
    yield Labelled(term="Age / objective", value=f"{age} / {window(card.objective_seconds)}")
    attempt = (
        f"{moment(card.last_attempt)}, {display(card.last_attempt_result, 60)}"
        + (f" ({display(card.last_attempt_error, 60)})" if card.last_attempt_error else "")
        if card.last_attempt
        else "none known"
    )
    yield Labelled(term="Last attempt", value=attempt)
    yield Labelled(term="Schedule", value=display(card.schedule, 60) or "none known")
    yield Labelled(term="Jobs", value=_listed([display(job, 80) for job in card.jobs]) or "none known")
    for fact in card_facts(card):
        term, _, value = fact.partition(": ")
        yield Labelled(term=term[0].upper() + term[1:], value=display(value, 120))
    unknown = Outcome.UNKNOWN if card.restore_test == "unknown" else ""
    yield Labelled(term="Restore test", value=display(card.restore_test, 60), look=unknown)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return f"{', '.join(names[:_NAMES])}{more}"


def _missing(run: RunInfo) -> Iterator[Missing]:
    for gap in run.gaps[:MAX_ROWS]:
        place = f" in {display(gap.namespace, 63)}" if gap.namespace else ""
        yield Missing(
            status=gap.status,
            subject=display(gap.subject, _NAME) + place,
            reason=display(gap.reason, _NAME),
            needs=display(gap.needs, _NAME),
        )


def _clauses(ordered: tuple[JudgedFinding, ...]) -> tuple[Clause, ...]:
    cited = {shown_clause(clause): None for judged in ordered for clause in judged.classification.clauses}
    return tuple(sorted(cited, key=lambda clause: (clause.document, clause.id, clause.words)))


def _collectors(run: RunInfo) -> Iterator[tuple[str, ...]]:
    for one in run.collectors[:MAX_ROWS]:
        yield (
            display(one.name, 80),
            one.status,
            f"{one.seconds:.1f} s",
            str(one.requests),
            str(one.entries),
            human_bytes(one.size),
            display(one.note, _NAME),
        )
