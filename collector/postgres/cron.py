"""When a schedule fires, in its own time zone: what was due last, what comes next, whether it ever does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_YEAR = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: at for at, name in enumerate(_YEAR, 1)}
_DAYS = {name: at for at, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_NAMES: tuple[dict[str, int], ...] = ({}, {}, {}, _MONTHS, _DAYS)
_EVERY = re.compile(r"@every\s+((?:\d{1,6}(?:h|m|s))+)")
_UNITS = {"h": 3600, "m": 60, "s": 1}
_ZONE = re.compile(r"(?:CRON_)?TZ=(\S{1,64})\s+(.*)", re.DOTALL)
_PART = re.compile(r"(\*|\?|[0-9a-z]{1,3}(?:-[0-9a-z]{1,3})?)(?:/(\d{1,3}))?")
# minute, hour, day of month, month, day of week
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_FIELDS = 5
_SEARCH_DAYS = 366 * 8 + 2  # a 29 February comes within eight years
_SUNDAY = 7


class ScheduleError(ValueError):
    """The expression cannot be read. The message says why, in a few words."""


@dataclass(frozen=True, kw_only=True)
class Cron:
    """A schedule that was read. ``every`` is seconds for ``@every``, else 0."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    zone: tzinfo
    every: int = 0

    def next_after(self, moment: datetime) -> datetime | None:
        """Returns the next time it fires, None if it never does."""
        if self.every:
            return moment + timedelta(seconds=self.every)
        return next((found for found in self._from(moment, 1) if found > moment), None)

    def last_before(self, moment: datetime) -> datetime | None:
        """Returns the last time it should have fired, None if that cannot be told."""
        if self.every:
            return moment - timedelta(seconds=self.every)
        return next((found for found in self._from(moment, -1) if found <= moment), None)

    def interval(self, moment: datetime) -> timedelta | None:
        """Returns the longest pause between the next few times it fires: weekends count."""
        found: list[timedelta] = []
        at = self.last_before(moment)
        for _ in range(8):
            following = self.next_after(at) if at else None
            if at is None or following is None:
                break
            found.append(following - at)
            at = following
        return max(found, default=None)

    def _from(self, moment: datetime, step: int) -> Iterator[datetime]:
        day = moment.astimezone(self.zone).date()
        hours = sorted(self.hours, reverse=step < 0)
        minutes = sorted(self.minutes, reverse=step < 0)
        for offset in range(_SEARCH_DAYS):
            try:
                one = day + timedelta(days=step * offset)
            except OverflowError:
                return
            if not self._on(one.month, one.day, one.isoweekday() % _SUNDAY):
                continue
            for hour in hours:
                for minute in minutes:
                    yield datetime(one.year, one.month, one.day, hour, minute, tzinfo=self.zone).astimezone(
                        UTC
                    )

    def _on(self, month: int, day: int, weekday: int) -> bool:
        if month not in self.months:
            return False
        if self.either_day:
            return day in self.days or weekday in self.weekdays
        return day in self.days and weekday in self.weekdays


def parse(expression: str, zone: str = "", *, seconds_first: bool = False) -> Cron:
    """Returns the schedule. Raises ScheduleError.

    ``seconds_first``: the controller's cron has a field for seconds in front; five fields then mean that the
    first is taken for seconds.
    """
    text = expression.strip()
    if named := _ZONE.fullmatch(text):
        zone, text = named[1], named[2]
    if every := _EVERY.fullmatch(text):
        total = sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)(h|m|s)", every[1]))
        return _cron(["*", "*", "*", "*", "*"], _zone(zone), every=max(total, 1))
    fields = _MACROS.get(text.lower(), text).lower().split()
    if seconds_first and len(fields) in (_FIELDS, _FIELDS + 1) and not text.startswith("@"):
        fields = fields[1:] if len(fields) > _FIELDS else [*fields[1:], "*"]
    if len(fields) != _FIELDS:
        raise ScheduleError(f"{len(fields)} fields instead of {_FIELDS}")
    return _cron(fields, _zone(zone))


def _cron(fields: list[str], zone: tzinfo, every: int = 0) -> Cron:
    minutes, hours, days, months, weekdays = (
        _values(field, low, high, names)
        for field, (low, high), names in zip(fields, _BOUNDS, _NAMES, strict=True)
    )
    return Cron(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=frozenset(day % _SUNDAY for day in weekdays),
        # With both restricted cron fires on either.
        either_day=fields[2][0] not in "*?" and fields[4][0] not in "*?",
        zone=zone,
        every=every,
    )


def _values(field: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        matched = _PART.fullmatch(part)
        if not matched:
            raise ScheduleError(f"{part[:20]!r} cannot be read")
        span, step = matched[1], int(matched[2] or 1)
        first, _, last = span.partition("-")
        start = low if span in "*?" else _number(first, names)
        end = high if span in "*?" or (matched[2] and not last) else _number(last or first, names)
        if not low <= start <= end <= high or not step:
            raise ScheduleError(f"{part[:20]!r} is outside {low} to {high}")
        found.update(range(start, end + 1, step))
    return frozenset(found)


def _number(text: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not text.isdecimal():
        raise ScheduleError(f"{text[:20]!r} is no number")
    return int(text)


def _zone(name: str) -> tzinfo:
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ScheduleError(f"there is no time zone {name[:40]!r}") from error
