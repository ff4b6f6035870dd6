"""What Errbit 0.10 makes of a v3 report: which key counts, what is required, what breaks it.

Pure functions. Every rule was seen on a running Errbit; tests/data/errbit/contract.json holds the recordings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from collector.receiver.gemversion import older
from collector.receiver.model import Incoming, RejectedError, Request
from collector.receiver.payload import check_storable, decode
from collector.records.model import Json

UNKNOWN_KEY = "Your API key is unknown"
OLD_VERSION = "Notice for old app version ignored"
INVALID = "Invalid request"
_JSON_TYPES = ("application/json", "text/x-json", "application/jsonrequest")
_BEARER = re.compile(r"Bearer (.+)")


def interpret(request: Request, project: str) -> Incoming:
    """Returns the report that a request carries. Raises RejectedError with 400, 406 or 500."""
    kind = request.headers.get("content-type")
    if kind == "":
        raise RejectedError(406)
    declared = (kind or "").partition(";")[0].strip().lower() in _JSON_TYPES
    document = decode(request.body, declared_json=declared)
    error = _first_error(document)
    context = _context(document)
    return Incoming(
        api_key=_key(request, document, project),
        error_class=error.get("type"),
        message=error.get("message"),
        backtrace=_backtrace(error.get("backtrace")),
        notifier=context.get("notifier") or document.get("notifier"),
        context=context,
        environment=_environment(document),
        session=document.get("session"),
        params=document.get("params"),
    )


def check_version(incoming: Incoming, current: str) -> None:
    """Raises RejectedError: 422 for a notice older than ``current``, 500 for what is no version at all."""
    version = incoming.context.get("version")
    if not _truthy(version) or version in ("", [], {}):
        raise RejectedError(422, OLD_VERSION)
    if not isinstance(version, str):
        raise RejectedError(500)
    try:
        outdated = older(version, current)
    except ValueError as cause:
        raise RejectedError(500) from cause
    if outdated:
        raise RejectedError(422, OLD_VERSION)


def check_fields(incoming: Incoming) -> None:
    """Raises RejectedError: 500 for what cannot be stored, 422 for a missing notifier."""
    if not isinstance(incoming.message, str):
        raise RejectedError(500)
    if not isinstance(incoming.context.get("userAgent"), str | None):
        raise RejectedError(500)
    if not isinstance(incoming.notifier, dict) or not incoming.notifier:
        raise RejectedError(422)
    check_storable(
        incoming.error_class,
        dict(incoming.context),
        incoming.notifier,
        dict(incoming.environment),
        incoming.session,
        incoming.params,
        [dict(frame) for frame in incoming.backtrace],
    )


def _first_error(document: Mapping[str, Json]) -> Mapping[str, Json]:
    errors = document.get("errors", [])
    if not isinstance(errors, list | dict):
        raise RejectedError(500)
    if not errors or (isinstance(errors, list) and not any(_truthy(entry) for entry in errors)):
        raise RejectedError(400, INVALID)
    if isinstance(errors, dict) or not isinstance(errors[0], dict):
        raise RejectedError(500)
    return errors[0]


def _context(document: Mapping[str, Json]) -> Mapping[str, Json]:
    context = document.get("context") or {}
    if isinstance(context, str):
        return {}
    if not isinstance(context, dict):
        raise RejectedError(500)
    return context


def _environment(document: Mapping[str, Json]) -> Mapping[str, Json]:
    environment = document.get("environment")
    if environment is None:
        return {}
    if not isinstance(environment, dict):
        raise RejectedError(500)
    return environment


def _backtrace(frames: Json) -> tuple[Mapping[str, Json], ...]:
    """Returns the frames; a string for a frame has no fields, anything else but an object is an error."""
    if not _truthy(frames) or frames == {}:
        return ()
    if not isinstance(frames, list) or not all(isinstance(frame, dict | str) for frame in frames):
        raise RejectedError(500)
    return tuple(frame if isinstance(frame, dict) else {} for frame in frames)


def _truthy(value: Json) -> bool:
    """Ruby's notion: only nil and false are not."""
    return value is not None and value is not False


def _key(request: Request, document: Mapping[str, Json], project: str) -> Json:
    """Later wins: query, body, X-Airbrake-Token, Bearer; without any of them the project's id."""
    key: Json = document.get("key", request.query.get("key"))
    key = request.headers.get("x-airbrake-token", key)
    bearer = _BEARER.fullmatch(request.headers.get("authorization", ""))
    if bearer:
        key = bearer[1]
    return key or document.get("project_id", project)
