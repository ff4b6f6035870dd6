"""Every ordinary way to reach a cluster works, and every wrong one gets a sentence."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from cryptography.hazmat.primitives import serialization

from collector.core.errors import KubeconfigError
from collector.kube import config
from collector.kube.config import ConnectionOptions, CredentialsError, connect
from collector.kube.login import log_in

Write = Callable[..., str]


@pytest.fixture(autouse=True)
def _no_real_kubeconfig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Write:
    def write(user: dict[str, Any], name: str = "config", **changes: Any) -> str:
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "one",
            "clusters": [
                {"name": "c1", "cluster": {"server": "https://c1.example.com:6443"}},
                {"name": "c2", "cluster": {"server": "https://c2.example.com:6443"}},
            ],
            "users": [{"name": "u1", "user": user}],
            "contexts": [
                {"name": "one", "context": {"cluster": "c1", "user": "u1", "namespace": "conductor"}},
                {"name": "two", "context": {"cluster": "c2", "user": "u1"}},
            ],
            **changes,
        }
        path = tmp_path / name
        path.write_text(yaml.safe_dump(content))
        return str(path)

    return write


def test_a_token(kubeconfig: Write) -> None:
    link = connect(ConnectionOptions(kubeconfig=kubeconfig({"token": "t0ken"})))
    assert link.headers() == {"Authorization": "Bearer t0ken"}
    assert (link.server, link.context, link.namespace) == ("https://c1.example.com:6443", "one", "conductor")
    assert link.tls_verified
    assert "t0ken" not in repr(link)


def test_the_kubeconfig_is_never_written(kubeconfig: Write) -> None:
    path = Path(kubeconfig({"token": "t"}))
    before = path.read_bytes()
    path.chmod(0o400)
    connect(ConnectionOptions(kubeconfig=str(path)))
    assert path.read_bytes() == before


def test_another_context_cluster_and_server(kubeconfig: Write) -> None:
    path = kubeconfig({"token": "t"})
    assert connect(ConnectionOptions(kubeconfig=path, context="two")).server == "https://c2.example.com:6443"
    assert connect(ConnectionOptions(kubeconfig=path, cluster="c2")).server == "https://c2.example.com:6443"
    direct = connect(ConnectionOptions(kubeconfig=path, server="https://10.0.0.1:6443/"))
    assert direct.server == "https://10.0.0.1:6443"


def test_several_files_are_merged(kubeconfig: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = tmp_path / "only-context"
    first.write_text(yaml.safe_dump({"current-context": "two"}))
    monkeypatch.setenv("KUBECONFIG", f"{first}:{kubeconfig({'token': 't'})}:{tmp_path / 'missing'}")
    assert connect(ConnectionOptions(context="two")).server == "https://c2.example.com:6443"


def test_an_exec_plugin(kubeconfig: Write, tmp_path: Path) -> None:
    plugin = tmp_path / "login"
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "from-plugin"},
    }
    plugin.write_text(f"#!{sys.executable}\nprint({json.dumps(json.dumps(credential))})\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    assert subprocess.run([plugin], check=True, capture_output=True).stdout
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(plugin),
            "interactiveMode": "Never",
        }
    }
    link = connect(ConnectionOptions(kubeconfig=kubeconfig(user)))
    assert link.headers() == {"Authorization": "Bearer from-plugin"}


def shown_by(client: ssl.SSLContext | None, authority: trustme.CA) -> bytes:
    """Returns the certificate that a client shows to a server which asks for one, as PEM."""
    assert client is not None
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.example.com").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    here, there = socket.socketpair()
    with here, there, ThreadPoolExecutor(1) as pool:
        accepted = pool.submit(server.wrap_socket, there, server_side=True)
        with client.wrap_socket(here), accepted.result(10) as secured:
            return ssl.DER_cert_to_PEM_cert(secured.getpeercert(binary_form=True) or b"").encode()


def test_a_client_certificate_is_used_and_its_key_stays_in_no_file(
    kubeconfig: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("operator.example.com")
    data = {
        "client-certificate-data": base64.b64encode(leaf.cert_chain_pems[0].bytes()).decode(),
        "client-key-data": base64.b64encode(leaf.private_key_pem.bytes()).decode(),
    }
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    link = connect(ConnectionOptions(kubeconfig=kubeconfig(data)))
    assert link.headers() == {}
    assert link.credential.kinds == ("client certificate",)
    assert str(link.credential.certificate["issuer"]).startswith("O=trustme")
    assert link.pool.connection_pool_kw["ssl_context"] is link.tls
    assert shown_by(link.tls, authority) == leaf.cert_chain_pems[0].bytes()
    # Nothing that a killed run would leave behind.
    assert list((tmp_path / "temporary").iterdir()) == []


def test_impersonation(kubeconfig: Write) -> None:
    options = ConnectionOptions(
        kubeconfig=kubeconfig({"token": "t"}), impersonate="jane", impersonate_groups=("dev",)
    )
    assert connect(options).headers() == {
        "Authorization": "Bearer t",
        "Impersonate-User": "jane",
        "Impersonate-Group": "dev",
    }


def test_unverified_tls_is_known_to_the_report(kubeconfig: Write) -> None:
    options = ConnectionOptions(kubeconfig=kubeconfig({"token": "t"}), insecure_skip_tls_verify=True)
    assert not connect(options).tls_verified


def test_in_a_pod_the_service_account_is_used_and_its_token_read_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token, certificate = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("sa-token")
    (tmp_path / "namespace").write_text("conductor-diag")
    certificate.write_bytes(trustme.CA().cert_pem.bytes())
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(config, "SERVICE_ACCOUNT_TOKEN", token)
    monkeypatch.setattr(config, "_SERVICE_ACCOUNT_NAMESPACE", tmp_path / "namespace")
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_CERT_FILENAME", str(certificate))
    assert config.in_cluster()
    link = connect(ConnectionOptions())
    assert link.server == "https://10.96.0.1:443"
    assert link.namespace == "conductor-diag"
    assert link.headers()["Authorization"].lower() == "bearer sa-token"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "no kubeconfig found"),
        ({"kubeconfig": "missing"}, "no kubeconfig found at missing"),
        ({"context": "three"}, "no context 'three'"),
        ({"cluster": "c9"}, "cannot be used"),
    ],
)
def test_wrong_configurations_are_explained(
    kubeconfig: Write, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], words: str
) -> None:
    if "context" in options or "cluster" in options:
        monkeypatch.setenv("KUBECONFIG", kubeconfig({"token": "t"}))
    with pytest.raises(KubeconfigError, match=words) as caught:
        connect(ConnectionOptions(**options))
    assert "conductor-diag" in caught.value.hint


@pytest.mark.parametrize("content", ["", "[]", "just words", "a: [1", "clusters: 5\ncurrent-context: x\n"])
def test_a_broken_file_is_explained(tmp_path: Path, content: str) -> None:
    path = tmp_path / "broken"
    path.write_text(content)
    with pytest.raises(KubeconfigError):
        connect(ConnectionOptions(kubeconfig=str(path)))


def test_a_failing_plugin_is_explained_and_the_cluster_is_still_known(kubeconfig: Write) -> None:
    arguments = ["--password", "hunter2"]
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/false", "args": arguments}
    with pytest.raises(CredentialsError, match="credentials of context 'one'") as caught:
        connect(ConnectionOptions(kubeconfig=kubeconfig({"exec": plugin})))
    link = caught.value.connection
    assert link.server == "https://c1.example.com:6443"
    assert link.headers() == {}
    assert (link.credential.kinds, link.credential.plugin) == (("exec plugin",), "false")
    assert "hunter2" not in repr(link) + str(caught.value) + caught.value.why


def test_a_plugin_that_never_comes_back_costs_its_time_only() -> None:
    released = threading.Event()

    def wait() -> None:
        released.wait(20)

    try:
        refusal = log_in(wait, patience=0.05)
    finally:
        released.set()
    assert "no answer in" in refusal


def test_an_encrypted_key_is_no_question_at_the_terminal(kubeconfig: Write, tmp_path: Path) -> None:
    leaf = trustme.CA().issue_cert("operator.example.com")
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hunter2"),
    )
    (tmp_path / "key.pem").write_bytes(key)
    leaf.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    user = {"client-certificate": str(tmp_path / "cert.pem"), "client-key": str(tmp_path / "key.pem")}
    with pytest.raises(KubeconfigError, match="key of the kubeconfig is encrypted"):
        connect(ConnectionOptions(kubeconfig=kubeconfig(user)))
