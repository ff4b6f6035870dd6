"""The ground floor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core import errors, ids, quantity
from collector.core.clock import OffsetClock, as_shown, parse_rfc3339, rfc3339
from collector.core.deadline import Deadline, DeadlineExceededError
from collector.core.errors import DiagError, ExitStatus, SpecError
from collector.core.text import block, display, human_age, human_bytes
from collector.core.yamlfile import YamlFile
from tests.lib.recordings import StoppedClock

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def subclasses(of: type[DiagError]) -> set[type[DiagError]]:
    return {of}.union(*(subclasses(child) for child in of.__subclasses__()))


def test_every_error_has_its_own_reference_and_a_status_of_the_table() -> None:
    known = subclasses(DiagError)
    references = [kind.reference for kind in known if kind.__module__ == errors.__name__]
    assert len(references) == len(set(references)) >= 10
    assert all(ExitStatus(kind.status).meaning for kind in known)


def test_children_of_a_deadline_never_outlive_it() -> None:
    clock = StoppedClock(NOON)
    parent = Deadline(clock, 100)
    child = parent.child(500, reserve=30)
    assert child.left() == 70
    clock.sleep(69)
    child.check()
    clock.sleep(1)
    assert child.expired
    assert not parent.expired
    with pytest.raises(DeadlineExceededError):
        child.check()


def test_the_offset_clock_starts_where_it_is_told() -> None:
    assert abs((OffsetClock(NOON).now() - NOON).total_seconds()) < 5


@pytest.mark.parametrize(
    ("skew", "minutes"),
    [
        *((None, 0), (0.0, 0), (29.0, 0), (-29.0, 0), (60.0, 1), (-3600.0, -60)),
        *((1e12, 0), (-1e300, 0), (float("inf"), 0), (float("nan"), 0)),
    ],
)
def test_only_a_difference_worth_a_word_corrects_a_moment(skew: float | None, minutes: int) -> None:
    assert as_shown(NOON, skew) == NOON + timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_beyond_the_calendar_is_none(text: str) -> None:
    assert parse_rfc3339(text) is None


@pytest.mark.parametrize("text", ["", "yesterday", None, 5, "2026-13-45T00:00:00Z", "20" * 500])
def test_what_is_no_time_is_none(text: object) -> None:
    assert parse_rfc3339(text) is None


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 - made aware below
def test_times_survive_their_text(moment: datetime) -> None:
    whole = moment.replace(microsecond=0, tzinfo=UTC)
    assert parse_rfc3339(rfc3339(whole)) == whole


def test_ids_are_one_word_and_fingerprints_are_stable() -> None:
    made = ids.new_bundle_id(NOON)
    assert ids.stamp(made) == f"{NOON:%Y%m%dT%H%M%SZ}"
    assert made.startswith("cnd20261120t120000z")
    assert made.isalnum()
    assert made == made.lower()
    assert made != ids.new_bundle_id(NOON)
    assert ids.fingerprint("a", "b") == ids.fingerprint("a", "b") != ids.fingerprint("ab", "")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("48h", 172800), ("1h30m", 5400), ("0.5s", 0.5), ("2w", 1209600)]
)
def test_durations(text: str, seconds: float) -> None:
    assert quantity.seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("512KiB", 524288), ("25Mi", 26214400), ("10MB", 10**7), ("7", 7)]
)
def test_sizes(text: str, size: int) -> None:
    assert quantity.size(text) == size


@pytest.mark.parametrize("text", ["", "h", "5", "5 apples", "-3h", "3x"])
def test_wrong_durations_say_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="write it like"):
        quantity.seconds(text)


@given(st.text())
def test_displayed_text_is_one_line_without_controls(text: str) -> None:
    shown = display(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or 0x202A <= ord(c) <= 0x202E for c in shown)
    assert len(shown) <= 2000
    assert "\x1b" not in block(text)


def test_people_read_sizes_and_ages() -> None:
    assert [human_bytes(n) for n in (0, 1023, 6_500_000, 3 * 2**30)] == [
        "0 B",
        "1023 B",
        "6.2 MiB",
        "3.0 GiB",
    ]
    assert [human_age(n) for n in (0, 59, 845, 273_600, 86_400)] == ["0s", "59s", "14m5s", "3d4h", "1d"]


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    window: str = ""


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    logs: Inner
    names: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("logs: {windw: 1}", "windw"),
        ("logs: {window: &a x}\nnames: [*a]", "aliases"),
        ("logs: {}\nlogs: {}", "twice"),
        ("logs: " + "[" * 60 + "]" * 60, "deep"),
        ("logs: !!python/object/apply:os.system [id]", "tag"),
        ("logs: \x00", "characters"),
        ("logs: {window: 5}", "Expected `str`"),
        ("a" * 2_000_000, "limit"),
    ],
)
def test_yaml_that_is_not_accepted(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        YamlFile(path, SpecError).decode(Outer)
    assert why in caught.value.why


def test_an_unknown_key_is_answered_with_the_nearest_one(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("logs: {windw: 1h}")
    with pytest.raises(SpecError) as caught:
        YamlFile(path, SpecError).decode(Outer)
    assert caught.value.hint == "did you mean 'window'?"
