"""The two inputs of the vendor's version window that no cluster shows: the day, and the current release."""

from __future__ import annotations

import argparse
import re
from datetime import date

from collector.cli.parser import Parser
from collector.core.errors import UsageError

_RELEASE = re.compile(r"\d{1,3}\.\d{1,3}")


def add_window_flags(parser: Parser) -> None:
    """Adds ``--as-of`` and ``--current-ga``."""
    parser.option(
        "--as-of", "day to look at the vendor's version window (the collection's)", default="", metavar="DATE"
    )
    parser.option(
        "--current-ga", "Konvoy or DKP release that counts as current, such as 2.2", default="", metavar="X.Y"
    )


def as_of_day(arguments: argparse.Namespace) -> date | None:
    """Returns the day asked about, None for that of the collection. Raises UsageError."""
    if arguments.current_ga and not _RELEASE.fullmatch(arguments.current_ga):
        raise UsageError(
            f"{arguments.current_ga!r} is no release", hint="try: --current-ga 2.2, MAJOR.MINOR alone"
        )
    if not arguments.as_of:
        return None
    try:
        return date.fromisoformat(arguments.as_of)
    except ValueError as error:
        raise UsageError(f"{arguments.as_of!r} is no day", hint="try: --as-of 2022-05-01") from error
