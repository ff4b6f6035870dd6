"""Chooses objects by labels and namespace as an API server would, as far as our own requests need it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

_EQUAL = re.compile(r"([A-Za-z0-9._/-]+)\s*(==|=|!=)\s*([A-Za-z0-9._-]*)")
_EXISTS = re.compile(r"(!?)([A-Za-z0-9._/-]+)")
_NOT_IN = re.compile(r"metadata\.namespace!=([a-z0-9.-]+)")


class _Metadata(msgspec.Struct):
    namespace: str = ""
    labels: dict[str, str] | None = None


class _Object(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


Test = Callable[[str, Mapping[str, str]], bool]
"""(namespace, labels) -> whether the object is wanted."""


class SelectorError(Exception):
    """A selector that cannot be judged here. The message is fit to be shown."""


Wanted = Callable[[bytes], bool]
"""The bytes of an object -> whether it is wanted."""


def compile_selectors(labels: str, fields: str, *, namespace: str = "") -> Wanted | None:
    """Returns the test for one object, None if every object is wanted. Raises SelectorError.

    Args:
        labels: a label selector in kubectl's words.
        fields: a field selector.
        namespace: the one that is asked for, empty for all.
    """
    tests = [_label(term.strip()) for term in labels.split(",") if term.strip()]
    tests += [_field(term.strip()) for term in fields.split(",") if term.strip()]
    if namespace:
        tests.append(lambda place, _: place in ("", namespace))
    if not tests:
        return None

    def wanted(item: bytes) -> bool:
        try:
            metadata = msgspec.json.decode(item, type=_Object).metadata
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return False
        return all(test(metadata.namespace, metadata.labels or {}) for test in tests)

    return wanted


def _label(term: str) -> Test:
    if found := _EQUAL.fullmatch(term):
        name, equal, value = found[1], found[2] != "!=", found[3]
        return lambda _, labels: (labels.get(name) == value) is equal
    if found := _EXISTS.fullmatch(term):
        name, present = found[2], not found[1]
        return lambda _, labels: (name in labels) is present
    raise SelectorError(f"the selector {term!r} cannot be judged without a server")


def _field(term: str) -> Test:
    if found := _NOT_IN.fullmatch(term):
        excluded = found[1]
        return lambda namespace, _: namespace != excluded
    raise SelectorError(f"the field selector {term!r} cannot be judged without a server")
