"""Reads a report of the older protocol, XML with the key inside, into what a v3 report becomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

from collector.receiver.model import Incoming, RejectedError, Request
from collector.receiver.payload import check_storable
from collector.records.model import Json

MALFORMED = "The provided XML was not well-formed"
NO_DATA = "Need a data params in GET or raw post data"
_VERSIONS = re.compile(r"2\.[0-4](\.\d+)*")
_DEEPEST = 20


def interpret(request: Request) -> Incoming:
    """Returns the report. Raises RejectedError: 400 without data, 422 for no XML, 500 for another form."""
    text = request.query.get("data", "").encode() if request.method == "GET" else request.body
    if not text:
        raise RejectedError(400, NO_DATA)
    root = _parsed(text)
    if root.tag != "notice" or not _VERSIONS.fullmatch(root.get("version", "")):
        raise RejectedError(500)
    server = root.find("server-environment")
    error = root.find("error")
    if error is None:
        raise RejectedError(500)
    incoming = Incoming(
        api_key=_text(root, "api-key"),
        error_class=_text(error, "class"),
        message=_text(error, "message"),
        backtrace=tuple(
            {"file": line.get("file"), "function": line.get("method"), "line": line.get("number")}
            for line in error.iterfind("backtrace/line")
        ),
        notifier={"name": _text(root, "notifier/name"), "version": _text(root, "notifier/version")},
        context={
            "environment": _text(server, "environment-name"),
            "hostname": _text(server, "hostname"),
            "version": _text(server, "app-version"),
            "component": _text(root, "request/component"),
            "action": _text(root, "request/action"),
        },
        environment={},
        session=_variables(root.find("request/session"), 0),
        params=_variables(root.find("request/params"), 0),
    )
    check_storable(incoming.params, incoming.session)
    return incoming


def _parsed(text: bytes) -> ET.Element:
    # A document type is what entities are declared in; no notifier sends one.
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise RejectedError(422, MALFORMED)
    try:
        return ET.fromstring(text)  # noqa: S314 - without a document type there is nothing to expand
    except (ET.ParseError, ValueError, LookupError) as cause:
        raise RejectedError(422, MALFORMED) from cause


def _text(parent: ET.Element | None, path: str) -> str:
    return (parent.findtext(path) or "").strip() if parent is not None else ""


def _variables(parent: ET.Element | None, depth: int) -> Mapping[str, Json]:
    if parent is None or depth >= _DEEPEST:
        return {}
    return {
        entry.get("key", ""): _variables(entry, depth + 1) if len(entry) else (entry.text or "")
        for entry in parent.iterfind("var")
    }
