"""The recorded clusters that tests work with, by the version of their server."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from pathlib import Path

from collector.core.resources import config_path
from collector.demo.apiserver import RecordedApi
from collector.demo.messages import Request, Response
from collector.demo.recording import Recording

VERSIONS = ("v1.13", "v1.17", "v1.36")
_FOLDER = Path(__file__).parents[1] / "data" / "kubernetes"


class StoppedClock:
    """A clock that stands still until it is set; sleeping moves it on."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@functools.cache
def recording(version: str = "v1.17") -> Recording:
    """Returns ``v1.13``, ``v1.17``, ``v1.36`` or one of these with ``-broken-apiservice``."""
    shipped = version == "v1.17"
    return Recording.load(config_path("demo", "kubernetes-1.17") if shipped else _FOLDER / version)


def recorded_api(version: str = "v1.17") -> RecordedApi:
    """Returns a recorded API at the time of its recording, with all rights."""
    known = recording(version)
    return RecordedApi(known, StoppedClock(known.recorded_at))


def get(api: RecordedApi, target: str, accept: str = "application/json") -> Response:
    """Returns the answer to a GET request."""
    return api.answer(Request(method="GET", target=target, headers={"accept": accept}))


def log_path(known: Recording, container: str) -> str:
    """Returns the request target of the log of some container with this name."""
    key = next(key for key in known.logs if key.container == container)
    return f"/api/v1/namespaces/{key.namespace}/pods/{key.pod}/log?container={container}"
