"""The recorded API server cuts and refuses logs as a real one does."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from collector.core.clock import rfc3339
from collector.demo.apiserver import RecordedApi
from collector.demo.messages import Response
from tests.lib.recordings import VERSIONS, get, log_path, recorded_api


@pytest.fixture(params=VERSIONS)
def api(request: pytest.FixtureRequest) -> RecordedApi:
    return recorded_api(request.param)


def decoded(response: Response) -> Any:
    return json.loads(response.body)


def test_log_of_one_container(api: RecordedApi) -> None:
    path = log_path(api.recording, "postgresql")
    stamped = get(api, f"{path}&timestamps=true").body.splitlines()
    plain = get(api, path).body.splitlines()
    assert len(stamped) == 50
    assert stamped[0].startswith(b"2026-11-20T")
    assert [line.partition(b" ")[2] for line in stamped] == plain
    assert get(api, f"{path}&tailLines=3").body.splitlines() == plain[-3:]
    assert get(api, f"{path}&tailLines=0").body == b""
    assert get(api, f"{path}&limitBytes=100").body == get(api, path).body[:100]


def test_log_since_a_time_or_some_seconds_ago(api: RecordedApi) -> None:
    path = log_path(api.recording, "postgresql") + "&timestamps=true"
    lines = get(api, path).body.splitlines()
    since = lines[20].split(b" ")[0].decode()
    assert get(api, f"{path}&sinceTime={since}").body.splitlines() == lines[20:]
    later = rfc3339(api.clock.now() + timedelta(hours=1))
    assert get(api, f"{path}&sinceTime={later}").body == b""
    assert get(api, f"{path}&sinceSeconds=864000").body.splitlines() == lines
    assert get(api, f"{path}&sinceSeconds=0").body == b""
    assert get(api, f"{path}&sinceSeconds=5&sinceTime={since}").status == 400
    assert get(api, f"{path}&sinceTime=yesterday").status == 400
    assert get(api, f"{path}&sinceSeconds=9223372036854775807").body.splitlines() == lines


def test_log_of_the_previous_container(api: RecordedApi) -> None:
    path = log_path(api.recording, "web")
    now, before = get(api, path), get(api, f"{path}&previous=true")
    assert before.status == 200
    assert b"Booting Puma" in before.body
    assert get(api, f"{path}&timestamps=true").body != get(api, f"{path}&timestamps=true&previous=true").body
    assert now.status == 200
    never = get(api, log_path(api.recording, "postgresql") + "&previous=true")
    assert never.status == 400
    assert 'previous terminated container "postgresql" in pod' in decoded(never)["message"]


def test_log_that_the_kubelet_cannot_give(api: RecordedApi) -> None:
    waiting = get(api, log_path(api.recording, "api"))
    assert waiting.status == 400
    assert "is waiting to start" in decoded(waiting)["message"]
    dead = get(api, log_path(api.recording, "redis"))
    assert dead.status == 500
    assert "connection refused" in decoded(dead)["message"]


def test_log_without_a_container_name(api: RecordedApi) -> None:
    path = log_path(api.recording, "web").partition("?")[0]
    response = get(api, path)
    pod = path.split("/")[-2]
    assert response.status == 400
    assert decoded(response)["message"] == (
        f"a container name must be specified for pod {pod}, choose one of: [web nginx] "
        "or one of the init containers: [wait-for-db]"
    )
    assert get(api, f"{path}?container=nosuch").status == 400
    only = log_path(api.recording, "postgresql").partition("?")[0]
    assert get(api, only).status == 200
    assert get(api, "/api/v1/namespaces/conductor/pods/nosuch/log").status == 404
