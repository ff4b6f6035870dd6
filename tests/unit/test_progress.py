"""A terminal shows what is being read now; anything else gets a plain word now and then."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest

from collector.core.clock import SystemClock
from collector.core.log import Logger, LogSink, make_logger
from collector.pipeline import progress
from collector.pipeline.progress import Active, Progress, line

READING = Active(name="logs", entries=12, size=3 * 1024 * 1024, seconds=4.25)
_MOVE = re.compile(r"\x1b\[(\d+)A\x1b\[J|([^\x1b\n]*)\n")


class Terminal(io.StringIO):
    """What is written, and the lines that a person sees after it."""

    @property
    def seen(self) -> list[str]:
        shown: list[str] = []
        at = 0
        text = self.getvalue()
        while at < len(text):
            found = _MOVE.match(text, at)
            assert found, text[at : at + 40]
            if found[1]:
                up = int(found[1])
                assert up <= len(shown), "moved above the first line"
                del shown[len(shown) - up :]
            else:
                shown.append(found[2])
            at = found.end()
        return shown


class Ticker:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def logger(sink: LogSink) -> Logger:
    return make_logger(sink, clock=SystemClock(), run_id="cndtest", json_lines=False)


@pytest.fixture
def ticker(monkeypatch: pytest.MonkeyPatch) -> Ticker:
    made = Ticker()
    monkeypatch.setattr(progress, "time", made)
    return made


def test_live_lines_come_go_and_leave_nothing() -> None:
    terminal = Terminal()
    sink = LogSink(terminal, live=True)
    sink.show_live(["a 1", "b 1"])
    assert terminal.seen == ["a 1", "b 1"]
    sink.show_live(["a 2"])
    assert terminal.seen == ["a 2"]
    sink.show_live([])
    assert terminal.seen == []


def test_log_lines_go_above_the_live_ones() -> None:
    terminal = Terminal()
    sink = LogSink(terminal, live=True)
    sink.write("before", shown=True)
    sink.show_live(["a 1", "b 1"])
    sink.write("between", shown=True)
    sink.show_live(["a 2", "b 2"])
    sink.write("after", shown=True)
    assert terminal.seen == ["before", "between", "after", "a 2", "b 2"]


def test_live_lines_that_did_not_change_are_not_written_again() -> None:
    terminal = Terminal()
    sink = LogSink(terminal, live=True)
    sink.show_live(["a 1"])
    once = terminal.getvalue()
    sink.show_live(["a 1"])
    assert terminal.getvalue() == once


def test_live_lines_are_not_remembered_for_the_bundle() -> None:
    sink = LogSink(Terminal(), live=True)
    sink.show_live(["a 1"])
    sink.write("said", shown=True)
    assert sink.lines() == ("said",)


@pytest.mark.parametrize(
    "make",
    [lambda stream: LogSink(stream, live=False), lambda stream: LogSink(None, live=True)],
    ids=["no terminal", "quiet"],
)
def test_without_a_live_stream_nothing_moves(make: Callable[[Terminal], LogSink]) -> None:
    terminal = Terminal()
    sink = make(terminal)
    sink.show_live(["a 1"])
    sink.write("said", shown=True)
    sink.show_live([])
    assert "\x1b" not in terminal.getvalue()
    assert not sink.live


def test_lines_that_are_not_shown_do_not_disturb_the_live_ones() -> None:
    terminal = Terminal()
    sink = LogSink(terminal, live=True)
    sink.show_live(["a 1"])
    before = terminal.getvalue()
    sink.write("a detail", shown=False)
    assert terminal.getvalue() == before
    assert sink.lines() == ("a detail",)


def test_a_terminal_shows_one_line_a_collector(ticker: Ticker) -> None:
    terminal = Terminal()
    sink = LogSink(terminal, live=True)
    shown = Progress(sink, logger(sink))
    shown.show([READING, Active(name="resources", entries=1, size=10, seconds=0.5)])
    assert [text.split()[:2] for text in terminal.seen] == [["logs", "reading"], ["resources", "reading"]]
    assert "12 entries" in terminal.seen[0]
    assert "3.0 MiB" in terminal.seen[0]
    assert "4.2s" in terminal.seen[0]
    shown.close()
    assert terminal.seen == []


def test_elsewhere_a_word_is_said_after_ten_silent_seconds(ticker: Ticker) -> None:
    stream = Terminal()
    sink = LogSink(stream)
    shown = Progress(sink, logger(sink))
    for _ in range(99):
        ticker.now += 0.1
        shown.show([READING])
    assert stream.seen == []
    ticker.now += 0.2
    shown.show([READING])
    shown.show([READING])
    assert stream.seen == ["  still reading: logs (12 entries, 3.0 MiB)"]
    ticker.now += 10
    shown.show([READING])
    assert len(stream.seen) == 2


def test_the_word_names_the_collectors_in_a_json_log(ticker: Ticker) -> None:
    sink = LogSink(None)
    log = make_logger(sink, clock=SystemClock(), run_id="cndtest", json_lines=True)
    shown = Progress(sink, log)
    ticker.now += 11
    shown.show([READING])
    (said,) = sink.lines()
    assert '"collectors":["logs"]' in said.replace(" ", "")
    assert "still reading" in said


@pytest.mark.parametrize(
    ("entries", "size", "seconds", "missing"), [(0, 0, 0.0, 0), (99999, 999 * 2**30, 99999.9, 9999)]
)
def test_a_line_fits_a_narrow_terminal(entries: int, size: int, seconds: float, missing: int) -> None:
    made = line("workloads", "truncated", entries, size, seconds, missing=missing)
    assert len(made) <= 80
    assert ("not collected" in made) == bool(missing)
