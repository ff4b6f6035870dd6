"""What a run comes down to: the verdict, what may be filed, what to ask. Shared by all reports."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from collector.core.text import display
from collector.findings import Classification, JudgedFinding, Outcome, Report, RunInfo, Scope
from collector.records import Status
from collector.report.order import by_importance
from collector.report.plain import NOT_STATED, count_of, severities
from collector.report.words import load_words

_FILEABLE = frozenset({Scope.SUPPORTED, Scope.SECONDARY, Scope.EXPERIMENTAL})
PROBLEMS = frozenset({Outcome.FAIL, Outcome.WARN})
"""The outcomes that a ticket can be about."""
_TEXT = 300
_CLAUSES = 6
_NAMED = 12
SUPPORT_TERMS = "your Support Terms decide"


@dataclass(frozen=True, kw_only=True)
class Filing:
    """What may be filed under these clauses, which all grant it; ``severities`` is a set, never a choice."""

    clauses: tuple[str, ...]
    severities: str
    findings: int

    @property
    def sentence(self) -> str:
        """Such as ``2 findings under S2c: severity 1-4``."""
        clauses = ", ".join(self.clauses) or "no clause named"
        allowed = f"{NOT_STATED}; {SUPPORT_TERMS}" if self.severities == NOT_STATED else self.severities
        return f"{count_of(self.findings, 'finding')} under {clauses}: severity {allowed}"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What to ask next. ``command`` is what to type or to grant; ``rule`` is where it comes from."""

    text: str
    command: str
    rule: str


def outcomes(report: Report) -> Counter[Outcome]:
    """Returns how many findings have each outcome."""
    return Counter(judged.finding.outcome for judged in report.findings)


def worst(report: Report) -> Outcome:
    """Returns the outcome the whole run is named after; without findings nothing is known."""
    found = outcomes(report)
    return next((outcome for outcome in Outcome if found[outcome]), Outcome.UNKNOWN)


def verdict_word(report: Report) -> str:
    """Returns FAIL, WARN, UNKNOWN or PASS: the first word of titles and tickets."""
    return worst(report).upper()


def sentence(report: Report) -> str:
    """Returns the verdict in one or two short sentences of our own words and numbers."""
    found = outcomes(report)
    words = load_words().outcomes
    counted = {
        outcome: count_of(found[outcome], words[outcome].one, words[outcome].many) for outcome in Outcome
    }
    if not report.findings:
        return "Nothing was judged: there are no findings. This says nothing about the product."
    if found[Outcome.FAIL]:
        others = [counted[outcome] for outcome in (Outcome.WARN, Outcome.UNKNOWN) if found[outcome]]
        return f"{counted[Outcome.FAIL]}: {_by_scope(report)}.{_also(others)}"
    unseen = not_looked_at(report.run)
    if found[Outcome.WARN]:
        said = f"No failures. {counted[Outcome.WARN]}{_remain(found[Outcome.UNKNOWN], counted)}."
    elif found[Outcome.UNKNOWN]:
        said = f"No failures. {counted[Outcome.UNKNOWN]} {_remains(found[Outcome.UNKNOWN])}."
    else:
        said = f"No failures, warnings or unknowns: {counted[Outcome.PASS]}."
    return f"{said} Not looked at: {unseen}." if unseen else said


def none_found(report: Report) -> str:
    """Returns that there are no failures or warnings, and what that does not speak of."""
    unseen = not_looked_at(report.run)
    return f"No failures or warnings{f', but not looked at: {unseen}' if unseen else ''}."


