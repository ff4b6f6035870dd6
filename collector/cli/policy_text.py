"""The policy in words for a terminal: one verdict explained, its parts shown, lint and test results."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from collector.core.text import counted, display
from collector.findings import Clause, Facts
from collector.report.plain import NOT_STATED, severities
from collector.support import Explanation, Policy, Remark
from collector.support.explain import Attempt
from collector.support.matching import Miss, topics
from collector.support.model import PolicyFile, Row

_LABEL = 17
_UNKNOWN = "not known"


def explained(explanation: Explanation, facts: Facts, *, width: int) -> str:
    """Returns how a verdict came about: the facts, the rows in order, the words, what would change it."""
    finding, given = explanation.finding, explanation.classification
    lines = [
        *_wrapped(f"{finding.rule} · {finding.subject} · {finding.outcome}", width),
        *_wrapped(finding.summary, width, indent=2),
        "",
        "Facts",
        *_facts(explanation, facts, width),
        "",
        f"Rows tried for {display(finding.topic, 100)}, in order",
        *(line for alike in _alike(explanation.tried) for line in _attempts(alike, width)),
    ]
    if not given.row:
        lines += _wrapped("no row matches: what no clause speaks of is undetermined", width, indent=2)
    lines += ["", f"Verdict: {given.scope}, severity {severities(given)}"]
    lines += _wrapped(given.why, width, indent=2)
    lines += [line for clause in given.clauses for line in _clause(clause, width)]
    if given.flags:
        lines += ["", "Context"]
        lines += [line for flag in given.flags for line in _wrapped(f"- {flag}", width, indent=2, hang=2)]
    lines += ["", "What would change it", *_wrapped(given.would_change, width, indent=2)]
    for attempt in explanation.nearest:
        text = f"- row {attempt.row.id} would say {attempt.row.scope}: {_wish(attempt.missed[0])}"
        lines += _wrapped(text, width, indent=2, hang=2)
    return _joined(lines)


def shown(policy: Policy, name: str, *, width: int) -> str:
    """Returns the policy's documents and clauses, or one clause, row or topic; empty if there is none."""
    if not name:
        return _joined(_overview(policy, width))
    if name in policy.clauses:
        quoting = [row for row in policy.rows if name in row.clauses]
        return _joined([*_clause(policy.clauses[name], width, indent=0), *_rows(quoting, width)])
    rows = [row for row in policy.rows if row.id == name or name in topics(row)]
    if not rows:
        return ""
    lines = _rows(rows, width)
    clauses = dict.fromkeys(clause for row in rows for clause in row.clauses)
    return _joined([*lines, *(line for c in clauses for line in _clause(policy.clauses[c], width))])


def linted(policy: PolicyFile, remarks: Sequence[Remark], *, width: int) -> str:
    """Returns the problems, what is worth a look, and a line that counts both."""
    lines = []
    for remark in remarks:
        head = "PROBLEM " if remark.problem else "note    "
        lines += _wrapped(head + remark.text, width, hang=8)
    problems = sum(remark.problem for remark in remarks)
    lines.append(
        f"{policy.id} {policy.version}: {counted(len(policy.rows), 'row')}, "
        f"{counted(len(policy.clauses), 'clause')}, {counted(problems, 'problem')}, "
        f"{counted(len(remarks) - problems, 'note')}"
    )
    return _joined(lines)


def tested(results: Iterable[tuple[str, Sequence[str]]], *, width: int) -> str:
    """Returns the cases that come out otherwise, each with what differs, and a line that counts."""
    lines, failed, count = [], 0, 0
    for name, differing in results:
        count += 1
        if differing:
            failed += 1
            lines += _wrapped(f"FAIL {name}", width, hang=5)
            lines += [line for text in differing for line in _wrapped(text, width, indent=5, hang=2)]
    lines.append(f"{counted(count, 'case')}, {failed} failed")
    return _joined(lines)


