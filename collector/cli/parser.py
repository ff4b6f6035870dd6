"""argparse with our manners: examples first, unknown flags answered with the nearest known one."""

from __future__ import annotations

import argparse
import difflib
import os
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from collector.core.errors import UsageError

ENVIRONMENT = "CONDUCTOR_DIAG_"
_UNKNOWN = re.compile(r"unrecognized arguments: (\S+)")


class Parser(argparse.ArgumentParser):
    """A parser whose help starts with examples and whose errors are ours.

    Args:
        examples: lines a person can paste.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)
        self._examples = tuple(examples)

    def format_help(self) -> str:
        """Returns the help, examples first."""
        text = super().format_help()
        if not self._examples:
            return text
        lines = "\n".join(f"  {line}" for line in self._examples)
        return f"Examples:\n{lines}\n\n{text}"

    def error(self, message: str) -> NoReturn:
        """Raises UsageError with what to type instead of printing a usage line."""
        raise UsageError(message, hint=f"try: {self.prog} --help{self._nearest(message)}")

    def _nearest(self, message: str) -> str:
        found = _UNKNOWN.search(message)
        if not found:
            return ""
        flags = [flag for action in self._actions for flag in action.option_strings]
        near = difflib.get_close_matches(found[1].split("=")[0], flags, n=1)
        return f"; did you mean {near[0]}?" if near else ""

    def option(self, flag: str, help_text: str, *, short: str = "", **kwargs: Any) -> None:
        """Adds a flag whose default is its environment variable, ``--dest-dir``: CONDUCTOR_DIAG_DEST_DIR."""
        name = ENVIRONMENT + flag.strip("-").upper().replace("-", "_")
        if (value := os.environ.get(name)) and "action" not in kwargs:
            kwargs["default"] = kwargs["type"](value) if "type" in kwargs else value
        names = [short, flag] if short else [flag]
        self.add_argument(*names, help=help_text, **kwargs)
