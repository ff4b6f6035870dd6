"""The recorded API server over HTTP: the protocol, and the real kubectl."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from collector.demo.apiserver import serve, write_kubeconfig
from tests.lib.recordings import log_path, recorded_api, recording


class Client:
    """One kept-alive connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=5)

    def ask(self, method: str, target: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        self.connection.request(method, target, headers=headers)
        response = self.connection.getresponse()
        return response, response.read()


@pytest.fixture
def client() -> Iterator[Client]:
    with serve(recorded_api()) as url:
        opened = Client(url)
        yield opened
        opened.connection.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "INVENTED"])
def test_nothing_can_be_changed(client: Client, method: str) -> None:
    response, _ = client.ask(method, "/api/v1/namespaces/conductor/pods")
    assert response.status == 405
    assert client.ask("GET", "/version")[0].status == 200


def test_connection_is_kept_and_reused(client: Client) -> None:
    client.ask("GET", "/version")
    first = client.connection.sock
    _, body = client.ask("POST", "/api/v1/pods")
    assert json.loads(body)["reason"] == "MethodNotAllowed"
    client.ask("GET", log_path(recording(), "postgresql"))
    client.ask("GET", "/api/v1/pods")
    assert first is not None
    assert client.connection.sock is first


def test_date_is_that_of_the_given_clock(client: Client) -> None:
    response, _ = client.ask("GET", "/version")
    assert response.headers.get_all("Date") == ["Fri, 20 Nov 2026 15:50:55 GMT"]


def test_large_lists_are_compressed_for_those_who_ask(client: Client) -> None:
    plain, body = client.ask("GET", "/api/v1/pods")
    small, packed = client.ask("GET", "/api/v1/pods", **{"Accept-Encoding": "gzip"})
    assert plain.headers["Content-Encoding"] is None
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed) == body
    assert len(packed) * 5 < len(body)


def test_logs_are_chunked(client: Client) -> None:
    response, body = client.ask("GET", log_path(recording(), "postgresql"))
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert response.headers["Content-Length"] is None
    assert body.count(b"\n") == 50


def test_requests_are_kept_for_tests() -> None:
    api = recorded_api()
    with serve(api) as url:
        asking = Client(url)
        asking.ask("GET", "/api/v1/nosuch?limit=1")
        asking.connection.close()
    served = [(entry.method, entry.path, entry.status) for entry in api.requests]
    assert served == [("GET", "/api/v1/nosuch?limit=1", 404)]


def test_server_stops_at_once_with_connections_open() -> None:
    with serve(recorded_api()) as url:
        asking = Client(url)
        asking.ask("GET", "/version")
        started = time.monotonic()
    assert time.monotonic() - started < 1
    with pytest.raises(ConnectionError):
        asking.ask("GET", "/version")
    asking.connection.close()


# With the real client.


@pytest.fixture
def kubectl(tmp_path: Path) -> Iterator[Any]:
    found = shutil.which("kubectl")
    if found is None and "CI" not in os.environ:
        pytest.skip("kubectl is not installed")
    config = tmp_path / "config"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(found), "--kubeconfig", str(config), *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        )

    with serve(recorded_api()) as url:
        write_kubeconfig(config, url, "made-up")
        yield run


def test_kubectl_can_look_around(kubectl: Any) -> None:
    assert "Server Version: v1.17.17" in kubectl("version").stdout
    assert "CrashLoopBackOff" in kubectl("get", "pods", "-A").stdout
    assert "backups" in kubectl("api-resources").stdout
    assert "kind: Deployment" in kubectl("get", "deploy", "-n", "conductor", "-o", "yaml").stdout
    failed = kubectl("get", "pods", "--field-selector", "status.phase=Failed", "-o", "name").stdout
    assert failed.count("pod/conductor-backup-") == 6
    refused = kubectl("get", "secrets")
    assert refused.returncode == 1
    assert "(Forbidden): secrets is forbidden" in refused.stderr
    assert "MethodNotAllowed" in kubectl("delete", "pod", "conductor-postgresql-0", "--wait=false").stderr


def test_kubectl_reads_logs_and_describes(kubectl: Any) -> None:
    whole = kubectl("logs", "conductor-postgresql-0").stdout.splitlines()
    assert len(whole) == 50
    assert kubectl("logs", "conductor-postgresql-0", "--tail=2").stdout.splitlines() == whole[-2:]
    pod = next(key.pod for key in recording().logs if key.container == "web")
    assert "Booting Puma" in kubectl("logs", pod, "-c", "web", "--previous").stdout
    assert "BackOff" in kubectl("describe", "pod", pod).stdout
