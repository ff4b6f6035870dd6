"""What can go wrong between us and the API server, one class for each meaning.

These never leave the process as they are: collectors turn them into gaps, the command line into
``UnreachableError``. No class keeps headers or request bodies, so no credential can travel in one.
"""

from __future__ import annotations

from collector.core.text import display
from collector.records import Status

_MESSAGE_LIMIT = 500


class ApiError(Exception):
    """Base. ``status`` is the HTTP status (0 without an answer); ``retry_after`` is in seconds."""

    outcome = Status.FAILED

    def __init__(self, path: str, message: str, *, status: int = 0, retry_after: float | None = None) -> None:
        self.path = path
        self.status = status
        self.retry_after = retry_after
        self.message = display(message, _MESSAGE_LIMIT)
        super().__init__(f"{path}: {self.message}")


class UnauthorizedError(ApiError):
    """401: the server does not know the credentials."""

    outcome = Status.DENIED


class ForbiddenError(ApiError):
    """403: the credentials lack a right."""

    outcome = Status.DENIED


class NotFoundError(ApiError):
    """404: no such group, resource or object."""

    outcome = Status.ABSENT


class GoneError(ApiError):
    """410: a continue token has expired; ``fresh_token`` continues with an inconsistent rest, if given."""

    def __init__(self, path: str, message: str, *, fresh_token: str = "") -> None:
        super().__init__(path, message, status=410)
        self.fresh_token = fresh_token


class RejectedError(ApiError):
    """Another 4xx: the request makes no sense to this server (a waiting container has no log, say)."""


class ThrottledError(ApiError):
    """429: too many requests."""


class ServerError(ApiError):
    """5xx: the server, or what stands behind it, is broken."""


class ConnectionFailedError(ApiError):
    """No connection, or it broke before the answer was complete."""


class ResponseTimeoutError(ApiError):
    """Nothing came for too long, or the time for this piece of work is over."""

    outcome = Status.TIMEOUT


class MalformedError(ApiError):
    """The answer is not what the API promises: wrong JSON, too large, a redirect."""


class TooLargeError(MalformedError):
    """The answer is larger than we hold in memory; a list can be asked for in smaller pages."""
