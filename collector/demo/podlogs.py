"""Container logs out of a recording, cut and filtered as a kubelet would."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from collector.core.clock import Clock, parse_rfc3339
from collector.demo.messages import RefusalError, Request, Response, bad_request
from collector.demo.recording import Answer, Json, LogKey, Recording

# What the recording holds was asked for with timestamps, so every line begins with one and a blank.
_LOG_TYPE = "text/plain"
_LINE = re.compile(rb"[^\n]*\n|[^\n]+\Z")


@dataclass(frozen=True, kw_only=True)
class PodLogs:
    """Answers log requests; ``clock`` is what ``sinceSeconds`` is counted from."""

    recording: Recording
    clock: Clock

    def answer(self, pod: Json, request: Request) -> Response:
        """Returns the log of one container of ``pod``. Raises RefusalError in the words of a real server."""
        metadata = pod["metadata"]
        key = LogKey(
            namespace=metadata["namespace"],
            pod=metadata["name"],
            container=_container(pod, request.query.get("container", "")),
            previous=request.flag("previous"),
        )
        recorded = self.recording.logs.get(key)
        if recorded is None:
            if key.previous:
                message = f'previous terminated container "{key.container}" in pod "{key.pod}" not found'
                raise RefusalError(bad_request(message))
            return _log(b"")  # a container may well have logged nothing
        if recorded.status != HTTPStatus.OK:
            return Response.recorded(recorded)
        return _log(self._cut(recorded, request))

    def _cut(self, recorded: Answer, request: Request) -> bytes:
        lines: Sequence[bytes] = _LINE.findall(recorded.body)
        tail = request.number("tailLines")
        if tail is not None:
            lines = lines[len(lines) - min(tail, len(lines)) :]
        since = self._since(request)
        if since:
            lines = [line for line in lines if (_moment(line) or since) >= since]
        if not request.flag("timestamps"):
            lines = [line.partition(b" ")[2] for line in lines]
        return b"".join(lines)[: request.number("limitBytes")]

    def _since(self, request: Request) -> datetime | None:
        seconds, text = request.number("sinceSeconds"), request.query.get("sinceTime")
        if seconds is not None and text is not None:
            raise RefusalError(bad_request("at most one of `sinceTime` or `sinceSeconds` may be specified"))
        if seconds is not None:
            try:
                return self.clock.now() - timedelta(seconds=seconds)
            except OverflowError:
                return None
        if text is None:
            return None
        moment = parse_rfc3339(text)
        if moment is None:
            raise RefusalError(bad_request(f'parsing time "{text}": cannot parse'))
        return moment


def _log(body: bytes) -> Response:
    return Response(status=HTTPStatus.OK, content_type=_LOG_TYPE, body=body, chunked=True)


def _moment(line: bytes) -> datetime | None:
    return parse_rfc3339(line.partition(b" ")[0].decode("ascii", "replace"))


def _container(pod: Json, wanted: str) -> str:
    name, spec = pod["metadata"]["name"], pod["spec"]
    own, first = list(_names(spec, "containers")), list(_names(spec, "initContainers"))
    if wanted:
        if wanted in (*own, *first, *_names(spec, "ephemeralContainers")):
            return wanted
        raise RefusalError(bad_request(f"container {wanted} is not valid for pod {name}"))
    if len(own) == 1:
        return own[0]
    message = f"a container name must be specified for pod {name}, choose one of: [{' '.join(own)}]"
    if first:
        message += f" or one of the init containers: [{' '.join(first)}]"
    raise RefusalError(bad_request(message))


def _names(spec: Json, field: str) -> Iterator[str]:
    return (container["name"] for container in spec.get(field) or ())
