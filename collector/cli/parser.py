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
_NO_CHOICE = re.compile(r"invalid choice: '?([^' ]*)'? \(choose from (.*)\)")
_CHOICE = re.compile(r"[\w.-]+")
_ALIKE = 0.7  # of 1; what is less alike is another word, and no help


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
        if found := _NO_CHOICE.search(message):
            given, known = found[1], {name: name for name in _CHOICE.findall(found[2])}
        elif found := _UNKNOWN.search(message):
            # Dashes are alike in all flags, so they are left out of the comparison.
            given = found[1].partition("=")[0].strip("-")
            known = {flag.strip("-"): flag for action in self._actions for flag in action.option_strings}
        else:
            return ""
        near = difflib.get_close_matches(given, known, n=1, cutoff=_ALIKE)
        return f"; did you mean {known[near[0]]}?" if near else ""

    def option(self, flag: str, help_text: str, *, short: str = "", **kwargs: Any) -> None:
        """Adds a flag whose default is its environment variable, ``--dest-dir``: CONDUCTOR_DIAG_DEST_DIR."""
        name = ENVIRONMENT + flag.strip("-").upper().replace("-", "_")
        if (value := os.environ.get(name)) and "action" not in kwargs:
            kwargs["default"] = kwargs["type"](value) if "type" in kwargs else value
        names = [short, flag] if short else [flag]
        self.add_argument(*names, help=help_text, **kwargs)
