"""What is said of a login, and what never is."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import trustme

from collector.kube.identity import credential_of


def jwt(claims: object) -> str:
    parts = ({"alg": "RS256"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


@pytest.mark.parametrize(
    ("user", "kinds"),
    [
        ({"token": "hunter2"}, ("token",)),
        ({"tokenFile": "/run/token"}, ("token file",)),
        ({"username": "admin", "password": "hunter2"}, ("user name and password",)),
        ({"client-certificate-data": "aGk=", "token": "hunter2"}, ("token", "client certificate")),
        ({"auth-provider": {"name": "oidc", "config": {"id-token": "hunter2"}}}, ("auth provider",)),
        ({}, ()),
    ],
)
def test_kinds_are_named_and_values_are_not(user: dict[str, Any], kinds: tuple[str, ...]) -> None:
    found = credential_of(user)
    assert found.kinds == kinds
    assert "hunter2" not in repr(found)


def test_a_plugin_is_named_without_its_path_and_arguments() -> None:
    user = {"exec": {"command": "/home/alice/bin/kubelogin", "args": ["--client-secret", "hunter2"]}}
    assert credential_of(user).plugin == "kubelogin"
    assert "alice" not in repr(credential_of(user))
    assert credential_of({"auth-provider": {"name": "oidc"}}).plugin == "oidc"


def test_a_token_says_when_it_ends() -> None:
    assert (
        credential_of({}, bearer=f"Bearer {jwt({'exp': 1795000000})}").token_expires == "2026-11-18T11:06:40Z"
    )


@pytest.mark.parametrize(
    "token",
    ["opaque", "a.b.c", jwt([]), jwt({"exp": "soon"}), jwt({"exp": 1e300}), jwt({"exp": True}), "x." * 50000],
)
def test_any_other_token_says_nothing(token: str) -> None:
    assert credential_of({}, bearer=token).token_expires == ""


def test_a_client_certificate_is_described(tmp_path: Path) -> None:
    path = tmp_path / "cert.pem"
    trustme.CA().issue_cert("operator.example.com").cert_chain_pems[0].write_to_path(str(path))
    facts = credential_of({}, certificate=str(path)).certificate
    assert sorted(facts) == ["issuer", "not_after", "not_before", "subject"]
    path.write_bytes(b"-----BEGIN CERTIFICATE-----\nnonsense")
    assert list(credential_of({}, certificate=str(path)).certificate) == ["error"]
    assert list(credential_of({}, certificate=str(tmp_path / "absent")).certificate) == ["error"]
