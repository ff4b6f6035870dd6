"""Redactors with a known key, and what their output says once the digests are out of the way."""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from collector.records import Objects
from collector.redaction import Redactor, Rules, load_rules

_PLACEHOLDER = re.compile(r"\[REDACTED:([a-z0-9-]+):[0-9a-f]{8}\]")
_MARKED = re.compile("«[^»]*»")


@functools.cache
def shipped_rules() -> Rules:
    return load_rules()


@functools.cache
def shipped_redactor() -> Redactor:
    """The shipped rules under a fixed key, so that equal input gives equal output."""
    return Redactor(shipped_rules(), key=b"k" * 32)


def by_kind(text: str) -> str:
    """Returns ``text`` with its placeholders cut down to their kind: ``<password>``."""
    return _PLACEHOLDER.sub(r"<\1>", text)


def blanked(text: str) -> str:
    """Returns ``text`` with every placeholder as ``<>``."""
    return _PLACEHOLDER.sub("<>", text)


def unmarked(example: str) -> str:
    """Returns an example as it would stand in a log: without the marks around its secrets."""
    return example.replace("«", "").replace("»", "")


def expected(example: str) -> str:
    """Returns what must be left of an example, comparable to ``blanked`` output."""
    return _MARKED.sub("<>", example)


def secrets_of(example: str) -> list[str]:
    """Returns the marked secrets of an example."""
    return [found[1:-1] for found in _MARKED.findall(example)]


def redacted_lines(chunks: Iterable[bytes], redactor: Redactor | None = None) -> bytes:
    """Returns a stream of text after redaction."""
    return b"".join(piece.data for piece in (redactor or shipped_redactor()).lines(chunks, Counter()))


def redacted_text(text: str, redactor: Redactor | None = None) -> str:
    """Returns a short text after redaction."""
    return (redactor or shipped_redactor()).text(text, Counter())


def redacted_objects(
    *items: Mapping[str, Any], kind: str = "Pod", redactor: Redactor | None = None
) -> list[Any]:
    """Returns Kubernetes objects as the bundle would hold them."""
    record = Objects(path="x.json", kind=f"{kind}List", api_version="v1", item_kind=kind, items=items)
    pieces = (redactor or shipped_redactor()).objects(record, Counter())
    document: dict[str, list[Any]] = json.loads(b"".join(piece.data for piece in pieces))
    return document["items"]


def redacted_object(item: Mapping[str, Any], *, kind: str = "Pod", redactor: Redactor | None = None) -> Any:
    """Returns one Kubernetes object as the bundle would hold it."""
    return redacted_objects(item, kind=kind, redactor=redactor)[0]
