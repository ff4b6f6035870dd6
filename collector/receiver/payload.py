"""Reads a request's body as Rails and Ruby's JSON parser do, including what they choke on."""

from __future__ import annotations

import json
from collections.abc import Iterator

from collector.receiver.model import RejectedError
from collector.records.model import Json

_MAX_DEPTH = 100  # Ruby's JSON.parse, counted with the outermost object
_DIGITS = 40  # more than this is out of any range that counts
_INT64 = range(-(2**63), 2**63)
_BAD_REQUEST = 400
_SERVER_ERROR = 500


def decode(body: bytes, *, declared_json: bool) -> dict[str, Json]:
    """Returns the outermost object of a body; empty for no body, ``null`` and ``false``.

    Raises RejectedError: with 400 for what is not JSON (also by nesting and by invalid Unicode in a value),
    with 500 for the same when the content type did not announce JSON, because then Rails did not look first.
    """
    if not body:
        return {}
    damaged = _BAD_REQUEST if declared_json else _SERVER_ERROR
    try:
        # Invalid bytes become lone surrogates, so that raw and escaped damage meet the same rule.
        text = body.decode("utf-8", "surrogateescape")
        document = json.loads(text, parse_constant=_refuse, parse_int=lambda digits: int(digits[:_DIGITS]))
    except (ValueError, RecursionError) as cause:
        raise RejectedError(damaged) from cause
    for node, depth in walk(document):
        if depth > _MAX_DEPTH or (isinstance(node, str) and not _valid(node)):
            raise RejectedError(damaged)
    if document is None or document is False:
        return {}
    if not isinstance(document, dict):
        raise RejectedError(_SERVER_ERROR)
    return document


def check_storable(*values: Json) -> None:
    """Raises RejectedError(500) for what the database refuses: NUL or surrogates in a key, large integers."""
    for value in values:
        for node, _ in walk(value):
            unfit = isinstance(node, int) and node not in _INT64
            if isinstance(node, dict):
                unfit = any("\x00" in key or not _valid(key) for key in node)
            if unfit:
                raise RejectedError(_SERVER_ERROR)


def walk(value: Json) -> Iterator[tuple[Json, int]]:
    """Yields every value inside ``value`` with the depth of its nearest container (the outermost is 1)."""
    pending: list[tuple[Json, int]] = [(value, 0)]
    while pending:
        node, depth = pending.pop()
        if isinstance(node, dict | list):
            depth += 1
            pending += [(child, depth) for child in (node.values() if isinstance(node, dict) else node)]
        yield node, depth


def _refuse(constant: str) -> Json:
    raise ValueError(constant)


def _valid(text: str) -> bool:
    return not any("\ud800" <= mark <= "\udfff" for mark in text)
