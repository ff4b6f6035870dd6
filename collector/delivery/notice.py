"""One notice as an Errbit-compatible server takes it: all fields, all clean, all bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from collector.delivery import clean
from collector.findings import RunInfo
from collector.records.model import Json

MAX_BODY = 48_000
_TITLE_BYTES = 200
_SHORT = 200
_DROPPABLE = re.compile(r"(?:evidence|excerpt|fact)(?:_|$)")
_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,5}")

Params = dict[str, Json]


@dataclass(frozen=True, kw_only=True)
class Site:
    """Who sends: environment and host name as the endpoint shows them."""

    environment: str
    hostname: str


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The run that a notice comes from, in the words that every notice carries."""

    bundle_id: str
    label: str
    case: str
    policy_id: str
    agent_version: str
    demo: bool = False

    @classmethod
    def of(cls, run: RunInfo) -> Origin:
        """Returns the origin of a run's notices."""
        return cls(
            bundle_id=run.bundle_id,
            label=run.label,
            case=run.case,
            policy_id=run.policy.id,
            agent_version=run.agent_version,
            demo=run.demo,
        )


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One notice.

    Attributes:
        uid: stable over retries.
        name: its type.
        document: what is sent.
        finding: identity over runs of the finding it tells of, empty if of none.
        rank: how bad the finding is; lower is worse.
    """

    uid: str
    name: str
    document: Mapping[str, Json]
    finding: str = ""
    rank: int = 0

    def body(self) -> bytes:
        """Returns the JSON text; fails on what JSON cannot say, which cleaning has ruled out."""
        text = json.dumps(self.document, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        return text.encode()

    def minimal(self) -> Notice:
        """Returns the notice without its params: what a server that chokes on them may still take."""
        document = {
            **self.document,
            "params": {"notice_uid": self.uid, "reduced": "the server failed on the rest"},
        }
        return replace(self, document=document)


def make_notice(
    *,
    uid: str,
    name: str,
    message: str,
    frame: tuple[str, str],
    where: tuple[str, str],
    origin: Origin,
    site: Site,
    params: Params,
) -> Notice:
    """Returns a notice, cleaned and fitted; ``params`` may be of any depth, width and size.

    ``name``, ``message``, ``frame`` (file and function of the one backtrace frame, without which one server
    takes nothing) and ``where`` (component and action) decide the grouping.
    """
    version = _VERSION.match(origin.agent_version)
    common: Params = {
        "bundle_id": origin.bundle_id,
        "notice_uid": uid,
        "label": origin.label,
        "case": origin.case,
        "policy_id": origin.policy_id,
        "agent_version": origin.agent_version,
        "demo": origin.demo,
    }
    document = {
        "notifier": {
            "name": "conductor-diag",
            "version": clean.text(origin.agent_version, _SHORT),
            "url": "",
        },
        "errors": [
            {
                "type": clean.text(name, 120),
                "message": clean.text(message, _TITLE_BYTES) or "Untitled",
                "backtrace": [
                    {
                        "file": clean.text(frame[0], _SHORT),
                        "function": clean.text(frame[1], _SHORT),
                        "line": 1,
                    }
                ],
            }
        ],
        "context": {
            "environment": clean.text(site.environment, _SHORT) or "production",
            "component": clean.text(where[0], _SHORT),
            "action": clean.text(where[1], _SHORT),
            "hostname": clean.text(site.hostname, _SHORT),
            "version": version[0] if version else "0",
            "userAgent": user_agent(origin.agent_version),
        },
        "environment": {},
        "session": {},
        "params": clean.value({**common, **params}),
    }
    return _fit(Notice(uid=uid, name=document["errors"][0]["type"], document=document))


def user_agent(agent_version: str) -> str:
    """Returns the User-Agent for a version; ASCII, because it also stands in a header."""
    return "conductor-diag/" + re.sub(r"[^0-9A-Za-z.+-]", "_", agent_version[:_SHORT])


def _fit(notice: Notice) -> Notice:
    """Returns the notice with at most 48,000 bytes of body: evidence goes first, the largest piece first."""
    params: Params = dict(notice.document["params"])
    dropped: list[str] = []
    fitted = notice
    while len(fitted.body()) > MAX_BODY:
        pieces = {
            name: len(json.dumps(value, ensure_ascii=False))
            for name, value in params.items()
            if name != "dropped"
        }
        choice = [name for name in pieces if _DROPPABLE.match(name)] or list(pieces)
        largest = max(choice, key=lambda name: pieces[name])
        dropped.append(largest)
        del params[largest]
        params["dropped"] = clean.text(f"to keep the notice small: {', '.join(dropped)}")
        fitted = replace(notice, document={**notice.document, "params": params})
    return fitted
