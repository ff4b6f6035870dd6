"""The values that pass between the receiver's parts: requests, answers, notices and their groups."""

from __future__ import annotations

import http
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from collector.records.model import Json

TEXT = "text/plain; charset=utf-8"
JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=UTF-8"
XML = "application/xml; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request, whole. Header names are lower case; ``target`` is path and query as received."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path as Rails routes it: slashes folded, none at the end."""
        parts = [part for part in self.target.partition("?")[0].split("/") if part]
        return "/" + "/".join(parts)

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of one that is given twice the last counts."""
        found = parse_qs(urlsplit("/?" + self.target.partition("?")[2]).query, keep_blank_values=True)
        return {name: values[-1] for name, values in found.items()}

    @property
    def wants_json(self) -> bool:
        """True when errors should come as JSON instead of a page."""
        return "application/json" in self.headers.get("accept", "")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer."""

    status: int
    content_type: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class RejectedError(Exception):
    """A request that ends with an error status; ``text`` is Errbit's own plain text, if it has one for it."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(f"{status} {text}".strip())
        self.status = status
        self.text = text

    def answer(self, *, as_json: bool) -> Answer:
        """Returns what Errbit says: its own words as plain text, Rails' words as a page or as JSON."""
        if self.text:
            return Answer(status=self.status, content_type=TEXT, body=self.text.encode())
        name = http.HTTPStatus(self.status).phrase
        if as_json:
            body = json.dumps({"status": self.status, "error": name})
            return Answer(
                status=self.status, content_type="application/json; charset=UTF-8", body=body.encode()
            )
        page = f"<!DOCTYPE html><title>{name}</title><h1>{name} ({self.status})</h1>\n"
        return Answer(status=self.status, content_type=HTML, body=page.encode())


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A report as Errbit understands it, before it is checked for storing. All of it is hostile."""

    api_key: Json
    error_class: Json
    message: Json
    backtrace: tuple[Mapping[str, Json], ...]
    notifier: Json
    context: Mapping[str, Json]
    environment: Mapping[str, Json]
    session: Json
    params: Json

    @property
    def environment_name(self) -> Json:
        """The problem's environment; an empty one is called development."""
        return self.context.get("environment") or "development"


@dataclass(frozen=True, kw_only=True)
class StoredNotice:
    """A notice as kept. ``size`` is the length of the request's body in bytes."""

    id: str
    problem_id: str
    fingerprint: str
    received: datetime
    error_class: str
    message: str
    component: str
    action: str
    environment: str
    hostname: str
    version: str
    params: Json
    session: Json
    size: int

    @property
    def where(self) -> str:
        """What the list of problems shows beside the message."""
        return f"{self.component}#{self.action}" if self.action else self.component


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A group of notices with one fingerprint. ``count`` includes notices that were dropped for space."""

    id: str
    fingerprint: str
    error_class: str
    message: str
    where: str
    environment: str
    count: int
    first: datetime
    last: datetime
