"""The geometry of the timeline: marks counted into columns of an inline SVG, with the same told in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.core.text import display
from collector.findings import Outcome, Report, TimelineMark
from collector.report.plain import cells, count_of, moment
from collector.report.words import load_words

WIDTH = 1200
LEFT = 120
_COLUMNS = 144
_LANE = 22
_TALLEST = 17
_SHORTEST = 6
_TICKS = 5
_MAX_LANES = 8
_MAX_ROWS = 200
_LABELS = 3
_CELL = 6.5
_LABEL = 17
_HOUR = 3600
_YEAR = 366 * 86400
_WORST_FIRST = tuple(Outcome)


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What happened in one column of a lane; ``title`` says it in words."""

    x: float
    y: float
    width: float
    height: float
    outcome: Outcome
    title: str


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One row of the chart. ``base`` is its ground line; ``note`` tells, at ``note_x``, what lay before."""

    label: str
    base: int
    bars: tuple[Bar, ...]
    note: str
    note_x: float


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A mark on the time axis; ``anchor`` is SVG's text-anchor."""

    x: float
    label: str
    anchor: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One mark in the table beneath the chart."""

    moment: str
    lane: str
    label: str
    outcome: Outcome
    count: int


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Everything the template draws. ``hidden`` marks did not fit the table."""

    height: int
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    conclusion: str
    rows: tuple[Row, ...]
    hidden: int


@dataclass(frozen=True, kw_only=True)
class _Axis:
    start: datetime
    end: datetime

    def column(self, when: datetime) -> int:
        """Returns the column of a moment in the window; after its end, as by a fast clock, the last one."""
        share = (when - self.start) / (self.end - self.start)
        return min(int(share * _COLUMNS), _COLUMNS - 1)

    def moment(self, column: float) -> datetime:
        return self.start + (self.end - self.start) * (column / _COLUMNS)


def chart(report: Report) -> Chart | None:
    """Returns the chart of the run's window, or None when there is nothing to draw."""
    if not report.timeline:
        return None
    end = report.run.finished
    span = min(max(report.run.window_seconds, _HOUR), _YEAR)
    axis = _Axis(start=end - timedelta(seconds=span), end=end)
    known = load_words().lanes
    marked = dict.fromkeys(mark.lane for mark in report.timeline)
    names = [*known, *(name for name in marked if name not in known)][:_MAX_LANES]
    lanes = tuple(
        _lane(axis, known.get(name, name), place, [m for m in report.timeline if m.lane == name])
        for place, name in enumerate(names)
    )
    newest = sorted(report.timeline, key=lambda mark: (mark.moment, mark.lane, mark.label), reverse=True)
    return Chart(
        height=len(lanes) * _LANE + _LANE,
        lanes=lanes,
        ticks=tuple(_ticks(axis)),
        conclusion=" ".join(_told(axis, known.get(name, name), report.timeline, name) for name in names),
        rows=tuple(_row(mark, known) for mark in newest[:_MAX_ROWS]),
        hidden=max(len(newest) - _MAX_ROWS, 0),
    )


def _lane(axis: _Axis, label: str, place: int, marks: Sequence[TimelineMark]) -> Lane:
    base = (place + 1) * _LANE - 4
    columns: dict[int, list[TimelineMark]] = {}
    earlier = [mark for mark in marks if mark.moment < axis.start]
    for mark in marks:
        if mark.moment >= axis.start:
            columns.setdefault(axis.column(mark.moment), []).append(mark)
    most = max((_total(found) for found in columns.values()), default=1)
    bars = tuple(_bar(axis, column, columns[column], base, most) for column in sorted(columns))
    note = _before(earlier)
    note_x = _room_for(note, bars)
    return Lane(
        label=display(label, _LABEL), base=base, bars=bars, note=note if note_x else "", note_x=note_x or LEFT
    )


def _before(earlier: Sequence[TimelineMark]) -> str:
    if not earlier:
        return ""
    last = max(earlier, key=lambda mark: mark.moment)
    return f"last before this window: {display(last.label, 60)}, {moment(last.moment)}"


def _room_for(note: str, bars: Sequence[Bar]) -> float:
    """Returns where the note stands clear of the bars, or 0 where nothing is wide enough."""
    needed = cells(note) * _CELL + 2 * _CELL
    left = float(LEFT)
    for right in (*(bar.x for bar in bars), float(WIDTH)):
        if right - left >= needed:
            return left + _CELL
        left = right + (WIDTH - LEFT) / _COLUMNS
    return 0.0


def _bar(axis: _Axis, column: int, marks: Sequence[TimelineMark], base: int, most: int) -> Bar:
    total = _total(marks)
    width = (WIDTH - LEFT) / _COLUMNS
    height = _SHORTEST + (_TALLEST - _SHORTEST) * (total - 1) / max(most - 1, 1)
    labels = list(dict.fromkeys(display(mark.label, 60) for mark in marks))
    shown = labels[:_LABELS] + (["…"] if len(labels) > _LABELS else [])
    return Bar(
        x=round(LEFT + column * width, 1),
        y=round(base - height, 1),
        width=round(width - 1.5, 1),
        height=round(height, 1),
        outcome=min((mark.outcome for mark in marks), key=_WORST_FIRST.index),
        title=f"{moment(axis.moment(column))}: {total}x {', '.join(shown)}",
    )


def _total(marks: Iterable[TimelineMark]) -> int:
    return sum(max(mark.count, 1) for mark in marks)


def _ticks(axis: _Axis) -> Iterable[Tick]:
    for place in range(_TICKS):
        share = place / (_TICKS - 1)
        anchor = "start" if place == 0 else "end" if place == _TICKS - 1 else "middle"
        label = moment(axis.moment(share * _COLUMNS)).removesuffix("Z")[5:]
        utc = " UTC" if place == _TICKS - 1 else ""
        yield Tick(x=round(LEFT + share * (WIDTH - LEFT), 1), label=f"{label}{utc}", anchor=anchor)


def _told(axis: _Axis, label: str, marks: Iterable[TimelineMark], lane: str) -> str:
    found = sorted((m for m in marks if m.lane == lane and m.moment >= axis.start), key=lambda m: m.moment)
    name = display(label, _LABEL).capitalize()
    if not found:
        return f"{name}: none in the window."
    bad = [mark for mark in found if mark.outcome in (Outcome.FAIL, Outcome.WARN)]
    first, last = moment(found[0].moment), moment(found[-1].moment)
    when = first if first == last else f"{first} to {last}"
    judged = f", {_total(bad)} of them bad" if bad and len(bad) < len(found) else ", all bad" if bad else ""
    return f"{name}: {count_of(_total(found), 'mark')}{judged}, {when}."


def _row(mark: TimelineMark, known: dict[str, str]) -> Row:
    return Row(
        moment=moment(mark.moment, seconds=True),
        lane=display(known.get(mark.lane, mark.lane), 24),
        label=display(mark.label, 200),
        outcome=mark.outcome,
        count=mark.count,
    )
