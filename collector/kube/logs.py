"""Opens container logs as byte streams."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from collector.core.clock import rfc3339
from collector.kube.api import Api


@dataclass(frozen=True, kw_only=True)
class LogRequest:
    """Which log, and how much of it: the last lines, since a moment."""

    namespace: str
    pod: str
    container: str
    previous: bool = False
    since: datetime | None = None
    tail_lines: int = 0

    @property
    def path(self) -> str:
        """Request path without the query."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.pod}/log"

    @property
    def query(self) -> dict[str, str]:
        """Query parameters as the API names them; timestamps are always on."""
        params = {"container": self.container, "timestamps": "true"}
        if self.previous:
            params["previous"] = "true"
        if self.since:
            params["sinceTime"] = rfc3339(self.since)
        if self.tail_lines:
            params["tailLines"] = str(self.tail_lines)
        return params


def open_log(api: Api, request: LogRequest) -> contextlib.AbstractContextManager[Iterator[bytes]]:
    """Returns a context manager over the chunks of one log. Raises a subclass of ApiError on entering."""
    return api.stream(request.path, request.query)
