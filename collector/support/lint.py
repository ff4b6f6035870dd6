"""What is wrong with a policy, and what is worth a second look though nothing forbids it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from collector.support.checks import contradictions
from collector.support.matching import members, topics
from collector.support.model import ANY_TOPIC, PolicyFile


@dataclass(frozen=True, kw_only=True)
class Remark:
    """One line of lint. A ``problem`` judges wrongly or not at all; anything else is worth a look."""

    problem: bool
    text: str


def lint(policy: PolicyFile, stated: Collection[str], unseen: Mapping[str, str]) -> Iterator[Remark]:
    """Yields the problems, then the rest.

    Args:
        policy: the file, as far as its schema goes in order.
        stated: the topics that rules give their findings.
        unseen: topics that no rule states, each with the reason why.
    """
    yield from (Remark(problem=True, text=text) for text in contradictions(policy))
    yield from (Remark(problem=True, text=text) for text in _undeclared(policy))
    yield from (Remark(problem=False, text=text) for text in _unsourced(policy))
    yield from (Remark(problem=False, text=text) for text in _idle(policy))
    yield from (Remark(problem=False, text=text) for text in _unseen(policy, stated, unseen))


def _undeclared(policy: PolicyFile) -> Iterator[str]:
    if not policy.facts:
        return
    for row in policy.rows:
        for name, wanted in row.when.facts.items():
            if name not in policy.facts:
                yield f"row {row.id}: fact {name!r} is not declared under facts"
                continue
            unknown = sorted((members(wanted) or frozenset()) - set(policy.facts[name].values))
            if unknown:
                yield f"row {row.id}: fact {name!r} is never {', '.join(map(repr, unknown))}"


def _unsourced(policy: PolicyFile) -> Iterator[str]:
    for document in policy.documents:
        if not document.date:
            yield f"document {document.id}: no date"
        if not document.sha256:
            yield f"document {document.id}: no digest of the text that was read"
    if not policy.terms.severity_definitions:
        yield "terms: what severities 1-4 mean is not filled in"
    if not policy.terms.service_levels:
        yield "terms: the service levels are not filled in"


def _idle(policy: PolicyFile) -> Iterator[str]:
    quoted = {clause for row in policy.rows for clause in row.clauses}
    yield from (f"clause {c.id}: no row quotes it" for c in policy.clauses if c.id not in quoted)
    used = {clause.document for clause in policy.clauses} | {policy.terms.document}
    yield from (f"document {d.id}: no clause is from it" for d in policy.documents if d.id not in used)
    tested = {name for row in policy.rows for name in row.when.facts}
    yield from (f"fact {name}: no row tests it" for name in policy.facts if name not in tested)
    yield from (f"row {row.id}: states no step" for row in policy.rows if row.step is None)


def _unseen(policy: PolicyFile, stated: Collection[str], unseen: Mapping[str, str]) -> Iterator[str]:
    known = sorted(frozenset[str]().union(*(topics(row) for row in policy.rows)) - {ANY_TOPIC})
    yield from (
        f"topic {topic}: no rule states it, and no reason is given"
        for topic in known
        if topic not in stated and topic not in unseen
    )
