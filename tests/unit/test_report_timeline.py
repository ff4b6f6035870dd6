from __future__ import annotations

from collector.findings import Outcome, TimelineMark
from collector.report.timeline import LEFT, WIDTH, Chart, chart
from tests.lib import reports


def drawn(*marks: TimelineMark, window: int = 48 * 3600) -> Chart:
    made = chart(reports.good(timeline=marks, run=reports.run_info(window_seconds=window)))
    assert made is not None
    return made


def mark(
    hours: float, lane: str = "restarts", outcome: Outcome = Outcome.FAIL, count: int = 1
) -> TimelineMark:
    return TimelineMark(lane=lane, moment=reports.at(hours), label="api", outcome=outcome, count=count)


def test_without_marks_there_is_nothing_to_draw() -> None:
    assert chart(reports.empty()) is None


def test_lanes_are_always_the_four_and_strangers_come_last() -> None:
    made = drawn(mark(1), mark(2, lane="something else"))
    assert [lane.label for lane in made.lanes] == [
        "deploys",
        "backups",
        "restarts",
        "warning events",
        "something else",
    ]


def test_bars_stand_where_time_says() -> None:
    middle, end = drawn(mark(24), mark(0)).lanes[2].bars
    assert abs(middle.x - (LEFT + WIDTH) / 2) < 10
    assert end.x + end.width <= WIDTH
    assert end.x > WIDTH - 15


def test_marks_of_one_moment_share_a_bar_of_the_worst_outcome() -> None:
    (bar,) = drawn(mark(5, outcome=Outcome.PASS), mark(5, count=4)).lanes[2].bars
    assert bar.outcome is Outcome.FAIL
    assert "5x api" in bar.title


def test_more_is_taller_and_stays_in_its_lane() -> None:
    made = drawn(mark(20, count=1), mark(10, count=5000))
    few, many = made.lanes[2].bars
    assert few.height < many.height
    above, own = made.lanes[1].base, made.lanes[2].base
    assert all(above < bar.y < bar.y + bar.height <= own for bar in (few, many))


def test_what_lies_before_the_window_is_told_not_drawn() -> None:
    lane = drawn(mark(100, lane="backups"), mark(40, lane="backups")).lanes[1]
    assert len(lane.bars) == 1
    assert lane.note.startswith("last before this window: api, 2020-11-16 18:00Z")
    bar = lane.bars[0]
    assert not bar.x - 6.5 * len(lane.note) < lane.note_x < bar.x + bar.width


def test_a_note_without_room_is_left_to_the_table() -> None:
    crowded = [mark(n * 0.5, lane="backups") for n in range(96)]
    made = drawn(mark(100, lane="backups"), *crowded)
    assert made.lanes[1].note == ""
    assert made.rows[-1].moment == "2020-11-16 18:00:41Z"


def test_a_fast_clock_does_not_draw_outside() -> None:
    (bar,) = drawn(mark(-3)).lanes[2].bars
    assert LEFT <= bar.x <= WIDTH


def test_the_conclusion_says_it_in_words() -> None:
    told = drawn(mark(43, lane="backups"), mark(19, lane="backups"), mark(3, outcome=Outcome.PASS)).conclusion
    assert "Deploys: none in the window." in told
    assert "Backups: 2 marks, all bad, 2020-11-19 03:00Z to 2020-11-20 03:00Z." in told
    assert "Restarts: 1 mark, 2020-11-20 19:00Z." in told


def test_the_table_is_bounded_and_newest_first() -> None:
    made = drawn(*(mark(n / 10) for n in range(300)))
    assert len(made.rows) == 200
    assert made.hidden == 100
    assert made.rows[0].moment > made.rows[-1].moment


def test_odd_windows_do_no_harm() -> None:
    for window in (0, -5, 10**12):
        assert drawn(mark(0.5), window=window).lanes
