"""The certificates that a server shows, as seen on the wire, whether or not they would pass verification.

One handshake of its own, without credentials: nothing is sent beyond it, and a server whose certificate has
expired or names another host is exactly the one whose certificate has to be seen.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

from collector.kube.certificate import certificate_facts
from collector.records import Json

_MOST_CERTIFICATES = 10
_MOST_ADDRESSES = 8


def peer_certificates(host: str, port: int, server_name: str, timeout: float) -> list[dict[str, Json]]:
    """Returns the facts of the certificates that ``host:port`` presents, its own first.

    Each has the keys of ``certificate_facts``; one that cannot be read has only ``error``. Where the
    interpreter cannot give the chain (before 3.13 it takes a private way), the server's own is the only one.

    Args:
        host: name or address to connect to, directly; proxies are not used.
        port: TCP port.
        server_name: name to ask for (SNI); ``host`` if empty.
        timeout: seconds for the connection and the handshake together; name resolution is not bounded by it.

    Raises:
        OSError: no connection, or no handshake in time (``ssl.SSLError`` and ``TimeoutError`` are OSErrors).
    """
    until = time.monotonic() + timeout
    context = ssl.create_default_context()
    context.check_hostname = False
    # Nothing is trusted because of this connection: it exists to look at the certificates.
    context.verify_mode = ssl.CERT_NONE
    with _connected(host, port, until) as raw:
        raw.settimeout(_left(until))
        with context.wrap_socket(raw, server_hostname=server_name or host) as secured:
            return presented(secured)


def presented(secured: ssl.SSLSocket) -> list[dict[str, Json]]:
    """Returns the facts of the certificates that the other side of a handshake showed, its own first."""
    return [_facts(der) for der in _chain(secured)[:_MOST_CERTIFICATES]]


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("no connection within the time limit")
    return left


def _connected(host: str, port: int, until: float) -> socket.socket:
    """Returns a connection to the first address that answers; all of them share the time."""
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[
        :_MOST_ADDRESSES
    ]:
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(_left(until))
            made.connect(address)
        except OSError as error:
            made.close()
            failure = error
        else:
            return made
    raise failure


def _chain(secured: ssl.SSLSocket) -> Sequence[bytes]:
    """Returns the certificates as DER, the server's own first."""
    whole: Callable[[], Any] | None = getattr(secured, "get_unverified_chain", None)
    if whole is None:
        # Python 3.13 made this public; before, the object below has it.
        whole = getattr(getattr(secured, "_sslobj", None), "get_unverified_chain", None)
    found = [_bytes(entry) for entry in (whole() or ())] if whole else []
    own = secured.getpeercert(binary_form=True)
    return found or ([own] if own else [])


def _bytes(entry: Any) -> bytes:
    # A private certificate object gives its DER form for the encoding that OpenSSL numbers 2.
    return entry if isinstance(entry, bytes) else bytes(entry.public_bytes(2))


def _facts(der: bytes) -> dict[str, Json]:
    try:
        return certificate_facts(der)
    except ValueError as error:
        return {"error": str(error)}