def not_looked_at(run: RunInfo) -> str:
    """Returns the collectors that brought nothing, left out by wish or refused; empty if all did."""
    names = [display(one.name, 80) for one in run.collectors if not (one.entries or one.status is Status.OK)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _remains(unknown: int) -> str:
    return "remains" if unknown == 1 else "remain"


def _by_scope(report: Report) -> str:
    labels = load_words().scopes
    found = Counter(
        judged.classification.scope for judged in report.findings if judged.finding.outcome is Outcome.FAIL
    )
    return ", ".join(f"{found[scope]} {labels[scope].label}" for scope in Scope if found[scope])


def _also(parts: list[str]) -> str:
    return f" Also {' and '.join(parts)}." if parts else ""


def _remain(unknown: int, counted: dict[Outcome, str]) -> str:
    return f", {counted[Outcome.UNKNOWN]}" if unknown else ""


def foremost(report: Report) -> JudgedFinding | None:
    """Returns the most important failure or warning, if there is one."""
    return next(iter(problems(report)), None)


def problems(report: Report) -> tuple[JudgedFinding, ...]:
    """Returns the failures and warnings, most important first."""
    return tuple(j for j in by_importance(report.findings) if j.finding.outcome in PROBLEMS)


def unknowns(report: Report) -> tuple[JudgedFinding, ...]:
    """Returns the findings that could not be settled."""
    return tuple(j for j in by_importance(report.findings) if j.finding.outcome is Outcome.UNKNOWN)


def filings(report: Report) -> tuple[Filing, ...]:
    """Returns what the policy lets the operator file: one entry for each set of allowed severities."""
    given = [j.classification for j in problems(report) if j.classification.scope in _FILEABLE]
    allowed: dict[str, list[Classification]] = {}
    for classification in given:
        allowed.setdefault(severities(classification), []).append(classification)
    return tuple(
        Filing(clauses=_clause_ids(found), severities=words, findings=len(found))
        for words, found in allowed.items()
    )


def _clause_ids(found: list[Classification]) -> tuple[str, ...]:
    ids = dict.fromkeys(
        display(clause.id, 40) for given in found for clause in given.clauses if clause.grants
    )
    return tuple(ids)[:_CLAUSES] + (("…",) if len(ids) > _CLAUSES else ())


def filing_lines(report: Report) -> tuple[str, ...]:
    """Returns the same as sentences; where nothing may be filed, the reason in one sentence."""
    allowed = tuple(filing.sentence for filing in filings(report))
    if allowed:
        return allowed
    found = problems(report)
    if not found:
        return (_nothing(report),)
    open_ones = sum(judged.classification.scope is Scope.UNDETERMINED for judged in found)
    if open_ones:
        verb = "is" if open_ones == 1 else "are"
        return (f"nothing for certain: {count_of(open_ones, 'finding')} {verb} undetermined; ask support",)
    return ("nothing: the policy covers none of these findings",)


def _nothing(report: Report) -> str:
    """Returns why nothing may be filed where nothing is wrong: what was not seen is not fine."""
    if not report.findings:
        return "nothing: nothing was judged"
    unseen = f" in what was looked at ({completeness(report.run)})" if not_looked_at(report.run) else ""
    number = outcomes(report)[Outcome.UNKNOWN]
    unsettled = f"; {count_of(number, 'unknown')} {_remains(number)}" if number else ""
    return f"nothing: no failures or warnings were found{unseen}{unsettled}"


def completeness(run: RunInfo) -> str:
    """Returns ``21 of 23 collectors``, with what became of the others."""
    ended = Counter(one.status for one in run.collectors)
    ran = len(run.collectors) - ended[Status.SKIPPED]
    rest = "".join(
        f", {ended[status]} {status}" for status in Status if status is not Status.OK and ended[status]
    )
    return f"{ended[Status.OK]} of {count_of(ran, 'collector')}{rest}"


def questions(report: Report) -> tuple[Question, ...]:
    """Returns what to ask next: the rules' questions, then what would settle each unknown.

    What the list of gaps already says is not repeated, and a question is asked once.
    """
    seen = {gap.needs for gap in report.run.gaps}
    found: list[Question] = []
    for judged in by_importance(report.findings):
        finding = judged.finding
        if finding.outcome is Outcome.PASS:
            continue
        for text in finding.ask:
            if text and text not in seen:
                seen.add(text)
                found.append(Question(text=display(text, _TEXT), command="", rule=display(finding.rule, 40)))
    for judged in unknowns(report):
        finding = judged.finding
        if finding.needs and finding.needs not in seen:
            seen.add(finding.needs)
            found.append(
                Question(
                    text=f"To settle “{display(finding.title, 120)}”:",
                    command=display(finding.needs, _TEXT),
                    rule=display(finding.rule, 40),
                )
            )
    return tuple(found)
