"""The platform's release and where it stands in the N-2 window, from what is stated or what runs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from collector.findings import Confidence, Platform, VersionFact, Window
from collector.records import Json
from collector.records.access import mapping, string
from collector.releases import Basis, Platforms, candidates, current_release, place, place_any

_MINOR = re.compile(r"v?(\d{1,4}\.\d{1,4})")
_ON = (Platform.KONVOY_1, Platform.DKP_2)


@dataclass(frozen=True, kw_only=True)
class Hosting:
    """``version`` is MAJOR.MINOR or empty; ``possible`` are the releases it can be if nothing states it."""

    version: str
    confidence: Confidence
    possible: tuple[str, ...]
    window: Window
    basis: str


def hosting(
    document: Json, platform: Platform, versions: tuple[VersionFact, ...], table: Platforms, basis: Basis
) -> Hosting:
    """Returns what is known of the platform's release.

    One that is only inferred is outside the window when every release that it can be is; it is never inside.
    """
    if platform not in _ON:
        return Hosting(
            version="", confidence=Confidence.UNKNOWN, possible=(), window=Window.UNKNOWN, basis=""
        )
    stated = string(mapping(document, "platform"), "version")
    possible: tuple[str, ...] = (stated,)
    if stated:
        window = place(table, stated, basis)
    else:
        possible = candidates(
            table, platform, kubernetes=_minor(versions), cert_manager=_only(versions, "cert-manager")
        )
        window = place_any(table, possible, basis)
        window = Window.OUTSIDE if window is Window.OUTSIDE else Window.UNKNOWN
    return Hosting(
        version=stated or (possible[0] if len(possible) == 1 else ""),
        confidence=Confidence.PROVEN if stated else Confidence.INFERRED if possible else Confidence.UNKNOWN,
        possible=possible,
        window=window,
        basis=_basis(table, basis),
    )


def _basis(table: Platforms, basis: Basis) -> str:
    current = current_release(table, basis)
    counted = f"{current.version} is current" if current else "no release is known to be current"
    return f"{counted} as of {basis.as_of.isoformat()}"


def _minor(versions: tuple[VersionFact, ...]) -> str:
    found = _MINOR.match(_only(versions, "kubernetes"))
    return found[1] if found else ""


def _only(versions: tuple[VersionFact, ...], component: str) -> str:
    """Returns the component's version if all of it agrees on one."""
    found = {fact.version for fact in versions if fact.component == component}
    return found.pop() if len(found) == 1 else ""
