"""What the vendor released and when, as data: the tables that facts and findings are held against."""

from collector.releases.load import (
    load_applications,
    load_components,
    load_conductor,
    load_defaults,
    load_platforms,
)
from collector.releases.model import (
    Application,
    Applications,
    Component,
    Components,
    ConductorTable,
    Platforms,
    ServerDefaults,
)
from collector.releases.systems import listed_system, system_of
from collector.releases.window import Basis, candidates, current_release, place, place_any

__all__ = [
    "Application",
    "Applications",
    "Basis",
    "Component",
    "Components",
    "ConductorTable",
    "Platforms",
    "ServerDefaults",
    "candidates",
    "current_release",
    "listed_system",
    "load_applications",
    "load_components",
    "load_conductor",
    "load_defaults",
    "load_platforms",
    "place",
    "place_any",
    "system_of",
]
