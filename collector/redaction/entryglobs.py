"""Which entries of a bundle a rule is for, by their paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

_ANY_DEPTH = "**"


@dataclass(frozen=True, kw_only=True)
class EntryGlobs:
    """Patterns of entry paths as ``bundle ls`` prints them; none: every entry.

    ``*``, ``?`` and ``[ab]`` stay within a folder, ``**`` in place of a folder's name stands for any number
    of folders. Letters count as they are written.

    Raises:
        ValueError: a pattern can match no path.
    """

    patterns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for pattern in self.patterns:
            problem = _problem(pattern.split("/"))
            if problem:
                raise ValueError(f"{pattern!r} matches no entry: {problem}")

    def hold(self, path: str) -> bool:
        """True when the rule is for the entry at ``path``. Takes time linear in both lengths."""
        folders = path.split("/")
        return not self.patterns or any(_fits(folders, pattern.split("/")) for pattern in self.patterns)


def _fits(folders: Sequence[str], steps: Sequence[str]) -> bool:
    """Follows all ways through the path at once, so that no pattern takes longer than path times steps."""
    reached = {0}
    for step in steps:
        if step == _ANY_DEPTH:
            reached = set(range(min(reached), len(folders) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(folders) and fnmatchcase(folders[at], step)}
        if not reached:
            return False
    return len(folders) in reached


def _problem(steps: Sequence[str]) -> str:
    if not steps[0]:
        return "it begins with a slash, or is empty"
    if not all(steps):
        return "it has an empty folder name"
    if not {".", ".."}.isdisjoint(steps):
        return "paths have no . and no .. in them"
    if any(_ANY_DEPTH in step and step != _ANY_DEPTH for step in steps):
        return "** stands alone between slashes"
    return ""
