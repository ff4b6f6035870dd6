"""The verdict on the terminal: at most 25 lines, readable without colour, at 3 a.m., at any width."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from collector.core.text import display, human_bytes
from collector.findings import JudgedFinding, Outcome, Report, RunInfo
from collector.report import headline
from collector.report.plain import cells, count_of, cut, cut_middle, window, wrap
from collector.report.words import load_words

MAX_LINES = 25
_LEAST_WIDTH = 40
_WORD = 6
_REMEDY = " " * _WORD
_FILINGS = 3
_EXPLAINED = 5
_COLOURS = {Outcome.FAIL: "31", Outcome.WARN: "33", Outcome.UNKNOWN: "35", Outcome.PASS: "32"}


def verdict(
    report: Report,
    *,
    width: int,
    color: bool,
    bundle_path: str,
    summary_path: str,
    bundle_sha256: str,
) -> str:
    """Returns the verdict, ended by a newline.

    Args:
        report: the run.
        width: terminal cells; no line is wider, and less than 40 counts as 40.
        color: whether the outcome words are coloured; the words carry the meaning either way.
        bundle_path: where the sealed bundle is; empty when none was written.
        summary_path: where the text for the ticket is; empty when it was not written.
        bundle_sha256: the bundle's digest in hex.
    """
    columns = max(width, _LEAST_WIDTH)
    head = [_context(report), _collection(report.run)]
    tail = [
        *_filing(report, columns),
        *_files(report.run, columns, bundle_path, summary_path, bundle_sha256),
    ]
    body = _body(report, columns, MAX_LINES - len(head) - len(tail))
    lines = [cut(line, columns) for line in (*head, *body, *tail)]
    return "\n".join(_coloured(line) if color else line for line in lines) + "\n"


def _context(report: Report) -> str:
    run, namespaces = report.run, report.facts.conductor_namespaces
    demo = "recorded demo" if run.demo else ""
    tls = "" if run.tls_verified else "TLS NOT VERIFIED"
    place = f"context {display(run.context, 60)}" if run.context else display(run.server, 60)
    home = f"namespace {', '.join(display(name, 63) for name in namespaces[:2])}" if namespaces else ""
    parts = (tls, demo, place, home, f"last {window(run.window_seconds)}", "read-only")
    return " · ".join(part for part in parts if part)


def _collection(run: RunInfo) -> str:
    size = human_bytes(sum(one.size for one in run.collectors))
    withheld = f" · {count_of(run.withheld, 'entry', 'entries')} withheld" if run.withheld else ""
    values = count_of(run.redaction_count, "value")
    return f"collected {headline.completeness(run)} · {size} · {values} redacted{withheld}"


def _body(report: Report, columns: int, room: int) -> list[str]:
    """Returns the most important findings: as many as fit, the first ones with what to do about them."""
    problems, unsettled = headline.problems(report), headline.unknowns(report)
    if not problems and not unsettled:
        return wrap(headline.sentence(report), columns)
    quiet = [] if problems else ["No failures or warnings."]
    shown = [*problems[:room], *unsettled[:room]]
    tags = _tag_width(shown, columns)
    for explained in range(min(len(shown), _EXPLAINED), -1, -1):
        blocks = [_block(one, columns, tags, explain=at < explained) for at, one in enumerate(shown)]
        if sum(map(len, blocks)) + len(quiet) <= room and len(shown) == len(problems) + len(unsettled):
            return [*quiet, *chain.from_iterable(blocks)]
    told = _fitting((_block(one, columns, tags, explain=False) for one in problems), room - 2)
    asked = _fitting(
        (_block(one, columns, tags, explain=False) for one in unsettled), room - len(told) - len(quiet) - 1
    )
    left = _left(len(problems) - len(told), len(unsettled) - len(asked))
    return [*quiet, *chain.from_iterable(told), *chain.from_iterable(asked), *left]


def _fitting(blocks: Iterable[list[str]], room: int) -> list[list[str]]:
    kept: list[list[str]] = []
    for block in blocks:
        room -= len(block)
        if room < 0:
            break
        kept.append(block)
    return kept


def _left(problems: int, unsettled: int) -> list[str]:
    parts = []
    if problems:
        parts.append(f"{problems} more")
    if unsettled:
        parts.append(f"{unsettled} more unknown")
    return [f"{_REMEDY}and {', '.join(parts)}: see the report"] if parts else []


def _tag(judged: JudgedFinding) -> str:
    given = judged.classification
    clause = display(given.clauses[0].id, 12) if given.clauses else ""
    return f"{load_words().scopes[given.scope].label} {clause}".rstrip()


def _tag_width(shown: Iterable[JudgedFinding], columns: int) -> int:
    return min(max((cells(_tag(judged)) for judged in shown), default=0), columns // 3)


def _block(judged: JudgedFinding, columns: int, tags: int, *, explain: bool) -> list[str]:
    """Returns one finding: a line that says what it is or, to explain it, two lines and what to do."""
    finding = judged.finding
    word = load_words().outcomes[finding.outcome].word
    tag = cut(_tag(judged), tags)
    start = f"{word:<{_WORD}}{tag}{' ' * (tags - cells(tag))}  "
    most = 2 if explain else 1
    first, *others = wrap(display(finding.summary or finding.title, 300), columns - cells(start), most=most)
    lines = [start + first, *(" " * cells(start) + line for line in others)]
    remedy = finding.needs if finding.outcome is Outcome.UNKNOWN and finding.needs else finding.remedy
    if explain and remedy:
        first, *others = wrap(display(remedy, 300), columns - _WORD - 2, most=2)
        lines += [f"{_REMEDY}→ {first}", *(f"{_REMEDY}  {line}" for line in others)]
    return lines


def _filing(report: Report, columns: int) -> list[str]:
    lines = headline.filing_lines(report)
    shown = list(lines[:_FILINGS])
    if len(lines) > _FILINGS:
        shown[-1] = f"and {len(lines) - _FILINGS + 1} more sets of clauses: see the report"
    start = "You may file  "
    wrapped = chain.from_iterable(wrap(text, columns - len(start), most=2) for text in shown)
    return [f"{start if place == 0 else ' ' * len(start)}{line}" for place, line in enumerate(wrapped)]


def _files(run: RunInfo, columns: int, bundle: str, summary: str, sha256: str) -> list[str]:
    rows = [("Bundle", display(run.bundle_id, 80))]
    if bundle:
        rows += [("File", display(bundle, 1000)), ("sha256", display(sha256, 64))]
    if summary:
        rows.append(("Ticket", display(summary, 1000)))
    return [f"{name:<8}{cut_middle(value, columns - 8)}" for name, value in rows]


def _coloured(line: str) -> str:
    for outcome, code in _COLOURS.items():
        word = f"{load_words().outcomes[outcome].word:<{_WORD}}"
        if line.startswith(word):
            return f"\x1b[1;{code}m{word.rstrip()}\x1b[0m{line[len(word.rstrip()) :]}"
    return line
