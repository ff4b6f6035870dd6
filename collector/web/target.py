"""Decides whether an address and its CA file are a fit place for a key, before anything is sent."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from collector.web.errors import UnsafeTargetError

_NAMELESS = "the endpoint"


def host_of(url: str) -> str:
    """Returns the host for showing; a word for an address that has none."""
    try:
        return urlsplit(url).hostname or _NAMELESS
    except ValueError:
        return _NAMELESS


def check_target(url: str, *, allow_http: bool) -> None:
    """Raises UnsafeTargetError unless a key may be sent to ``url``. Sends nothing."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = SplitResult("", "", "", "", ""), None
    if parts.scheme not in ("http", "https") or not host:
        raise UnsafeTargetError(
            "the endpoint's address is not usable", hint="write it like https://errbit.example.com"
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UnsafeTargetError(
            "the endpoint's address holds a user, a query or a fragment",
            hint="give the plain base address; a key or token has its own option",
        )
    if parts.scheme == "http" and not allow_http and not is_loopback(parts):
        raise UnsafeTargetError(
            "plain http would show the key or token to the network",
            hint="use https://, or allow plain http explicitly (--errbit-allow-http)",
        )


def check_ca(ca_file: Path) -> None:
    """Raises UnsafeTargetError unless ``ca_file`` is a PEM file with a certificate.

    Tried beforehand, because later it could not be told from a connection that broke.
    """
    try:
        ssl.create_default_context(cafile=str(ca_file))
    except OSError as cause:
        reason = f"the CA file cannot be used: {ca_file.name}"
        raise UnsafeTargetError(reason, hint="give a readable PEM file (--errbit-ca-file)") from cause


def is_loopback(parts: SplitResult) -> bool:
    """True for an address that does not leave this machine."""
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
