"""A customer's places in Kubernetes objects: all that stands there goes, or what one of their rules finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from collector.records import Json
from collector.redaction import spans
from collector.redaction.causes import Cause, Counts, Span
from collector.redaction.entryglobs import EntryGlobs
from collector.redaction.jsonpath import JsonPath
from collector.redaction.marker import Marker

Hidden = Callable[[Json, Cause, Counts], Json]
"""(value, cause, counts) -> its shape, with every scalar replaced."""

Find = Callable[[bytes], Iterable[Span]]
"""(line without newline) -> what goes of it."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One rule that looks at one place.

    Attributes:
        cause: what its placeholders say.
        path: where in an object.
        kinds: kinds of objects it is for; empty: all.
        entries: entries it is for.
        find: what to look for there; None: everything goes.
    """

    cause: Cause
    path: JsonPath
    kinds: tuple[str, ...]
    entries: EntryGlobs
    find: Find | None = None


def placed(
    item: dict[str, Json], places: Iterable[Place], *, marker: Marker, hidden: Hidden, counts: Counts
) -> dict[str, Json]:
    """Returns a Kubernetes object without what ``places`` say; only the way there is copied.

    Raises RecursionError where an object is nested too deeply: it cannot be redacted then.
    """
    result: Json = item
    for place in places:
        if not place.kinds or item.get("kind") in place.kinds:
            result = place.path.replaced(result, _hide(place, marker, hidden, counts))
    whole: dict[str, Json] = result
    return whole


def _hide(place: Place, marker: Marker, hidden: Hidden, counts: Counts) -> Callable[[Json], Json]:
    find = place.find
    if find is None:
        return lambda value: hidden(value, place.cause, counts)
    return lambda value: _searched(value, find, marker, counts)


def _searched(value: Json, find: Find, marker: Marker, counts: Counts) -> Json:
    if isinstance(value, Mapping):
        return {
            _text(str(key), find, marker, counts): _searched(member, find, marker, counts)
            for key, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [_searched(item, find, marker, counts) for item in value]
    if value is None or isinstance(value, bool):
        return value
    written = value if isinstance(value, str) else str(value)
    clean = _text(written, find, marker, counts)
    return value if clean == written else clean


def _text(text: str, find: Find, marker: Marker, counts: Counts) -> str:
    lines = text.encode("utf-8", "replace").split(b"\n")
    return b"\n".join(_line(line, find, marker, counts) for line in lines).decode("utf-8", "replace")


def _line(line: bytes, find: Find, marker: Marker, counts: Counts) -> bytes:
    known = marker.placeholders(line)
    found = spans.subtract(spans.merge(find(marker.blanked(line, known))), known)
    return marker.replaced(line, found, counts)
