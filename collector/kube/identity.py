"""Says how a run identifies itself to the API server, without a byte of what it identifies itself with."""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePath

import msgspec

from collector.core.clock import rfc3339
from collector.core.text import display
from collector.kube.certificate import certificate_facts
from collector.records import Json
from collector.records.access import mapping, string

_LARGEST = 64 * 1024
_OF_CERTIFICATE = ("subject", "issuer", "not_before", "not_after")
_NAME = 60
_JWT_PARTS = 3
# Keys of a kubeconfig's user, and the kind of credential that each is.
_KINDS = (
    ("auth-provider", "auth provider"),
    ("token", "token"),
    ("tokenFile", "token file"),
    ("exec", "exec plugin"),
    ("username", "user name and password"),
    ("client-certificate", "client certificate"),
    ("client-certificate-data", "client certificate"),
)


@dataclass(frozen=True, kw_only=True)
class Credential:
    """What is known of a credential.

    Attributes:
        kinds: such as ``token`` or ``client certificate``, in the order in which they are tried.
        plugin: name of the exec plugin or auth provider, without path and arguments.
        token_expires: what a JSON web token says of itself, RFC 3339; empty for any other token.
        certificate: subject, issuer and validity of a client certificate, or ``error``.
    """

    kinds: tuple[str, ...] = ()
    plugin: str = ""
    token_expires: str = ""
    certificate: Mapping[str, Json] = field(default_factory=dict)


def credential_of(user: Mapping[str, Json], *, bearer: str = "", certificate: str = "") -> Credential:
    """Returns the facts of a kubeconfig's user.

    Args:
        user: the user's section.
        bearer: the token that is sent, with or without the word ``Bearer``.
        certificate: path of the client certificate that is used, empty if none is.
    """
    kinds = [kind for key, kind in _KINDS if user.get(key)]
    if certificate and "client certificate" not in kinds:
        kinds.append("client certificate")
    command = PurePath(string(mapping(user, "exec"), "command")).name
    return Credential(
        kinds=tuple(dict.fromkeys(kinds)),
        plugin=display(command or string(mapping(user, "auth-provider"), "name"), _NAME),
        token_expires=_expiry(bearer.rpartition(" ")[2]),
        certificate=_certificate(certificate) if certificate else {},
    )


def _certificate(path: str) -> Mapping[str, Json]:
    try:
        with Path(path).open("rb") as stream:
            facts = certificate_facts(stream.read(_LARGEST))
    except (OSError, ValueError) as error:
        return {"error": f"the client certificate cannot be read ({type(error).__name__})"}
    return {key: facts[key] for key in _OF_CERTIFICATE}


def _expiry(token: str) -> str:
    """Returns when a JSON web token ends by its own word; it is ours, so nothing has to be verified."""
    parts = token.split(".")
    if len(parts) != _JWT_PARTS or len(token) > _LARGEST:
        return ""
    with contextlib.suppress(
        binascii.Error, UnicodeError, msgspec.DecodeError, RecursionError, OverflowError, ValueError, OSError
    ):
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = msgspec.json.decode(base64.urlsafe_b64decode(padded))
        moment = claims.get("exp") if isinstance(claims, dict) else None
        if isinstance(moment, int | float) and not isinstance(moment, bool):
            return rfc3339(datetime.fromtimestamp(moment, UTC))
    return ""
