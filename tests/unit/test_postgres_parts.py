"""The small parts: WAL names, schedules, command lines, archive commands, psql sessions, baselines."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.postgres import cron, tocfile, wal
from collector.postgres.archiving import command_class
from collector.postgres.fingerprint import compare, make_baseline, read_baseline
from collector.postgres.model import Range
from collector.postgres.psql import Answers, read_batch
from collector.postgres.queries import batch, load_queries
from collector.postgres.script import read_script
from tests.lib import pgsamples

MIB = 1 << 20
NOW = datetime(2026, 11, 21, 11, 40, tzinfo=UTC)


@given(st.sampled_from([1, 4, 16, 64, 1024]), st.sets(st.integers(0, 5000), min_size=1, max_size=60))
def test_ranges_and_gaps_add_up(megabytes: int, numbers: set[int]) -> None:
    size = megabytes * MIB
    names = [wal.named(1, number, size) for number in numbers]
    ranges = wal.ranges(names, size)
    missing = sum(gap.count for gap in wal.gaps(ranges, size))
    assert missing == max(numbers) - min(numbers) + 1 - len(numbers)
    assert wal.missing_between(min(names), max(names), ranges, size) == missing


def test_a_server_with_large_segments_has_no_false_gaps() -> None:
    names = [wal.named(1, number, 64 * MIB) for number in range(50, 140)]
    assert wal.likely_size(names) == 64 * MIB
    assert wal.gaps(wal.ranges(names, wal.likely_size(names)), 64 * MIB) == ()


def test_a_promotion_is_followed() -> None:
    size = 16 * MIB
    known = [
        Range(first=wal.named(1, 1, size), last=wal.named(1, 9, size)),
        Range(first=wal.named(2, 9, size), last=wal.named(2, 20, size)),
    ]
    assert wal.reach(wal.named(1, 5, size), known, size) == wal.named(2, 20, size)


@pytest.mark.parametrize(
    ("expression", "zone", "due", "following"),
    [
        ("0 2 * * *", "", "2026-11-21T02:00", "2026-11-22T02:00"),
        ("0 2 * * 1-5", "Europe/Berlin", "2026-11-20T01:00", "2026-11-23T01:00"),
        ("@daily", "", "2026-11-21T00:00", "2026-11-22T00:00"),
        ("TZ=Asia/Tokyo 0 9 * * *", "", "2026-11-21T00:00", "2026-11-22T00:00"),
        ("*/15 * * * *", "", "2026-11-21T11:30", "2026-11-21T11:45"),
        ("0 0 29 feb *", "", "2024-02-29T00:00", "2028-02-29T00:00"),
    ],
)
def test_a_schedule_is_read_in_its_zone(expression: str, zone: str, due: str, following: str) -> None:
    found = cron.parse(expression, zone)
    assert found.last_before(NOW) == datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert found.next_after(NOW) == datetime.fromisoformat(following).replace(tzinfo=UTC)


def test_a_weekend_is_no_delay() -> None:
    assert cron.parse("0 2 * * 1-5").interval(NOW) == timedelta(days=3)


@pytest.mark.parametrize("wrong", ["", "* * * *", "61 * * * *", "x * * * *", "*/0 * * * *", "5-1 * * * *"])
def test_a_wrong_schedule_says_so(wrong: str) -> None:
    with pytest.raises(cron.ScheduleError):
        cron.parse(wrong)


def test_a_day_that_never_comes_and_a_zone_that_is_none() -> None:
    assert cron.parse("0 0 30 2 *").next_after(NOW) is None
    with pytest.raises(cron.ScheduleError):
        cron.parse("0 0 * * *", "Mars/Olympus")


@given(st.text(max_size=40))
def test_no_schedule_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(cron.ScheduleError):
        cron.parse(text).next_after(NOW)


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("pg_dump app | gzip > /b/x.gz", "pipe"),
        ("set -o pipefail; pg_dump app | gzip > /b/x.gz", ""),
        ("pg_dump app -f /b/x || true", "turned into success"),
        ("pg_dump app -f /b/x\nexit 0", "ends with success"),
        ("set -e\npg_dump app -f /b/x\nfind /b -mtime +7 -delete", ""),
        ("pg_dump app -f /b/x; find /b -mtime +7 -delete", "last command"),
        ("set -eu; exec pg_dump app -f /b/x", ""),
    ],
)
def test_what_a_command_line_hides(script: str, problem: str) -> None:
    found = read_script(["/bin/sh", "-c", script])
    assert found.visible
    assert problem in " ".join(found.problems)
    assert bool(found.problems) == bool(problem)


def test_scope_of_a_command_line() -> None:
    assert read_script(["pg_dump", "--schema-only", "app"]).schema_only
    assert read_script(["pg_dump", "--exclude-table=big", "app"]).leaves_out
    assert read_script(["pg_dumpall"]).globals
    assert not read_script(["pg_dump", "app"]).globals
    assert not read_script(["/backup.sh"]).visible


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("", "empty"),
        ("(disabled)", "empty"),
        ("/bin/true", "noop"),
        (" true ", "noop"),
        ("echo archived %p", "noop"),
        ("exit 0", "noop"),
        ("/bin/false", "always_fails"),
        ("cp %p /a/%f || true", "swallows_errors"),
        ("cp %p /a/%f; exit 0", "swallows_errors"),
        ("pgbackrest --stanza=main archive-push %p", "pgbackrest"),
        ("envdir /e wal-g wal-push %p", "wal-g"),
        ("barman-cloud-wal-archive s3://b x %p", "barman-cloud"),
        ("/controller/manager wal-archive %p", "cnpg"),
        ("test ! -f /a/%f && cp %p /a/%f", "copy"),
        ("our-own-thing %p", "unknown"),
    ],
)
def test_an_archive_command_becomes_a_class(command: str, kind: str) -> None:
    assert command_class(command) == kind


def test_a_session_loses_only_what_was_denied() -> None:
    found = read_batch(pgsamples.sample("sql/psql-batch.out"), pgsamples.sample("sql/psql-batch.err"))
    assert found.complete
    assert found.failed == {"denied": "42501", "missing": "42P01"}
    assert found.rows["slots"][0]["slot_name"] == "standby1"
    assert found.one("archiver")["failed_count"] == 3


@given(st.binary(max_size=400))
def test_no_session_breaks_the_reader(output: bytes) -> None:
    read_batch(b"@@a\n" + output, output)


@given(st.binary(max_size=400))
def test_no_bytes_break_the_table_of_contents(data: bytes) -> None:
    with contextlib.suppress(tocfile.ShortError, tocfile.CorruptError):
        tocfile.read_toc(b"PGDMP\x01\x0e\x00\x04\x08\x01" + data)


def test_every_query_reads_and_ends_where_it_should() -> None:
    for name in ("queries.yaml", "fingerprint.yaml"):
        text = batch(load_queries(name)).decode()
        assert text.endswith("\\echo @@end\n\\q\n")
        assert "insert" not in text.lower()
        assert "pg_switch_wal" not in text


def answers(**rows: tuple[str, ...]) -> Answers:
    found: dict[str, Any] = {"version": ({"name": "150020"},)}
    found |= {
        kind: tuple({"name": one, "digest": one.upper()} for one in names) for kind, names in rows.items()
    }
    return Answers(rows=found, failed={}, complete=True)


def test_a_baseline_tells_what_differs_by_name() -> None:
    was = answers(
        relation=("app.a", "app.b"), database=("app", "postgres"), role=("app",), extension=("plpgsql",)
    )
    made = make_baseline(was, product_version="1.1", database="app", patterns=("relation:app.part_*",))
    baseline = read_baseline(msgspec.json.encode(made))
    assert compare(baseline, was).added == ()
    now = answers(
        relation=("app.a", "app.c", "app.part_7"),
        database=("app", "postgres", "wiki"),
        role=("app", "joe"),
        extension=("plpgsql", "dblink"),
    )
    drift = compare(baseline, now)
    assert drift.compared
    assert (drift.added, drift.removed) == (("relation:app.c",), ("relation:app.b",))
    assert (drift.extra_databases, drift.extra_roles, drift.extra_extensions) == (
        ("wiki",),
        ("joe",),
        ("dblink",),
    )


def test_a_baseline_of_another_family_of_versions_is_not_compared() -> None:
    baseline = make_baseline(answers(relation=("a",)), product_version="1", database="d")
    later = Answers(rows={"version": ({"name": "180001"},)}, failed={}, complete=True)
    assert not compare(baseline, later).compared


@pytest.mark.parametrize("broken", [b"", b"[]", b"{}", b'{"objects": 1}'])
def test_a_file_that_is_no_baseline_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match="no baseline"):
        read_baseline(broken)
