"""What this machine alone can say about a cluster that could not be read: the way to it, and with what login.

Run instead of all others when the API server does not answer or does not accept the credentials.
"""

from __future__ import annotations

import dataclasses
import os
import platform
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from collector.bundle import layout
from collector.collectors.base import Collector, Context
from collector.core.clock import rfc3339
from collector.core.text import display
from collector.kube.config import Connection, in_cluster
from collector.kube.place import joined, place_of
from collector.kube.reach import Refusal, Step, trace
from collector.records import Document, Gap, Record, Status

_SECONDS = 60.0
_WAITS = 12  # at most: the resolver, four addresses, and three connections of two waits each
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_EXEMPT = "no_proxy"
_MOST_EXEMPTIONS = 50
_NAME = 100


def local_collector(refusal: Refusal, hint: str) -> Collector:
    """Returns the collector of a run that could not read the cluster.

    Args:
        refusal: what became of the attempt.
        hint: what to type next, for the gap that stands for everything in the cluster.
    """

    def collect(context: Context) -> Iterator[Record]:
        connection = context.api.connection
        steps = trace(connection, refusal, seconds=context.api.deadline.left(cap=_SECONDS) / _WAITS)
        yield Document(path=layout.LOCAL_REACH, value=_reach(connection, steps, refusal))
        yield Document(path=layout.LOCAL_KUBECONFIG, value=_kubeconfig(connection))
        yield Document(path=layout.LOCAL_ENVIRONMENT, value=_environment(context))
        denied = refusal.login or refusal.status in (401, 403)
        yield Gap(
            subject="everything in the cluster",
            status=Status.DENIED if denied else Status.FAILED,
            reason=refusal.message,
            needs=hint,
        )

    return Collector(name="local", collect=collect, seconds=_SECONDS)


def _reach(connection: Connection, steps: tuple[Step, ...], refusal: Refusal) -> dict[str, Any]:
    place = place_of(connection)
    return {
        "server": place.server if place else "",
        "proxy": joined(*place.proxy) if place and place.proxy else "",
        "tls_server_name": connection.tls_server_name,
        "failed": next((step.name for step in steps if step.status == "failed"), ""),
        "message": refusal.message,
        "steps": [dataclasses.asdict(step) for step in steps],
    }


def _kubeconfig(connection: Connection) -> dict[str, Any]:
    credential = connection.credential
    return {
        "context": connection.context,
        "cluster": connection.cluster,
        "user": connection.user,
        "namespace": connection.namespace,
        "tls_verified": connection.tls_verified,
        "login": list(credential.kinds) or ["none"],
        "plugin": credential.plugin,
        "token_expires": credential.token_expires,
        "client_certificate": dict(credential.certificate) or None,
    }


def _environment(context: Context) -> dict[str, Any]:
    skew = context.api.log.clock_skew
    return {
        "clock": rfc3339(context.clock.now()),
        "clock_skew_seconds": round(skew, 1) if skew is not None else None,
        "system": platform.system(),
        "python": platform.python_version(),
        "in_cluster": in_cluster(),
        "kubeconfig_variable": bool(os.environ.get("KUBECONFIG")),
        "proxies": list(_proxies()),
        "proxy_exemptions": _exemptions(),
    }


def _proxies() -> Iterator[dict[str, str]]:
    """Yields the proxy variables that are set, each with nothing but the host and port in it."""
    for name in _PROXIES:
        for variable in (name, name.upper()):
            if value := os.environ.get(variable):
                yield {"name": variable, "host": _host(value)}


def _host(value: str) -> str:
    try:
        parts = urlsplit(value if "://" in value else f"//{value}")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "unreadable"
    return display(f"{parts.hostname or 'unreadable'}{port}", _NAME)


def _exemptions() -> list[str]:
    value = os.environ.get(_EXEMPT) or os.environ.get(_EXEMPT.upper()) or ""
    entries = (entry.strip() for entry in value.split(","))
    return [display(entry, _NAME) for entry in entries if entry][:_MOST_EXEMPTIONS]
