"""A key or token, wrapped so that it cannot be shown by accident."""

from __future__ import annotations

import re

from collector.core.errors import UsageError

_VISIBLE = re.compile(r"[!-~]+")
_SPACED = re.compile(r"[!-~]+( +[!-~]+)*")

_COPY = "copy it again, whole and alone, from where it was issued"


class Secret:
    """A value that ``repr``, ``str``, formatting, copying and pickling never show.

    Args:
        value: visible ASCII characters, at least one and at most ``longest``.
        what: what it is, for the error's words.
        hint: what to do about one that is not usable; by default, to copy it again.
        longest: the limit.
        spaced: spaces may stand between the characters.

    Raises UsageError, without the value, for anything else, such as what cannot stand in an HTTP header.
    """

    __slots__ = ("_value",)

    def __init__(
        self,
        value: str,
        what: str = "the secret",
        *,
        hint: str = _COPY,
        longest: int = 512,
        spaced: bool = False,
    ) -> None:
        if len(value) > longest or not (_SPACED if spaced else _VISIBLE).fullmatch(value):
            raise UsageError(
                f"{what} is not usable",
                why=f"it must be 1 to {longest} visible ASCII characters"
                f"{' on one line' if spaced else ' without spaces'}",
                hint=hint,
            )
        self._value = value

    def reveal(self) -> str:
        """Returns the value; only a module that makes a request calls this."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not written anywhere")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self
