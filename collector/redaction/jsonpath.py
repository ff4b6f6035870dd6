"""Places in objects, as customers write them: ``spec.values["a.b"][*].token``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from collector.core.errors import SpecError
from collector.records import Json

_MOST_STEPS = 50
_STEP = re.compile(
    r"""\.?(?P<key>[A-Za-z0-9_$\-/]+)|\.?(?P<any>\*)|\[(?P<index>\d{1,6}|\*)\]|\[(["'])(?P<quoted>.+?)\4\]"""
)

Hide = Callable[[Json], Json]
"""(what stands at the place) -> what stands there instead."""


@dataclass(frozen=True, kw_only=True)
class JsonPath:
    """One place, or many by ``*``.

    Attributes:
        steps: keys, positions in lists, or None for all of either.
    """

    steps: tuple[str | int | None, ...]

    @classmethod
    def parse(cls, text: str, *, rule: str) -> JsonPath:
        """Returns the path written in ``text``; ``$.`` in front of it is allowed. ``rule`` is whose it is.

        Raises:
            SpecError: it is none.
        """
        rest = text.removeprefix("$")
        steps: list[str | int | None] = []
        at = 0
        while at < len(rest):
            found = _STEP.match(rest, at)
            if found is None or len(steps) == _MOST_STEPS:
                raise SpecError(
                    f"{text!r} of redaction rule {rule!r} is no JSON path",
                    why=f"at {rest[at : at + 20]!r}",
                    hint='write it like: spec.values["a.b"][*].token',
                )
            steps.append(_step(found))
            at = found.end()
        if not steps:
            raise SpecError(f"{text!r} of redaction rule {rule!r} is no JSON path", why="it names no place")
        return cls(steps=tuple(steps))

    def replaced(self, value: Json, hide: Hide) -> Json:
        """Returns ``value`` with what stands at the path replaced; only the way there is copied."""
        return _replaced(value, self.steps, hide)


def _step(found: re.Match[str]) -> str | int | None:
    if found["any"] or found["index"] == "*":
        return None
    if found["index"]:
        return int(found["index"])
    return found["key"] or found["quoted"]


def _replaced(value: Json, steps: tuple[str | int | None, ...], hide: Hide) -> Json:
    if not steps:
        return hide(value)
    step, rest = steps[0], steps[1:]
    if isinstance(value, Mapping):
        return {
            key: _replaced(member, rest, hide) if step is None or key == step else member
            for key, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [
            _replaced(item, rest, hide) if step is None or at == step else item
            for at, item in enumerate(value)
        ]
    return value
