"""The certificates a server shows are read from the wire, good and bad ones alike."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import trustme

from collector.kube.tlsfacts import peer_certificates

AUTHORITY = trustme.CA()


@contextlib.contextmanager
def listening(context: ssl.SSLContext | None) -> Iterator[int]:
    """Accepts one connection and shakes hands, or says nothing at all without a context."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    if context:
                        context.wrap_socket(connection, server_side=True).close()
                    else:
                        over.wait(10)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join(5)


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def test_the_chain_is_seen_even_if_it_has_expired_and_nobody_trusts_it() -> None:
    between = AUTHORITY.create_child_ca()
    leaf = between.issue_cert(
        "api.example.com",
        not_before=datetime(2019, 1, 1, tzinfo=UTC),
        not_after=datetime(2020, 2, 3, tzinfo=UTC),
    )
    with listening(context_of(leaf)) as port:
        found = peer_certificates("127.0.0.1", port, "api.example.com", 5)
    assert found[0]["not_after"] == "2020-02-03T00:00:00Z"
    assert found[0]["names"] == ["DNS:api.example.com"]
    assert len(found) == 2
    assert found[1]["subject"] == found[0]["issuer"]
    assert found[1]["ca"] is True


def test_the_name_asked_for_is_the_one_given_and_the_host_without_one() -> None:
    asked: list[str | None] = []
    for name in ("kubernetes.default", ""):
        context = context_of(AUTHORITY.issue_cert("api.example.com"))
        context.sni_callback = lambda _socket, sni, _context: asked.append(sni)
        with listening(context) as port:
            peer_certificates("localhost", port, name, 5)
    assert asked == ["kubernetes.default", "localhost"]


def test_a_server_that_never_shakes_hands_costs_no_more_than_its_time() -> None:
    started = time.monotonic()
    with listening(None) as port, pytest.raises(TimeoutError):
        peer_certificates("127.0.0.1", port, "", 0.3)
    assert time.monotonic() - started < 8


def test_a_port_where_nobody_listens_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(OSError, match=r"refused"):
        peer_certificates("127.0.0.1", port, "", 1)
