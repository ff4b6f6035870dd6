"""Other forms of lists: the Table that kubectl asks for, and the metadata alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.core.clock import parse_rfc3339
from collector.core.text import human_age
from collector.demo.messages import RefusalError, Request, bad_request, not_acceptable
from collector.demo.recording import JSON_TYPE, Json

Column = tuple[str, str, Callable[[Json], str | int]]

_FORMS = ("Table", "PartialObjectMetadataList")
# meta.k8s.io/v1 came with 1.15; before, servers know v1beta1 only.
_FORMS_V1_SINCE = 15
_PLAIN = re.compile(r"(application/json|application/\*|\*/\*)")


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form other than the plain one: a Table, or the metadata alone."""

    kind: str
    api_version: str


def accepted_form(accept: str, minor: int) -> Form | None:
    """Returns the form that the Accept header asks for, or None for the plain one.

    Raises RefusalError (406) when the header names nothing that a server of this minor version knows.
    """
    for clause in accept.split(",") if accept.strip() else ("*/*",):
        media, *parameters = (part.strip() for part in clause.split(";"))
        stated = dict(part.partition("=")[::2] for part in parameters)
        kind, version = stated.get("as", ""), stated.get("v", "")
        if kind in _FORMS and media == JSON_TYPE and stated.get("g") == "meta.k8s.io":
            if version == "v1beta1" or (version == "v1" and minor >= _FORMS_V1_SINCE):
                return Form(kind=kind, api_version=f"meta.k8s.io/{version}")
        elif not kind and _PLAIN.fullmatch(media):
            return None
    raise RefusalError(not_acceptable())


def formed(document: Json, request: Request, form: Form, now: datetime, resource: str) -> Json:
    """Returns a list, or a single object, in another form. Ages are judged against ``now``."""
    if form.kind == "Table":
        return table(document, request, form.api_version, now, resource)
    partial = {"kind": "PartialObjectMetadata", "apiVersion": form.api_version}
    return {
        "kind": form.kind,
        "apiVersion": form.api_version,
        "metadata": document["metadata"],
        "items": [partial | {"metadata": item["metadata"]} for item in document.get("items", ())],
    }


def table(document: Json, request: Request, api_version: str, now: datetime, resource: str) -> Json:
    """Returns a list, or a single object, as a Table. Ages are judged against ``now``."""
    items = document.get("items", [document])
    metadata = document["metadata"] if "items" in document else {}
    columns = _columns(resource, now)
    return {
        "kind": "Table",
        "apiVersion": api_version,
        "metadata": metadata,
        "columnDefinitions": [
            {
                "name": name,
                "type": kind,
                "format": "name" if name == "Name" else "",
                "description": "",
                "priority": 0,
            }
            for name, kind, _ in columns
        ],
        "rows": list(_rows(items, columns, request.query.get("includeObject", "Metadata"), api_version)),
    }


def _rows(items: Sequence[Json], columns: Sequence[Column], include: str, api_version: str) -> Iterator[Json]:
    if include not in ("None", "Metadata", "Object"):
        raise RefusalError(bad_request(f'unrecognized includeObject value: "{include}"'))
    for item in items:
        row: Json = {"cells": [cell(item) for _, _, cell in columns]}
        if include == "Object":
            row["object"] = item
        elif include == "Metadata":
            partial = {"kind": "PartialObjectMetadata", "apiVersion": api_version}
            row["object"] = partial | {"metadata": item["metadata"]}
        yield row


def _columns(resource: str, now: datetime) -> list[Column]:
    def age(item: Json) -> str:
        created = parse_rfc3339(item["metadata"].get("creationTimestamp"))
        return human_age((now - created).total_seconds()) if created else "<unknown>"

    name: Column = ("Name", "string", lambda item: str(item["metadata"].get("name", "")))
    state = _POD_COLUMNS if resource == "pods" else ()
    return [name, *state, ("Age", "string", age)]


def _containers(item: Json) -> Sequence[Json]:
    statuses: Sequence[Json] = item.get("status", {}).get("containerStatuses") or ()
    return statuses


def _ready(item: Json) -> str:
    ready = sum(bool(status.get("ready")) for status in _containers(item))
    return f"{ready}/{len(item['spec']['containers'])}"


def _restarts(item: Json) -> int:
    return sum(int(status.get("restartCount", 0)) for status in _containers(item))


def _pod_state(item: Json) -> str:
    """Returns the most telling word, as kubectl shows it: why a container waits or ended, or the phase."""
    states = [status.get("state", {}) for status in _containers(item)]
    reasons = [part["reason"] for state in states for part in state.values() if part.get("reason")]
    return str(reasons[0] if reasons else item.get("status", {}).get("phase", "Unknown"))


_POD_COLUMNS: tuple[Column, ...] = (
    ("Ready", "string", _ready),
    ("Status", "string", _pod_state),
    ("Restarts", "integer", _restarts),
)
