"""The release tables and what is read off them: windows, narrowing down a platform, operating systems."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.findings import Platform, Window
from collector.releases import (
    Basis,
    candidates,
    current_release,
    listed_system,
    load_applications,
    load_conductor,
    load_platforms,
    place,
    system_of,
)
from collector.releases.load import platform_problems
from collector.releases.window import place_any

TABLE = load_platforms()
VERSIONS = [release.version for release in TABLE.releases]


def basis(day: str = "2022-05-01", current: str = "") -> Basis:
    return Basis(as_of=date.fromisoformat(day), current=current)


def inside(day: str) -> list[str]:
    return [v for v in reversed(VERSIONS) if place(TABLE, v, basis(day)) is Window.INSIDE]


# T15: N-2 counts releases, not numbers: 1.8 → 2.0 → 2.1, and 2.8 → 2.12.
@pytest.mark.parametrize(
    ("day", "supported"),
    [
        ("2019-09-30", ["1.2", "1.1", "1.0"]),
        ("2020-01-21", ["1.3", "1.2", "1.1"]),
        ("2020-02-28", ["1.4", "1.3", "1.2"]),
        ("2020-07-20", ["1.5", "1.4", "1.3"]),
        ("2020-11-15", ["1.5", "1.4", "1.3"]),
        ("2020-11-16", ["1.6", "1.5", "1.4"]),
        ("2021-02-10", ["1.7", "1.6", "1.5"]),
        ("2021-05-04", ["1.7", "1.6", "1.5"]),
        ("2021-05-05", ["1.8", "1.7", "1.6"]),
        ("2021-08-26", ["2.0", "1.8", "1.7"]),
        ("2021-11-18", ["2.1", "2.0", "1.8"]),
        ("2022-04-08", ["2.2", "2.1", "1.8"]),
        ("2022-08-16", ["2.3", "2.2", "2.1"]),
        ("2022-11-21", ["2.4", "2.3", "2.2"]),
        ("2023-04-12", ["2.5", "2.4", "2.3"]),
        ("2023-08-14", ["2.6", "2.5", "2.4"]),
        ("2024-01-16", ["2.7", "2.6", "2.5"]),
        ("2024-05-22", ["2.8", "2.7", "2.6"]),
        ("2024-08-28", ["2.12", "2.8", "2.7"]),
    ],
)
def test_the_window_as_of_a_day(day: str, supported: list[str]) -> None:
    assert inside(day) == supported


def test_the_documented_example_and_its_contradiction() -> None:
    """T14: with 2.2 current the page names 2.1 and 1.8, though 2.0 came between them."""
    now = basis(current="2.2")
    assert [place(TABLE, v, now) for v in ("2.2", "2.1", "1.8")] == [Window.INSIDE] * 3
    assert place(TABLE, "2.0", now) is Window.DISPUTED
    assert place(TABLE, "1.7", now) is Window.OUTSIDE
    following = basis(current="2.3")
    assert [place(TABLE, v, following) for v in ("2.2", "2.1")] == [Window.INSIDE] * 2
    assert [place(TABLE, v, following) for v in ("2.0", "1.8")] == [Window.OUTSIDE] * 2


def test_what_has_left_stays_out_and_what_is_in_is_said_only_of_days_the_table_covers() -> None:
    late = basis("2026-11-20")
    assert place(TABLE, "1.8", late) is Window.OUTSIDE
    assert place(TABLE, "2.12", late) is Window.UNKNOWN
    assert place(TABLE, "2.12", basis("2026-11-20", current="2.13")) is Window.INSIDE


@pytest.mark.parametrize(
    ("version", "now"),
    [
        ("1.9", basis()),
        ("", basis()),
        ("2.3", basis("2022-05-01")),
        ("1.0", basis("2019-01-01")),
        ("2.2", basis(current="9.9")),
    ],
)
def test_a_release_that_cannot_be_placed_is_unknown(version: str, now: Basis) -> None:
    assert place(TABLE, version, now) is Window.UNKNOWN


@given(st.sampled_from(VERSIONS), st.dates(date(2019, 1, 1), date(2030, 1, 1)), st.integers(0, 4000))
def test_a_release_never_comes_back(version: str, day: date, later: int) -> None:
    if place(TABLE, version, Basis(as_of=day)) is Window.OUTSIDE:
        then = date.fromordinal(day.toordinal() + later)
        assert place(TABLE, version, Basis(as_of=then)) is Window.OUTSIDE


def test_several_releases_have_a_place_only_in_common() -> None:
    assert place_any(TABLE, ["1.4", "1.5"], basis()) is Window.OUTSIDE
    assert place_any(TABLE, ["1.7", "1.8"], basis()) is Window.UNKNOWN
    assert place_any(TABLE, [], basis()) is Window.UNKNOWN


def test_the_current_release_can_be_named_in_the_table() -> None:
    table = msgspec.structs.replace(TABLE, current="1.8")
    found = current_release(table, basis())
    assert found is not None
    assert found.version == "1.8"


@pytest.mark.parametrize(
    ("platform", "kubernetes", "cert_manager", "versions"),
    [
        (Platform.KONVOY_1, "1.17", "0.10.1", ("1.5",)),
        (Platform.KONVOY_1, "1.16", "0.10.1", ("1.3", "1.4", "1.5")),
        (Platform.KONVOY_1, "1.20", "1.0.3", ("1.8",)),
        (Platform.KONVOY_1, "1.17", "0.9.9", ("1.5", "1.6", "1.7")),
        (Platform.KONVOY_1, "1.36", "", ()),
        (Platform.DKP_2, "1.23", "1.7.1", ("2.3",)),
        (Platform.DKP_2, "1.21", "1.0.3", ("2.0", "2.1")),
        (Platform.NONE, "1.17", "", ()),
    ],
)
def test_what_runs_narrows_a_platform_down(
    platform: Platform, kubernetes: str, cert_manager: str, versions: tuple[str, ...]
) -> None:
    assert candidates(TABLE, platform, kubernetes=kubernetes, cert_manager=cert_manager) == versions


@pytest.mark.parametrize(
    ("image", "kernel", "system"),
    [
        ("CentOS Linux 7 (Core)", "3.10.0-1062.12.1.el7.x86_64", ("centos", "7.7")),
        ("CentOS Linux 7 (Core)", "5.4.1-1.el7.elrepo.x86_64", ("centos", "7")),
        ("CentOS Linux 8 (Core)", "4.18.0-193.el8.x86_64", ("centos", "8.2")),
        ("CentOS Linux 7 (Core)", "4.18.0-193.el8.x86_64", ("centos", "7")),
        ("Red Hat Enterprise Linux Server 7.7 (Maipo)", "", ("rhel", "7.7")),
        ("Red Hat Enterprise Linux 8.4 (Ootpa)", "", ("rhel", "8.4")),
        ("Oracle Linux Server 7.9", "", ("oracle", "7.9")),
        ("Ubuntu 18.04.5 LTS", "", ("ubuntu", "18.04")),
        ("Debian GNU/Linux 10 (buster)", "", ("debian", "10")),
        ("SUSE Linux Enterprise Server 15 SP3", "", ("sles", "15 SP3")),
        ("Flatcar Container Linux by Kinvolk 3033.2.2 (Oklo)", "", ("flatcar", "3033.2.2")),
        ("Amazon Linux 2", "", ("amazon", "2")),
        ("Bottlerocket OS 1.0", "", ("", "")),
        ("", "", ("", "")),
    ],
)
def test_operating_systems(image: str, kernel: str, system: tuple[str, str]) -> None:
    assert system_of(TABLE, image, kernel) == system


@pytest.mark.parametrize(
    ("platform", "name", "version", "answer"),
    [
        ("1.5", "centos", "7.7", "yes"),
        ("1.5", "centos", "7.6", "no"),
        ("1.5", "centos", "7", "unknown"),
        ("1.5", "sles", "15 SP3", "yes"),
        ("2.2", "sles", "15 SP2", "no"),
        ("2.2", "sles", "15", "unknown"),
        ("2.2", "flatcar", "3033.2.2", "yes"),
        ("1.5", "amazon", "2", "no"),
        ("1.3", "centos", "7.7", "unknown"),
        ("", "centos", "7.7", "unknown"),
        ("1.5", "", "", "unknown"),
    ],
)
def test_whether_a_release_lists_a_system(platform: str, name: str, version: str, answer: str) -> None:
    assert listed_system(TABLE, platform, name, version) == answer


@pytest.mark.parametrize(
    ("name", "platform", "kind"),
    [
        ("traefik", "1.5", "platform"),
        ("istio", "1.5", None),
        ("istio", "1.8", "experimental"),
        ("istio", "2.1", "catalog"),
        ("istio", "2.2", "experimental"),
        ("kubecost", "2.1", "partner"),
        ("dkp-insights", "2.3", "technical_preview"),
        ("dkp-insights", "2.1", None),
        ("traefik", "", None),
    ],
)
def test_what_an_application_counts_as(name: str, platform: str, kind: str | None) -> None:
    found = load_applications().find(name)
    assert found is not None
    assert found.kind(platform) == kind


def test_tables_are_free_of_contradictions_and_every_row_has_a_source() -> None:
    assert list(platform_problems(TABLE)) == []
    assert load_applications().find("nothing") is None
    assert load_conductor().prerequisites.kubernetes == ("1.13", "1.17")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"releases": TABLE.releases[::-1]}, "not in order"),
        ({"releases": (*TABLE.releases, TABLE.releases[-1])}, "stands twice"),
        ({"current": "3.0"}, "no release '3.0'"),
        ({"os_names": (msgspec.structs.replace(TABLE.os_names[0], pattern="("),)}, "osNames"),
        ({"os_names": (msgspec.structs.replace(TABLE.os_names[0], pattern="x"),)}, "one group"),
    ],
)
def test_a_table_that_contradicts_itself_is_told(change: dict[str, object], words: str) -> None:
    assert any(words in problem for problem in platform_problems(msgspec.structs.replace(TABLE, **change)))