def _facts(explanation: Explanation, facts: Facts, width: int) -> Iterator[str]:
    finding, now = explanation.finding, explanation.situation
    window = f"{facts.platform_window}" + (f" ({facts.window_basis})" if facts.window_basis else "")
    stated = {
        "owner": finding.subject.owner.value,
        "platform": f"{facts.platform} {facts.platform_version}".strip(),
        "window": window,
        "environment": facts.environment.value,
        "conductor_version": now.conductor_version,
        **{name: finding.facts[name] for name in sorted(finding.facts)},
    }
    for name, value in stated.items():
        yield from _wrapped(f"{name:<{_LABEL}} {value or _UNKNOWN}", width, indent=2, hang=_LABEL + 1)


def _alike(tried: Iterable[Attempt]) -> list[list[Attempt]]:
    """Returns the rows by what first kept each from matching, in the order of the first of each."""
    found: dict[tuple[str, str | None], list[Attempt]] = {}
    for attempt in tried:
        first = attempt.missed[0] if attempt.missed else None
        found.setdefault((first.name, first.found) if first else ("", None), []).append(attempt)
    return list(found.values())


def _attempts(alike: Sequence[Attempt], width: int) -> list[str]:
    """Returns a line for one row, or one for several with the condition that none of them meets."""
    first, *rest = alike
    if not rest:
        said = "; ".join(_said(miss) for miss in first.missed) or f"matches: {first.row.scope}"
        return _wrapped(f"{first.row.id:<{_LABEL}} {said}", width, indent=2, hang=_LABEL + 1)
    miss = first.missed[0]
    wanted = {value for attempt in alike for value in attempt.missed[0].wanted}
    said = _said(replace(miss, wanted=tuple(sorted(wanted))))
    ids = ", ".join(attempt.row.id for attempt in alike)
    head = f"{counted(len(alike), 'row'):<{_LABEL}} "
    return _wrapped(f"{head}{said}: {ids}", width, indent=2, hang=_LABEL + 1)


def _said(miss: Miss) -> str:
    found = "not stated" if miss.found is None else f"is {miss.found or _UNKNOWN}"
    return f"{miss.name} {found}, not {_either(miss.wanted)}"


def _wish(miss: Miss) -> str:
    return f"if {miss.name} were {_either(miss.wanted)}"


def _either(values: Sequence[str]) -> str:
    named = [value or "unknown" for value in sorted(values, key=lambda value: not value)]
    return " or ".join(filter(None, (", ".join(named[:-1]), named[-1])))


def _overview(policy: Policy, width: int) -> Iterator[str]:
    yield f"{policy.info.id} {policy.info.version}, sha256 {policy.info.sha256[:16]}"
    for document in policy.documents:
        yield ""
        dated = f" ({document.date})" if document.date else ""
        yield from _wrapped(f"{document.id}  {document.title}{dated}", width, hang=4)
        yield from _wrapped(document.source, width, indent=4)
        for clause in policy.clauses.values():
            if clause.document == document.title:
                quoting = sum(clause.id in row.clauses for row in policy.rows)
                text = f"{clause.id:<5} {clause.words} [{counted(quoting, 'row')}]"
                yield from _wrapped(text, width, indent=4, hang=6)


def _rows(rows: Iterable[Row], width: int) -> list[str]:
    lines: list[str] = []
    for row in rows:
        allowed = row.severities if row.severities == NOT_STATED else ", ".join(map(str, row.severities))
        lines += [f"row {row.id}: {row.scope}, severity {allowed or 'none'}, step {row.step or 'not stated'}"]
        lines += _wrapped(f"topics: {', '.join(sorted(topics(row)))}", width, indent=2, hang=8)
        lines += _wrapped(row.why, width, indent=2)
    return lines


def _clause(clause: Clause, width: int, indent: int = 2) -> list[str]:
    return _wrapped(f'{clause.id} "{clause.words}" ({clause.document})', width, indent=indent, hang=2)


def _wrapped(text: str, width: int, *, indent: int = 0, hang: int = 0) -> list[str]:
    """Returns lines of at most ``width`` characters; a word that is longer is broken."""
    return textwrap.wrap(
        display(text, 2000),
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_on_hyphens=False,
        drop_whitespace=True,
    )


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
