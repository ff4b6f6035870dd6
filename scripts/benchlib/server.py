"""Serves a synthetic cluster over TLS on loopback, in a process of its own and at little cost.

Started by the bench. Each line on its standard input is answered with what was asked of it since the line
before; it ends when its standard input does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import socket
import ssl
import sys
import threading
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import IO

import trustme

from collector.demo.messages import Request
from scripts.benchlib.cluster import Reply, Shape, SyntheticCluster

_HOST = "127.0.0.1"
_BACKLOG = 128
_KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "bench",
    "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
    "users": [{"name": "bench", "user": {"token": "bench-token"}}],
}


class Counters:
    """What was asked of the server since it was last read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = self._logs = self._log_bytes = self._other_bytes = 0
        self._cpu = _cpu()

    def add(self, reply: Reply) -> None:
        """Counts one answer."""
        size = sum(len(part) for part in reply.body)
        with self._lock:
            self._requests += 1
            self._logs += bool(reply.log_bytes)
            self._log_bytes += reply.log_bytes
            self._other_bytes += 0 if reply.log_bytes else size

    def take(self) -> Mapping[str, float]:
        """Returns the counts and starts again from zero."""
        with self._lock:
            now = _cpu()
            taken = {
                "requests": self._requests,
                "logs": self._logs,
                "log_bytes": self._log_bytes,
                "other_bytes": self._other_bytes,
                "cpu": now - self._cpu,
            }
            self._requests = self._logs = self._log_bytes = self._other_bytes = 0
            self._cpu = now
        return taken


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _context(folder: Path) -> ssl.SSLContext:
    """Returns the server's side of TLS with a certificate made now; ``folder`` gets the CA as ca.pem."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(_HOST).configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return context


def _write_kubeconfig(folder: Path, port: int) -> None:
    cluster = {"server": f"https://{_HOST}:{port}", "certificate-authority": str(folder / "ca.pem")}
    config = {**_KUBECONFIG, "clusters": [{"name": "bench", "cluster": cluster}]}
    (folder / "kubeconfig").write_text(json.dumps(config))


def _read(stream: IO[bytes]) -> Request | None:
    """Returns the next request of a connection, None at its end."""
    words = stream.readline().decode("latin-1").split()
    if len(words) != 3:  # noqa: PLR2004 - method, target, version
        return None
    headers: dict[str, str] = {}
    while line := stream.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0")))
    return Request(method=words[0], target=words[1], headers=headers, body=body)


def _head(reply: Reply) -> bytes:
    phrase = HTTPStatus(reply.status).phrase
    lines = (f"HTTP/1.1 {reply.status} {phrase}", f"Date: {formatdate(usegmt=True)}", *reply.headers, "", "")
    return "\r\n".join(lines).encode("latin-1")


def _talk(
    connection: socket.socket, context: ssl.SSLContext, cluster: SyntheticCluster, counters: Counters
) -> None:
    # A client that goes away in the middle of an answer is none of our business.
    with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
        stream = secured.makefile("rb")
        while request := _read(stream):
            reply = cluster.answer(request)
            counters.add(reply)
            secured.sendall(_head(reply))
            for part in reply.body:
                secured.sendall(part)


def _accept(
    listener: socket.socket, context: ssl.SSLContext, cluster: SyntheticCluster, counters: Counters
) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        work = (connection, context, cluster, counters)
        threading.Thread(target=_talk, args=work, daemon=True).start()


def main() -> None:
    """Serves until standard input ends. Prints the base URL once it listens."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--pods", type=int, required=True)
    parser.add_argument("--log-bytes", type=int, required=True)
    given = parser.parse_args()
    cluster = SyntheticCluster(Shape(pods=given.pods, log_bytes=given.log_bytes), given.corpus)
    with socket.create_server((_HOST, 0), backlog=_BACKLOG) as listener:
        port = listener.getsockname()[1]
        counters = Counters()
        work = (listener, _context(given.folder), cluster, counters)
        _write_kubeconfig(given.folder, port)
        threading.Thread(target=_accept, args=work, daemon=True).start()
        print(f"https://{_HOST}:{port}", flush=True)
        for _ in sys.stdin:
            print(json.dumps(counters.take()), flush=True)


if __name__ == "__main__":
    main()
