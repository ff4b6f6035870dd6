"""Reads the release tables and refuses one that contradicts itself."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping

from collector.core.errors import UsageError
from collector.core.resources import config_path
from collector.core.yamlfile import YamlFile
from collector.releases.model import Applications, Components, ConductorTable, Platforms, ServerDefaults


@functools.cache
def load_platforms() -> Platforms:
    """Returns configs/releases/platforms.yaml. Raises UsageError."""
    file = YamlFile(config_path("releases", "platforms.yaml"), UsageError)
    table = file.decode(Platforms)
    _refuse(file, [*_unsourced(table.sources, _rows(table)), *platform_problems(table)])
    return table


@functools.cache
def load_applications() -> Applications:
    """Returns configs/releases/applications.yaml. Raises UsageError."""
    file = YamlFile(config_path("releases", "applications.yaml"), UsageError)
    table = file.decode(Applications)
    names = [entry.name for entry in table.applications]
    twice = sorted({name for name in names if names.count(name) > 1})
    problems = [f"application {name!r} stands twice" for name in twice]
    _refuse(file, [*_unsourced(table.sources, ((e.name, e.source) for e in table.applications)), *problems])
    return table


@functools.cache
def load_components() -> Components:
    """Returns configs/releases/components.yaml. Raises UsageError."""
    return YamlFile(config_path("releases", "components.yaml"), UsageError).decode(Components)


@functools.cache
def load_defaults() -> ServerDefaults:
    """Returns configs/releases/kubernetes-defaults.yaml. Raises UsageError."""
    return YamlFile(config_path("releases", "kubernetes-defaults.yaml"), UsageError).decode(ServerDefaults)


@functools.cache
def load_conductor() -> ConductorTable:
    """Returns configs/releases/conductor.yaml. Raises UsageError."""
    file = YamlFile(config_path("releases", "conductor.yaml"), UsageError)
    table = file.decode(ConductorTable)
    rows = (
        ("prerequisites", table.prerequisites.source),
        ("values", table.values.source),
        ("releases", table.releases.source),
        *((f"image {image.image}:{image.tag}", image.source) for image in table.images),
    )
    _refuse(file, list(_unsourced(table.sources, rows)))
    return table


def platform_problems(table: Platforms) -> Iterator[str]:
    """Yields one sentence for each contradiction in the table of platforms."""
    versions = [release.version for release in table.releases]
    dates = [release.released for release in table.releases]
    if len(set(versions)) != len(versions):
        yield "a release stands twice"
    if dates != sorted(dates):
        yield "releases are not in order of their dates"
    named = [*(p.current for p in table.published), *(v for p in table.published for v in p.supported)]
    named += [row.platform for row in table.operating_systems] + [row.platform for row in table.shipped]
    named += [table.current] if table.current else []
    yield from (f"there is no release {name!r}" for name in sorted(set(named) - set(versions)))
    for entry in table.os_names:
        try:
            groups = re.compile(entry.pattern).groups
        except re.error as error:
            yield f"osNames {entry.name}: {error}"
        else:
            if groups != 1:
                yield f"osNames {entry.name}: the pattern needs one group, the version"


def _rows(table: Platforms) -> Iterator[tuple[str, str]]:
    yield from ((f"release {row.version}", row.source) for row in table.releases)
    yield from ((f"published {row.current}", row.source) for row in table.published)
    yield from ((f"systems of {row.platform}", row.source) for row in table.operating_systems)
    yield from ((f"shipped with {row.platform}", row.source) for row in table.shipped)


def _unsourced(sources: Mapping[str, str], rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from (f"{name}: there is no source {source!r}" for name, source in rows if source not in sources)


def _refuse(file: YamlFile, problems: list[str]) -> None:
    if problems:
        raise UsageError(f"{file.path} contradicts itself", why="; ".join(problems[:5]))
