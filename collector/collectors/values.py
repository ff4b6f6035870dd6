"""Helm values taken apart: which of them were set, and which of those differ from what the chart brings.

Values hold passwords, so only the paths of keys ever leave this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import yaml

from collector.collectors.release import Release
from collector.records import Json
from collector.releases import load_conductor

_MAX_TEXT = 256 * 1024
_MAX_PATHS = 500
_MAX_DEPTH = 12
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parsed(text: str) -> dict[str, Json]:
    """Returns values written as YAML; empty for anything that is no mapping, too long or damaged."""
    if len(text) > _MAX_TEXT:
        return {}
    try:
        found = yaml.load(text, _YAML)  # noqa: S506 - a SafeLoader, in C where there is one
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def changed_values(release: Release) -> list[str]:
    """Returns the paths of values that were set to something else than the chart's own, in order.

    Left out is what every site sets for itself: passwords and the like, and the tag that is the application's
    own version.
    """
    own = re.compile("|".join(load_conductor().values.own_to_each_site), re.IGNORECASE)
    defaults = dict(_leaves(release.defaults))
    return sorted(
        path
        for path, value in _leaves(release.config)
        if defaults.get(path) != value and not own.search(path) and str(value) not in _versions(release)
    )


def _versions(release: Release) -> set[str]:
    return {release.app_version, f"v{release.app_version}", release.chart_version} - {"", "v"}


def _leaves(values: Mapping[str, Json], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Json]]:
    """Yields paths such as ``image.tag`` with their values; a list, or what lies too deep, is one value."""
    count = 0
    for key, value in values.items():
        path = f"{prefix}{key}"
        inside: Iterator[tuple[str, Json]] = (
            _leaves(value, f"{path}.", depth + 1)
            if isinstance(value, dict) and value and depth < _MAX_DEPTH
            else iter([(path, value)])
        )
        for leaf in inside:
            count += 1
            if count > _MAX_PATHS:
                return
            yield leaf
