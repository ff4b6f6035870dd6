"""Chooses objects out of a recorded list as an API server would: selectors, and pages with opaque tokens."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from collector.demo.messages import RefusalError, Request, bad_request
from collector.demo.recording import Json

Test = Callable[[Json], bool]

INCONSISTENT = -1
"""Resource version of a token that goes on with the present state instead of the one the list began with."""

_BETWEEN = re.compile(r",(?![^(]*\))")
_LABEL = r"[A-Za-z0-9._/-]+"
_SET = re.compile(rf"({_LABEL})\s+(in|notin)\s+\(([^()]*)\)")
_EQUAL = re.compile(rf"({_LABEL})\s*(==|=|!=)\s*([A-Za-z0-9._-]*)")
_EXISTS = re.compile(rf"(!?)\s*({_LABEL})")
_FIELD = re.compile(r"([A-Za-z.]+)(==|=|!=)(.*)", re.DOTALL)
# The union of what the resources support; a real server knows a set for each of them.
_FIELDS = re.compile(
    r"metadata\.(name|namespace)|status\.(phase|podIP|successful)|involvedObject\.[A-Za-z]+|type|reason"
    r"|source|reportingComponent|spec\.(nodeName|restartPolicy|schedulerName|serviceAccountName|unschedulable)"
)
_VERSION = "meta.k8s.io/v1"


@dataclass(frozen=True, kw_only=True)
class Page:
    """A part of a list. ``following`` is empty at the end; ``remaining`` counts what comes after it."""

    items: Sequence[Json]
    following: str
    remaining: int


def select(items: Sequence[Json], request: Request) -> Sequence[Json]:
    """Returns the items that both selectors of the request take. Raises RefusalError for a wrong selector."""
    tests = [
        *_tests(request.query.get("labelSelector", ""), _label_test),
        *_tests(request.query.get("fieldSelector", ""), _field_test),
    ]
    return [item for item in items if all(test(item) for test in tests)] if tests else items


def page(items: Sequence[Json], request: Request, resource_version: str) -> Page:
    """Returns the page that the request asks for. Raises RefusalError for a token that no answer gave."""
    limit = request.number("limit") or 0
    token = request.query.get("continue", "")
    start = _start(token) if token else 0
    # A list from the server's cache comes whole, whatever the limit.
    if not token and request.query.get("resourceVersion") == "0":
        limit = 0
    end = start + limit if limit else len(items)
    remaining = max(len(items) - end, 0)
    version = int(resource_version) if resource_version.isdecimal() else 0
    return Page(
        items=items[start:end], following=page_token(end, version) if remaining else "", remaining=remaining
    )


def page_token(start: int, resource_version: int) -> str:
    """Returns a token for the list from its ``start``-th item on."""
    content = {"v": _VERSION, "rv": resource_version, "start": start}
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def inconsistent(token: str) -> str:
    """Returns the token a server offers beside 410: the same place, at the present state."""
    return page_token(_start(token), INCONSISTENT)


def is_inconsistent(token: str) -> bool:
    """True for a token made by ``inconsistent``."""
    return bool(_token(token)["rv"] == INCONSISTENT)


def _start(token: str) -> int:
    start: int = _token(token)["start"]
    return start


def _token(token: str) -> Mapping[str, Json]:
    try:
        content = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
        if content["v"] == _VERSION and min(content["start"], content["rv"] - INCONSISTENT) >= 0:
            return dict(content, start=int(content["start"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RefusalError(bad_request(f"continue key is not valid: {type(error).__name__}")) from error
    raise RefusalError(bad_request("continue key is not valid: incorrect version or place"))


def _tests(selector: str, compile_one: Callable[[str], Test]) -> list[Test]:
    return [compile_one(term.strip()) for term in _BETWEEN.split(selector) if term.strip()]


def _label_test(term: str) -> Test:
    if found := _SET.fullmatch(term):
        name, among = found[1], found[2] == "in"
        values = {value.strip() for value in found[3].split(",")}
        return lambda item: (_labels(item).get(name) in values) is among
    if found := _EQUAL.fullmatch(term):
        name, equal, value = found[1], found[2] != "!=", found[3]
        return lambda item: (_labels(item).get(name) == value) is equal
    if found := _EXISTS.fullmatch(term):
        wanted, name = not found[1], found[2]
        return lambda item: (name in _labels(item)) is wanted
    raise RefusalError(bad_request(f"unable to parse requirement: {term!r}"))


def _field_test(term: str) -> Test:
    found = _FIELD.fullmatch(term)
    if not found:
        raise RefusalError(bad_request(f"invalid selector: '{term}'; can't understand '{term}'"))
    name, equal, value = found[1], found[2] != "!=", found[3]
    if not _FIELDS.fullmatch(name):
        raise RefusalError(bad_request(f"field label not supported: {name}"))
    return lambda item: (_field(item, name) == value) is equal


def _labels(item: Json) -> Mapping[str, str]:
    labels: Mapping[str, str] = item["metadata"].get("labels") or {}
    return labels


def _field(item: Json, name: str) -> str:
    value = item
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value = value.get("component")  # an event's source is an object of which this part is compared
    return "" if value is None else str(value)
