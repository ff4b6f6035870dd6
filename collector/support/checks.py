"""Contradictions a schema cannot see: quotes from nowhere, rows never reached, scopes without words."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Collection, Iterator

from collector.findings import Scope
from collector.support.matching import conditions, members, topics
from collector.support.model import ANY_TOPIC, FLAGS_PLACEHOLDER, NOT_STATED, STEPS, PolicyFile, Row, When

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_NO_TICKET = frozenset({Scope.UNSUPPORTED, Scope.OUT_OF_SCOPE})
_FILEABLE = frozenset({Scope.SUPPORTED, Scope.SECONDARY, Scope.EXPERIMENTAL})
_NEEDS_CLAUSE = _FILEABLE | {Scope.UNSUPPORTED}


def contradictions(policy: PolicyFile) -> Iterator[str]:
    """Yields one sentence for each contradiction, with the place in the file."""
    documents = [document.id for document in policy.documents]
    clauses = [clause.id for clause in policy.clauses]
    yield from _twice("documents", documents)
    yield from _twice("clauses", clauses)
    yield from _twice("rows", [row.id for row in policy.rows])
    for at, clause in enumerate(policy.clauses):
        yield from _unknown(f"clauses[{at}] ({clause.id})", "document", clause.document, documents)
    yield from _unknown("terms", "document", policy.terms.document, documents)
    stating = _clauses_that_state_severities(policy)
    silent = {clause.id for clause in policy.clauses if not clause.grants}
    for at, row in enumerate(policy.rows):
        place = _place(at, row)
        for clause_id in row.clauses:
            yield from _unknown(place, "clause", clause_id, clauses)
        yield from _wrong_scope(place, row, stating)
        yield from _ungranted(place, row, silent)
        yield from _wrong_words(place, row)
        yield from _wrong_fix(place, row)
    yield from _circular_flags(policy.rows)
    yield from _unreachable(policy.rows)
    yield from _out_of_order(policy.rows)


def _twice(where: str, ids: list[str]) -> Iterator[str]:
    for id_ in sorted({id_ for id_ in ids if ids.count(id_) > 1}):
        yield f"{where}: {id_!r} stands twice"


def _unknown(place: str, kind: str, name: str, known: Collection[str]) -> Iterator[str]:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        suggestion = f"; did you mean {near[0]!r}?" if near else ""
        yield f"{place}: there is no {kind} {name!r}{suggestion}"


def _clauses_that_state_severities(policy: PolicyFile) -> frozenset[str]:
    stating = {document.id for document in policy.documents if document.severities_stated}
    return frozenset(clause.id for clause in policy.clauses if clause.document in stating)


def _wrong_scope(place: str, row: Row, stating: frozenset[str]) -> Iterator[str]:
    if row.scope in _NEEDS_CLAUSE and not row.clauses:
        yield f"{place}: scope {row.scope} needs a clause that says so"
    if row.severities == NOT_STATED:
        if row.scope in _NO_TICKET:
            yield f"{place}: scope {row.scope} allows no ticket, so severities must be []"
        return
    if list(row.severities) != sorted(set(row.severities)):
        yield f"{place}: severities must rise and not repeat"
    if row.severities and row.scope in _NO_TICKET:
        yield f"{place}: scope {row.scope} allows no ticket, so severities must be []"
    elif row.severities and not stating & set(row.clauses):
        yield f"{place}: severities are given, but no clause quoted is from a document that states severities"
    elif not row.severities and row.scope in _FILEABLE:
        yield f"{place}: scope {row.scope} must allow a severity or leave it 'not stated'"


def _ungranted(place: str, row: Row, silent: Collection[str]) -> Iterator[str]:
    """A ticket is filed under the words that grant support, so there must be some."""
    if row.scope in _FILEABLE and row.clauses and set(row.clauses) <= set(silent):
        yield f"{place}: scope {row.scope} needs a clause that grants support, without grants: false"


def _wrong_fix(place: str, row: Row) -> Iterator[str]:
    """A fix has severities of its own only where finding the cause has some, and never more of them."""
    fix, cause = row.fix_severities, row.severities
    if fix is not None and (cause == NOT_STATED or not fix or not set(fix) <= set(cause)):
        yield f"{place}: fix_severities must be some of the severities that are stated for finding the cause"


def _wrong_words(place: str, row: Row) -> Iterator[str]:
    found = set(_PLACEHOLDER.findall(row.why)) | set(_PLACEHOLDER.findall(row.would_change))
    for name in sorted(found - {FLAGS_PLACEHOLDER}):
        yield f"{place}: {name} is no placeholder; only {FLAGS_PLACEHOLDER} is"
    if FLAGS_PLACEHOLDER in row.would_change:
        yield f"{place}: {FLAGS_PLACEHOLDER} can stand in why only"
    state = members(row.when.flags)
    if FLAGS_PLACEHOLDER in row.why and (state is None or "none" in state):
        yield f"{place}: {FLAGS_PLACEHOLDER} needs when.flags doubtful or unmet; it may be empty here"


def _circular_flags(rows: tuple[Row, ...]) -> Iterator[str]:
    """A topic may raise flags or test them: doing both would make the result depend on itself."""
    raising = frozenset[str]().union(*(topics(row) for row in rows if row.flag))
    for at, row in enumerate(rows):
        both = topics(row) & raising if row.when.flags is not None else frozenset[str]()
        if ANY_TOPIC in topics(row) and (row.flag or row.when.flags is not None):
            yield f"{_place(at, row)}: a row for every topic can neither raise nor test flags"
        elif both:
            yield f"{_place(at, row)}: topic {min(both)} raises flags in other rows, so it cannot test them"


def _unreachable(rows: tuple[Row, ...]) -> Iterator[str]:
    for at, row in enumerate(rows):
        for topic in sorted(topics(row)):
            earlier = next((e for e in rows[:at] if topics(e) & {topic, ANY_TOPIC} and _covers(e, row)), None)
            if earlier:
                yield f"{_place(at, row)}: never reached for topic {topic}; row {earlier.id} takes all of it"


def _covers(first: Row, second: Row) -> bool:
    """True if everything that matches ``second`` matches ``first`` already."""
    return _fixed_cover(first.when, second.when) and _facts_cover(first.when, second.when)


def _fixed_cover(first: When, second: When) -> bool:
    narrower = conditions(second)
    return all(
        admitted is None or ((inner := narrower[name]) is not None and inner <= admitted)
        for name, admitted in conditions(first).items()
    )


def _facts_cover(first: When, second: When) -> bool:
    for name, wanted in first.facts.items():
        admitted, inner = members(wanted), members(second.facts.get(name))
        if admitted is not None and (inner is None or not inner <= admitted):
            return False
    return True


def _out_of_order(rows: tuple[Row, ...]) -> Iterator[str]:
    """What an earlier step of the order of decision decides, a row of a later step must not take first."""
    known = [(at, row, STEPS.index(row.step)) for at, row in enumerate(rows) if row.step]
    for (at, row, step), (_, below, earlier) in itertools.combinations(known, 2):
        if earlier < step and below.scope is not row.scope and overlap(row, below):
            yield (
                f"{_place(at, row)}: some findings match both this row, which says {row.scope}, and row "
                f"{below.id} below it, which says {below.scope} and must be asked first (step {below.step} "
                f"before step {row.step}). Move row {below.id} above row {row.id}, or say {row.scope} in row "
                f"{below.id} too, or add a condition to row {row.id} that leaves its findings out"
            )


def overlap(first: Row, second: Row) -> bool:
    """True if some finding can match both rows."""
    if ANY_TOPIC not in topics(first) | topics(second) and not topics(first) & topics(second):
        return False
    ours, theirs = conditions(first.when), conditions(second.when)
    facts = first.when.facts.keys() & second.when.facts.keys()
    pairs = [(ours[name], theirs[name]) for name in ours]
    pairs += [(members(first.when.facts[name]), members(second.when.facts[name])) for name in sorted(facts)]
    return all(a is None or b is None or a & b for a, b in pairs)


def _place(at: int, row: Row) -> str:
    return f"rows[{at}] (row {row.id})"
