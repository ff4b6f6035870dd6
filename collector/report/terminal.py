"""The verdict on the terminal: what is wrong and what to do, readable without colour and at any width."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from collector.core.text import display, human_bytes
from collector.findings import JudgedFinding, Outcome, Report, RunInfo
from collector.report import headline
from collector.report.plain import cells, count_of, cut, window, wrap
from collector.report.words import load_words

MAX_LINES = 30
"""Lines of the verdict proper; what may be filed and where the files are follows it."""
_LEAST_WIDTH = 40
_WORD = 6
_INDENT = " " * _WORD
_FILINGS = 3
_EXPLAINED = 5
_NAMES = 8  # cells before what a row of the result block says
_PATH = 4096
_COMMAND = "conductor-diag "
# How many lines the text and the remedy of an explained finding may take, the most generous first.
_ROOMS = ((4, 3), (3, 3), (3, 2), (2, 2), (2, 1), (1, 1))
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
    texts = (_context(report), *_clocks(report.run), _collection(report.run))
    head = [line for text in texts for line in wrap(text, columns, most=2)]
    lines = [*head, *_body(report, columns, MAX_LINES - len(head)), *_filing(report, columns)]
    shown = [_coloured(line) if color else line for line in lines]
    files = _files(report.run, columns, bundle_path, summary_path, bundle_sha256)
    return "\n".join((*shown, *files)) + "\n"


def delivery(state: str, reason: str, hint: str, *, width: int) -> str:
    """Returns what became of the delivery as a row of the result block, ended by a newline.

    A command at the end of the hint is there to be copied: it has a line of its own and is never broken.
    """
    columns = max(width, _LEAST_WIDTH)
    said = f"{display(state, 40)}: {display(reason, _PATH)}"
    lines = [*_row("Errbit", said, columns)]
    advice, command, flags = display(hint, _PATH).partition(_COMMAND)
    if advice:
        lines += _row("", advice, columns)
    if command:
        lines.append(f"  {command}{flags}")
    return "\n".join(lines) + "\n"


def _context(report: Report) -> str:
    run, namespaces = report.run, report.facts.conductor_namespaces
    demo = "recorded demo" if run.demo else ""
    tls = "" if run.tls_verified else "TLS NOT VERIFIED"
    place = f"context {display(run.context, 60)}" if run.context else display(run.server, 60)
    home = f"namespace {', '.join(display(name, 63) for name in namespaces[:2])}" if namespaces else ""
    parts = (tls, demo, place, home, f"last {window(run.window_seconds)}", "read-only")
    return " · ".join(part for part in parts if part)


def _clocks(run: RunInfo) -> list[str]:
    words = run.clock_words
    return [f"{words[0].upper()}{words[1:]}."] if words else []


def _collection(run: RunInfo) -> str:
    size = human_bytes(sum(one.size for one in run.collectors))
    withheld = f" · {count_of(run.withheld, 'entry', 'entries')} withheld" if run.withheld else ""
    values = count_of(run.redaction_count, "value")
    return f"collected {headline.completeness(run)} · {size} · {values} redacted{withheld}"


def _body(report: Report, columns: int, room: int) -> list[str]:
    """Returns the findings: the first ones whole and with what to do, of the others one line each."""
    problems, unsettled = headline.problems(report), headline.unknowns(report)
    if not problems and not unsettled:
        return wrap(headline.sentence(report), columns)
    quiet = [] if problems else wrap(headline.none_found(report), columns)
    every = [*problems, *unsettled]
    first, rest = every[:_EXPLAINED], every[_EXPLAINED:]
    tags = _tag_width(every[:room], columns)
    left = room - len(quiet)
    explained = _explained(first, columns, tags, left - min(len(rest), 2))
    others = _fitting(rest, left - len(explained))
    lines = [_line(one, columns, tags) for one in others]
    return [*quiet, *explained, *lines, *_left(rest, others)]


def _explained(first: list[JudgedFinding], columns: int, tags: int, room: int) -> list[str]:
    """Returns the most of each finding that fits; the least is a line of it and one of its remedy."""
    lines: list[str] = []
    for text, remedy in _ROOMS:
        lines = list(chain.from_iterable(_block(one, columns, tags, text, remedy) for one in first))
        if len(lines) <= room:
            break
    return lines


def _fitting(rest: list[JudgedFinding], room: int) -> list[JudgedFinding]:
    """Returns what has a line: where not all have, one is kept for an unknown and one for the count."""
    if len(rest) <= room:
        return rest
    problems = [judged for judged in rest if judged.finding.outcome in headline.PROBLEMS]
    unsettled = rest[len(problems) :]
    named = problems[: max(room - 1 - min(len(unsettled), 1), 0)]
    return [*named, *unsettled[: max(room - 1 - len(named), 0)]]


def _left(rest: list[JudgedFinding], named: list[JudgedFinding]) -> list[str]:
    unknown = sum(judged.finding.outcome is Outcome.UNKNOWN for judged in rest)
    unknown -= sum(judged.finding.outcome is Outcome.UNKNOWN for judged in named)
    unsaid = len(rest) - len(named)
    parts = []
    if unsaid > unknown:
        parts.append(f"{unsaid - unknown} more")
    if unknown:
        parts.append(f"{unknown} more unknown")
    return [f"{_INDENT}and {', '.join(parts)}: see the report"] if parts else []


def _tag(judged: JudgedFinding) -> str:
    given = judged.classification
    clause = display(given.clauses[0].id, 12) if given.clauses else ""
    return f"{load_words().scopes[given.scope].label} {clause}".rstrip()


def _tag_width(shown: Iterable[JudgedFinding], columns: int) -> int:
    return min(max((cells(_tag(judged)) for judged in shown), default=0), columns // 3)


def _start(judged: JudgedFinding, tags: int) -> str:
    word = load_words().outcomes[judged.finding.outcome].word
    tag = cut(_tag(judged), tags)
    return f"{word:<{_WORD}}{tag}{' ' * (tags - cells(tag))}  "


def _says(judged: JudgedFinding) -> str:
    return display(judged.finding.summary or judged.finding.title, 300)


def _line(judged: JudgedFinding, columns: int, tags: int) -> str:
    return cut(_start(judged, tags) + _says(judged), columns)


def _block(judged: JudgedFinding, columns: int, tags: int, text: int, remedy: int) -> Iterator[str]:
    """Yields one finding in at most ``text`` lines and what to do in at most ``remedy`` lines."""
    finding = judged.finding
    start = _start(judged, tags)
    # The lines that follow use the room below the tag as well: a summary is seldom longer than two.
    first, *_ = wrap(_says(judged), columns - cells(start), most=1 if text == 1 else 0)
    yield start + first
    if text > 1 and (rest := _says(judged)[len(first) :].strip()):
        yield from (_INDENT + line for line in wrap(rest, columns - _WORD, most=text - 1))
    todo = finding.needs if finding.outcome is Outcome.UNKNOWN and finding.needs else finding.remedy
    if todo:
        first, *others = wrap(display(todo, 600), columns - _WORD - 2, most=remedy)
        yield f"{_INDENT}→ {first}"
        yield from (f"{_INDENT}  {line}" for line in others)


def _filing(report: Report, columns: int) -> list[str]:
    lines = headline.filing_lines(report)
    shown = list(lines[:_FILINGS])
    if len(lines) > _FILINGS:
        shown[-1] = f"and {len(lines) - _FILINGS + 1} more sets of clauses: see the report"
    start = "You may file  "
    wrapped = chain.from_iterable(wrap(text, columns - len(start), most=2) for text in shown)
    return [f"{start if place == 0 else ' ' * len(start)}{line}" for place, line in enumerate(wrapped)]


def _files(run: RunInfo, columns: int, bundle: str, summary: str, sha256: str) -> Iterator[str]:
    yield from _row("Bundle", display(run.bundle_id, 80), columns)
    for name, value in (("File", bundle), ("sha256", sha256 if bundle else ""), ("Ticket", summary)):
        if value:
            yield from _whole(name, display(value, _PATH), columns)


def _row(name: str, value: str, columns: int) -> list[str]:
    first, *others = wrap(value, columns - _NAMES)
    return [f"{name:<{_NAMES}}{first}", *(" " * _NAMES + line for line in others)]


def _whole(name: str, value: str, columns: int) -> list[str]:
    """Returns what is there to be copied: never cut nor broken, on a line of its own where it is long."""
    line = f"{name:<{_NAMES}}{value}"
    return [line] if cells(line) <= columns else [name, value]


def _coloured(line: str) -> str:
    for outcome, code in _COLOURS.items():
        word = f"{load_words().outcomes[outcome].word:<{_WORD}}"
        if line.startswith(word):
            return f"\x1b[1;{code}m{word.rstrip()}\x1b[0m{line[len(word.rstrip()) :]}"
    return line
