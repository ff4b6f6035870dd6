"""What goes in and out of the recorded server, and the refusals in the words a real one uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from urllib.parse import parse_qs, unquote, urlsplit

from collector.demo.recording import JSON_TYPE, Answer, Json, encode

TEXT_TYPE = "text/plain; charset=utf-8"
_MAX_FIELDS = 64


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it came. Header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @cached_property
    def path(self) -> str:
        """Returns the path without query and trailing slash, still percent-encoded."""
        return self.target.partition("?")[0].rstrip("/") or "/"

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """Returns the decoded parts of the path."""
        return tuple(unquote(part) for part in self.path.split("/")[1:])

    @cached_property
    def query(self) -> Mapping[str, str]:
        """Returns the parameters; the first of several equal ones counts. Raises RefusalError when absurd."""
        try:
            fields = parse_qs(urlsplit(self.target).query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
        except ValueError as error:
            raise RefusalError(bad_request("the query cannot be read")) from error
        return {name: values[0] for name, values in fields.items()}

    def flag(self, name: str) -> bool:
        """True when a parameter says so: ``verbose`` alone does, ``previous=false`` does not."""
        return self.query.get(name, "false") not in ("false", "0")

    def number(self, name: str) -> int | None:
        """Returns a parameter that counts something, or None. Raises RefusalError for anything else."""
        text = self.query.get(name)
        if text is None or text == "":
            return None
        if not (text.isascii() and text.isdecimal() and len(text) <= len(str(2**63))):
            raise RefusalError(bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax'))
        return int(text)


@dataclass(frozen=True, kw_only=True)
class Response:
    """One whole answer. ``chunked`` bodies are sent without stating their length, as logs are."""

    status: int
    content_type: str
    body: bytes
    chunked: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def recorded(cls, answer: Answer, *, chunked: bool = False) -> Response:
        """Returns a recorded answer unchanged."""
        return cls(status=answer.status, content_type=answer.content_type, body=answer.body, chunked=chunked)

    @classmethod
    def of(cls, value: Json, status: int = HTTPStatus.OK) -> Response:
        """Returns a JSON answer."""
        return cls(status=status, content_type=JSON_TYPE, body=encode(value))

    @classmethod
    def text(cls, text: str, status: int = HTTPStatus.OK) -> Response:
        """Returns a plain text answer."""
        return cls(status=status, content_type=TEXT_TYPE, body=text.encode("utf-8", "replace"))


class RefusalError(Exception):
    """Ends the work on a request with this answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def failure(code: int, reason: str, message: str, *, details: Json = None, metadata: Json = None) -> Response:
    """Returns a Status object, its fields in the order in which servers write them."""
    status = {"kind": "Status", "apiVersion": "v1", "metadata": metadata or {}, "status": "Failure"}
    status |= {"message": message, "reason": reason}
    if details is not None:
        status["details"] = details
    return Response.of(status | {"code": int(code)}, code)


def bad_request(message: str) -> Response:
    """Returns 400."""
    return failure(HTTPStatus.BAD_REQUEST, "BadRequest", message)


def unauthorized() -> Response:
    """Returns 401."""
    return failure(HTTPStatus.UNAUTHORIZED, "Unauthorized", "Unauthorized")


def unknown_path() -> Response:
    """Returns 404 as sent for a group or version that does not exist: text, no Status."""
    return Response.text("404 page not found\n", HTTPStatus.NOT_FOUND)


def unknown_resource() -> Response:
    """Returns 404 as sent for a resource that a known group version does not have."""
    message = "the server could not find the requested resource"
    return failure(HTTPStatus.NOT_FOUND, "NotFound", message, details={})


def no_such_object(group: str, resource: str, name: str) -> Response:
    """Returns 404 as sent for an object that does not exist."""
    message = f'{full_name(group, resource)} "{name}" not found'
    details = {"name": name, **({"group": group} if group else {}), "kind": resource}
    return failure(HTTPStatus.NOT_FOUND, "NotFound", message, details=details)


def method_not_allowed() -> Response:
    """Returns 405."""
    message = "the server does not allow this method on the requested resource"
    return failure(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", message, details={})


def not_acceptable() -> Response:
    """Returns 406 in the words of a server that knows no Table of the wanted version."""
    known = f"{JSON_TYPE}, application/yaml, application/vnd.kubernetes.protobuf"
    message = f"only the following media types are accepted: {known}"
    return failure(HTTPStatus.NOT_ACCEPTABLE, "NotAcceptable", message)


def unsupported_media_type(sent: str) -> Response:
    """Returns 415; a real server would read protobuf too."""
    message = f"the body of the request was in an unknown format ({sent}); accepted is {JSON_TYPE}"
    return failure(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message, details={})


def full_name(group: str, resource: str) -> str:
    """Returns ``pods`` or ``deployments.apps``."""
    return f"{resource}.{group}" if group else resource
