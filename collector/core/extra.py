"""Libraries that only some installations have: imported when they are needed, missed in one sentence."""

from __future__ import annotations

import importlib
from typing import Any

from collector.core.errors import UsageError


def library(name: str, extra: str, *, without: str, why: str = "", instead: str = "") -> Any:
    """Returns the module of an optional dependency.

    Args:
        name: of the module.
        extra: of this package, which brings it.
        without: what cannot be done without it, as a sentence.
        why: more of the cause than that it is missing.
        instead: what else could be typed.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as cause:
        raise UsageError(
            without,
            why=f"the library {name} is not installed{why and '; '}{why}",
            hint=f"try: pip install 'conductor-diag[{extra}]'{instead and ', or '}{instead}",
        ) from cause
