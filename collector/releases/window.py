"""The N-2 window: which platform releases the vendor supports, as of a day and counted from a release.

Neither can be read in a cluster, so both are inputs. Counting is over releases, never over numbers: what
follows 1.8 is 2.0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from collector.findings import Platform, Window
from collector.releases.model import Platforms, Release


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What a window is counted from: the day asked about, and the current release if a person names it."""

    as_of: date
    current: str = ""


def current_release(table: Platforms, basis: Basis) -> Release | None:
    """Returns the release that is current; None before the first one, or if the named one is unknown."""
    named = basis.current or table.current
    if named:
        return table.release(named)
    out = [release for release in table.releases if date.fromisoformat(release.released) <= basis.as_of]
    return out[-1] if out else None


def place(table: Platforms, version: str, basis: Basis) -> Window:
    """Returns where one release stands. A release that is not in the table is unknown.

    What lies behind the window stays behind it, whatever came after the table was made; what lies inside may
    have left it since, so that is said only for days the table covers.
    """
    release, current = table.release(version), current_release(table, basis)
    if release is None or current is None:
        return Window.UNKNOWN
    at, newest = table.releases.index(release), table.releases.index(current)
    if at > newest:
        return Window.UNKNOWN
    counted = {entry.version for entry in table.releases[max(newest - table.window + 1, 0) : newest + 1]}
    page = next(
        (set(entry.supported) for entry in table.published if entry.current == current.version), counted
    )
    if version in page:
        return Window.INSIDE if _covered(table, basis) else Window.UNKNOWN
    return Window.DISPUTED if version in counted else Window.OUTSIDE


def place_any(table: Platforms, versions: Iterable[str], basis: Basis) -> Window:
    """Returns where all of these releases stand, unknown if they do not all stand in one place."""
    found = {place(table, version, basis) for version in versions}
    return found.pop() if len(found) == 1 else Window.UNKNOWN


def candidates(
    table: Platforms, platform: Platform, *, kubernetes: str, cert_manager: str
) -> tuple[str, ...]:
    """Returns the releases that an unstated version can be, by what runs; empty values rule out nothing.

    Args:
        table: the releases.
        platform: which kind of platform the signs show.
        kubernetes: the server's MAJOR.MINOR.
        cert_manager: the exact version of the only cert-manager.
    """
    shipped = {row.platform: row.cert_manager for row in table.shipped}
    known = {version for versions in shipped.values() for version in versions}
    return tuple(
        release.version
        for release in table.releases
        if release.platform is platform
        and _hosts(release, kubernetes)
        and (cert_manager not in known or cert_manager in shipped.get(release.version, ()))
    )


def _hosts(release: Release, kubernetes: str) -> bool:
    if not kubernetes or release.kubernetes is None:
        return True
    lowest, highest = (_number(minor) for minor in release.kubernetes)
    return lowest <= _number(kubernetes) <= highest


def _covered(table: Platforms, basis: Basis) -> bool:
    return bool(basis.current or table.current) or basis.as_of <= date.fromisoformat(table.known_until)


def _number(minor: str) -> tuple[int, ...]:
    return tuple(int(part) for part in minor.split("."))
