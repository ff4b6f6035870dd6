"""Loads a spec from a file; without one the shipped default holds."""

from __future__ import annotations

from pathlib import Path

from collector.core.errors import SpecError
from collector.core.resources import config_path
from collector.core.yamlfile import YamlFile
from collector.spec.model import Spec


def load_spec(path: Path | None = None) -> Spec:
    """Returns the spec in ``path``, or the shipped default. Raises SpecError."""
    return YamlFile(path or config_path("specs", "default.yaml"), SpecError).decode(Spec)
