"""A recorded cluster as a value: what a real API server once answered, held so that it can be answered again.

Only what cannot be derived is kept: discovery, cluster-wide lists, health, version and logs. Namespaced
lists, single objects and selections are filtered out of the cluster-wide lists when they are asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from collector.core.clock import parse_rfc3339
from collector.core.errors import UsageError

Json = Any
"""A decoded JSON value."""

JSON_TYPE = "application/json"
_INDEX = "INDEX.json"
# Answers to special Accept headers live in folders that begin with an underscore. Of these only the
# aggregated form of discovery cannot be derived from the rest.
_AGGREGATED = "_aggregated_discovery/"
_DOCUMENT = re.compile(r"/api/[^/?]+|/apis/[^/?]+/[^/?]+")
_OK = 200


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One recorded answer. ``json`` decodes the body once, on first use; treat the result as read-only."""

    status: int
    content_type: str
    body: bytes

    @cached_property
    def json(self) -> Json:
        return json.loads(self.body)

    @property
    def is_json(self) -> bool:
        """True for every answer whose body can be decoded."""
        return self.content_type.startswith(JSON_TYPE)

    @classmethod
    def of(cls, value: Json, *, status: int = _OK, content_type: str = JSON_TYPE) -> Answer:
        """Returns an answer made of a JSON value."""
        return cls(status=status, content_type=content_type, body=encode(value))


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One entry of a discovery document, such as ``pods`` or ``pods/log``. ``group`` is empty for core."""

    group: str
    version: str
    name: str
    kind: str
    namespaced: bool
    verbs: frozenset[str]

    @property
    def api_version(self) -> str:
        """Returns ``v1`` or ``apps/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def path(self) -> str:
        """Returns the request path of the cluster-wide list."""
        return f"{group_version_path(self.group, self.version)}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class LogKey:
    """Whose log it is; ``previous`` for the one before the last restart."""

    namespace: str
    pod: str
    container: str
    previous: bool = False


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The answers of one server at one moment. Edits make a new recording and share what they leave alone.

    Attributes:
        recorded_at: when the recording was made; a demo clock starts here.
        answers: by request target as sent, query included: ``/api/v1/pods``, ``/readyz?verbose``.
        aggregated: the same for ``/api`` and ``/apis`` in the aggregated form; empty for old servers.
    """

    recorded_at: datetime
    answers: Mapping[str, Answer]
    aggregated: Mapping[str, Answer] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Reads a folder in the recorded layout. Raises UsageError when it holds no usable recording."""
        try:
            return _load(path)
        except (OSError, ValueError, KeyError, TypeError) as cause:
            raise UsageError(
                f"{path} is not a recording of an API server",
                why=f"{type(cause).__name__}: {cause}",
                hint="reinstall conductor-diag; the demo's recording is part of it",
            ) from cause

    def with_answers(self, changes: Mapping[str, Answer | None]) -> Recording:
        """Returns a recording with these answers put in place; None takes one away."""
        return replace(self, answers=_merged(self.answers, changes))

    def with_aggregated(self, changes: Mapping[str, Answer | None]) -> Recording:
        """Returns a recording with these aggregated discovery documents; None takes one away."""
        return replace(self, aggregated=_merged(self.aggregated, changes))

    @cached_property
    def minor(self) -> int:
        """Returns the minor version of the server, 0 if it states none."""
        version = self.answers.get("/version")
        digits = str(version.json.get("minor", "")).rstrip("+") if version else ""
        return int(digits) if digits.isdecimal() else 0

    @cached_property
    def resources(self) -> Mapping[tuple[str, str], Mapping[str, Resource]]:
        """Returns what discovery offers: by (group, version), then by name, subresources included."""
        found: dict[tuple[str, str], Mapping[str, Resource]] = {}
        for target, answer in self.answers.items():
            if _DOCUMENT.fullmatch(target) and answer.is_json and answer.status == _OK:
                group, _, version = answer.json["groupVersion"].rpartition("/")
                entries = [_resource(group, version, entry) for entry in answer.json.get("resources") or ()]
                found[group, version] = {entry.name: entry for entry in entries}
        return MappingProxyType(found)

    @cached_property
    def logs(self) -> Mapping[LogKey, Answer]:
        """Returns the recorded logs, and the refusals recorded in place of one."""
        keyed = ((log_key(target), answer) for target, answer in self.answers.items())
        return MappingProxyType({key: answer for key, answer in keyed if key})


def encode(value: Json) -> bytes:
    """Returns compact JSON with a final newline, as API servers send it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def group_version_path(group: str, version: str) -> str:
    """Returns ``/api/v1`` or ``/apis/apps/v1``."""
    return f"/apis/{group}/{version}" if group else f"/api/{version}"


def log_key(target: str) -> LogKey | None:
    """Returns whose log a request target reads, or None if it is no log request."""
    parts = urlsplit(target)
    match parts.path.split("/"):
        case ["", "api", "v1", "namespaces", namespace, "pods", pod, "log"]:
            query = parse_qs(parts.query)
            return LogKey(
                namespace=namespace,
                pod=pod,
                container=query.get("container", [""])[0],
                previous=query.get("previous", [""])[0] == "true",
            )
        case _:
            return None


def _merged(old: Mapping[str, Answer], changes: Mapping[str, Answer | None]) -> Mapping[str, Answer]:
    merged = {**old, **changes}
    return MappingProxyType({target: answer for target, answer in merged.items() if answer is not None})


def _resource(group: str, version: str, entry: Json) -> Resource:
    return Resource(
        group=group,
        version=version,
        name=entry["name"],
        kind=entry["kind"],
        namespaced=entry["namespaced"],
        verbs=frozenset(entry["verbs"]),
    )


def _load(path: Path) -> Recording:
    index = json.loads((path / _INDEX).read_bytes())
    recorded_at = parse_rfc3339(index["recorded_at"])
    if recorded_at is None:
        raise ValueError("recorded_at is not a time")
    answers: dict[str, Answer] = {}
    aggregated: dict[str, Answer] = {}
    for entry in index["requests"]:
        name = entry["file"]
        # The index of a whole recording also lists sizes without a file and refusals to other users.
        if not name or not entry["request"].startswith("/"):
            continue
        if not name.startswith("_"):
            answers[entry["request"]] = _answer(path, entry)
        elif name.startswith(_AGGREGATED) and "APIGroupDiscoveryList" in entry["content_type"]:
            aggregated[entry["request"]] = _answer(path, entry)
    return Recording(
        recorded_at=recorded_at, answers=MappingProxyType(answers), aggregated=MappingProxyType(aggregated)
    )


def _answer(root: Path, entry: Json) -> Answer:
    file = root / entry["file"]
    if not file.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{entry['file']} lies outside the recording")
    return Answer(status=entry["status"], content_type=entry["content_type"], body=file.read_bytes())
