"""HTTPS as the kubeconfig wants it: the authority, the name and the client certificate all count."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from collector.core.clock import SystemClock
from collector.core.deadline import Deadline
from collector.kube.api import Api
from collector.kube.config import ConnectionOptions, connect
from collector.kube.errors import ApiError, MalformedError
from collector.kube.requestlog import RequestLog
from tests.lib.sockets import AUTHORITY, Serve, listening

BODY = b'{"gitVersion": "v1.17.0"}'


def https(name: str = "localhost", *, ask_client: bool = False) -> Serve:
    """Answers one request, over TLS, with the certificate of ``name``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    if ask_client:
        AUTHORITY.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED

    def serve(raw: Any) -> None:
        with context.wrap_socket(raw, server_side=True) as secured:
            while b"\r\n\r\n" not in secured.recv(64 * 1024):
                pass
            secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY))

    return serve


def encoded(blob: trustme.Blob) -> str:
    return base64.b64encode(blob.bytes()).decode()


def ask(port: int, folder: Path, cluster: dict[str, Any], user: dict[str, Any] | None = None) -> Any:
    """Returns what /version answers to a kubeconfig with this cluster and user."""
    content = {
        "current-context": "one",
        "clusters": [{"name": "c", "cluster": {"server": f"https://localhost:{port}", **cluster}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    link = connect(ConnectionOptions(kubeconfig=str(path), request_timeout=3))
    clock = SystemClock()
    api = Api(link, clock=clock, deadline=Deadline(clock, 5), log=RequestLog(), bundle_id="cnd")
    try:
        return api.get_json("/version")
    finally:
        link.pool.clear()


TRUSTED = {"certificate-authority-data": encoded(AUTHORITY.cert_pem)}


def test_the_authority_of_the_kubeconfig_is_trusted(tmp_path: Path) -> None:
    with listening(https()) as port:
        assert ask(port, tmp_path, TRUSTED)["gitVersion"] == "v1.17.0"


@pytest.mark.parametrize("cluster", [{}, {"certificate-authority-data": encoded(trustme.CA().cert_pem)}])
def test_no_other_is(tmp_path: Path, cluster: dict[str, Any]) -> None:
    with listening(https()) as port, pytest.raises(MalformedError, match="certificate verify failed"):
        ask(port, tmp_path, cluster)


def test_the_name_has_to_fit(tmp_path: Path) -> None:
    with listening(https("other.example.com")) as port:
        with pytest.raises(MalformedError, match="certificate"):
            ask(port, tmp_path, TRUSTED)
        assert ask(port, tmp_path, {**TRUSTED, "tls-server-name": "other.example.com"})


def test_verification_can_be_switched_off(tmp_path: Path) -> None:
    with listening(https("other.example.com")) as port:
        assert ask(port, tmp_path, {"insecure-skip-tls-verify": True})


def test_a_client_certificate_is_shown_to_a_server_that_asks(tmp_path: Path) -> None:
    leaf = AUTHORITY.issue_cert("operator.example.com")
    user = {
        "client-certificate-data": encoded(leaf.cert_chain_pems[0]),
        "client-key-data": encoded(leaf.private_key_pem),
    }
    with listening(https(ask_client=True)) as port:
        assert ask(port, tmp_path, TRUSTED, user)
        with pytest.raises(ApiError):
            ask(port, tmp_path, TRUSTED)
