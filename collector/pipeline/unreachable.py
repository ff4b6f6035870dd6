"""What a run says about a cluster that it cannot read, before it keeps what this machine alone can tell."""

from __future__ import annotations

from collector.core.errors import UnreachableError
from collector.core.log import Logger
from collector.kube.config import Connection, CredentialsError
from collector.kube.place import place_of
from collector.kube.reach import Refusal

_UNAUTHORIZED = 401


def login_refusal(error: CredentialsError) -> Refusal:
    """Returns the refusal that missing credentials are."""
    return Refusal(message=error.why or error.message, login=True)


def unreachable(connection: Connection, refusal: Refusal) -> UnreachableError:
    """Returns the error that tells a person why the cluster was not read. No user information is in it."""
    place = place_of(connection)
    server = place.server if place else "the API server"
    if refusal.login:
        return UnreachableError(
            f"there are no credentials for {server}",
            why=refusal.message,
            hint="try: kubectl get --raw /version (it runs the same plugin); then renew the login",
        )
    if refusal.status == _UNAUTHORIZED:
        return UnreachableError(
            f"{server} does not accept the credentials",
            why=refusal.message,
            hint="try: kubectl auth can-i --list; then renew the login, or pass --context NAME",
        )
    return UnreachableError(
        f"{server} does not answer as a Kubernetes API server",
        why=refusal.message,
        hint="try: kubectl get --raw /version; then check the address, VPN and --context",
    )


def announce(error: UnreachableError, log: Logger) -> None:
    """Tells it at once, in the three sentences of an error; the run goes on with what it can."""
    log.error(
        "the cluster cannot be read",
        say=f"{error.message}\n  why: {error.why}\n  {error.hint}\nkept is what this machine can tell:",
        reason=error.why,
    )
