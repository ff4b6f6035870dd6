"""The rows of the page's findings table: one finding with all that a reader may ask of it."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

from collector.core.text import block, display
from collector.findings import Clause, Evidence, Finding, JudgedFinding, Outcome, Scope
from collector.report.headline import PROBLEMS
from collector.report.plain import count_of, moment, severities, where
from collector.report.words import load_words

_TEXT = 600
_NAME = 200
_EXCERPT = 1200
_EVIDENCE = 5
_FLAGS = 10
_MAX_PATH = 400
_PLAIN_PATH = re.compile(r"[a-z0-9][A-Za-z0-9._~-]*(?:/[A-Za-z0-9_][A-Za-z0-9._~-]*)*")


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A term and its value; ``look`` is an outcome's value where the value is a verdict."""

    term: str
    value: str
    look: str = ""


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """Where evidence stands; ``href`` is set only for paths that cannot be anything but a file beside us."""

    text: str
    href: str
    excerpt: str


@dataclass(frozen=True, kw_only=True)
class FindingRow:
    """One finding. ``key`` is what the filter sees beside the visible text."""

    id: str
    key: str
    outcome: Outcome
    word: str
    summary: str
    about: str
    scope: str
    clauses: tuple[Clause, ...]
    severities: str
    pointers: tuple[Pointer, ...]
    details: tuple[Labelled, ...]


def finding_row(place: int, judged: JudgedFinding) -> FindingRow:
    """Returns the row of the finding at ``place``, counted from 0 in the order of importance."""
    finding, given, words = judged.finding, judged.classification, load_words()
    subject = f"{display(finding.subject, _NAME)} ({words.owners[finding.subject.owner]})"
    return FindingRow(
        id=row_id(place),
        key=filter_key(given.scope, finding.outcome),
        outcome=finding.outcome,
        word=words.outcomes[finding.outcome].word,
        summary=display(finding.summary or finding.title, _TEXT),
        about=f"{display(finding.rule, 40)} · {subject} · {words.impacts[finding.impact]}",
        scope=words.scopes[given.scope].label,
        clauses=tuple(map(shown_clause, given.clauses[:_EVIDENCE])),
        severities=severities(given) if finding.outcome in PROBLEMS else "",
        pointers=tuple(map(_pointer, finding.evidence[:_EVIDENCE])),
        details=tuple(_details(judged)),
    )


def _details(judged: JudgedFinding) -> Iterator[Labelled]:
    finding, given = judged.finding, judged.classification
    told = (
        ("Remedy", finding.remedy),
        ("Needs", finding.needs),
        ("Why this scope", given.why),
        ("Would change it", given.would_change),
        ("Note", "; ".join(given.flags[:_FLAGS])),
        ("Seen", _seen(finding)),
        ("Rule", f"{finding.title} ({finding.rule}, {finding.confidence})"),
        ("Policy row", given.row),
        ("Fingerprint", finding.fingerprint),
    )
    for term, value in told:
        if value:
            yield Labelled(term=term, value=display(value, _TEXT))


def _seen(finding: Finding) -> str:
    if finding.first_seen is None and finding.last_seen is None:
        return ""
    times = f", {count_of(finding.count, 'time')}" if finding.count else ""
    return f"{moment(finding.first_seen)} to {moment(finding.last_seen)}{times}"


def _pointer(evidence: Evidence) -> Pointer:
    plain = len(evidence.path) <= _MAX_PATH and _PLAIN_PATH.fullmatch(evidence.path)
    return Pointer(
        text=where(evidence),
        href=f"./{urllib.parse.quote(evidence.path)}" if plain else "",
        excerpt=block(evidence.excerpt, _EXCERPT),
    )


def shown_clause(clause: Clause) -> Clause:
    """Returns the clause with its texts bounded."""
    return Clause(
        id=display(clause.id, 40), document=display(clause.document, 120), words=display(clause.words, _TEXT)
    )


def row_id(place: int) -> str:
    """Returns the element id of a row."""
    return f"finding-{place + 1}"


def filter_key(scope: Scope, outcome: Outcome) -> str:
    """Returns what the filter understands beside plain words."""
    return f"scope:{scope} outcome:{outcome}"
