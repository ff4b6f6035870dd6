"""Reads label selectors as kubectl does, so that one with a mistake ends the run before it begins."""

from __future__ import annotations

import re

_LONGEST = 2000
_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_PREFIX = r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/"
_KEY = rf"(?:{_PREFIX})?{_NAME}"
_VALUE = rf"(?:{_NAME})?"
_END = r"\s*(?:,|\Z)"
_SET = rf"(?:\s+(?:not)?in\s*\(\s*(?!\)){_VALUE}\s*(?:,\s*{_VALUE}\s*)*\))"
_COMPARED = rf"(?:\s*(?:(?:==|=|!=)\s*{_VALUE}|[<>]\s*-?\d{{1,18}}))"
_REQUIREMENT = re.compile(rf"\s*(?:!\s*{_KEY}|{_KEY}(?:{_SET}|{_COMPARED})?)(?P<end>{_END})")


def check_selector(text: str) -> None:
    """Raises ValueError unless ``text`` is a label selector, or empty.

    The grammar is that of Kubernetes (concepts: labels and selectors): requirements joined by commas, each
    ``key``, ``!key``, ``key=value``, ``==``, ``!=``, ``<``, ``>``, ``key in (a, b)`` or ``key notin (a)``.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"a label selector has at most {_LONGEST} characters")
    at, more = 0, bool(text.strip())
    while more:
        found = _REQUIREMENT.match(text, at)
        if not found:
            rest = text[at:].strip()
            why = f"cannot read {rest!r}" if rest else "it ends in a comma"
            raise ValueError(f"{text!r} is no label selector: {why}")
        at, more = found.end(), found["end"].endswith(",")
