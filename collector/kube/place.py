"""Where a request goes first: the address of the API server, taken apart, and the proxy before it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from collector.kube.config import Connection

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class Place:
    """``proxy`` is its host and port, None where requests go to the server directly."""

    scheme: str
    host: str
    port: int
    proxy: tuple[str, int] | None = None

    @property
    def server(self) -> str:
        """Returns the address without user information and path."""
        return f"{self.scheme}://{joined(self.host, self.port)}"


def place_of(connection: Connection) -> Place | None:
    """Returns where requests go, None if the address cannot be read."""
    try:
        parts = urlsplit(connection.server)
        if parts.scheme not in _PORTS or not parts.hostname:
            return None
        proxy = getattr(connection.pool, "proxy", None)
        through = (str(proxy.host).strip("[]"), int(proxy.port or 80)) if proxy and proxy.host else None
        port = parts.port or _PORTS[parts.scheme]
        return Place(scheme=parts.scheme, host=parts.hostname, port=port, proxy=through)
    except ValueError:
        return None


def joined(host: str, port: int) -> str:
    """Returns ``host:port``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
