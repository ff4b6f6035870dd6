"""A database named by a DSN: what of it may be known, and what the proof of redaction has to look for."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from typing import Any

from collector.core.errors import UsageError
from collector.core.extra import library
from collector.core.secret import Secret

_LONGEST = 4096
_ONE_LINE = "write the DSN alone on one line, such as: host=NAME dbname=NAME user=NAME sslmode=verify-full"
_WEAK = ("disable", "allow")
_LOCAL = re.compile(r"|localhost|127(\.\d{1,3}){3}|::1|[/@].*")
_KINDS = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^a-zA-Z0-9]")
_TELLING = 8
_HINT = "try: postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full, alone in its file"


def psycopg() -> Any:
    """Returns the library. Raises UsageError where it is not installed."""
    return library("psycopg", "postgres", without="no database can be asked over the network here")


class Database:
    """A database outside the cluster, or inside it where pods may not be entered.

    Args:
        dsn: as libpq takes it, an address or ``key=value`` words.

    Raises UsageError, without a part of the DSN, for what libpq does not understand, for TLS that is turned
    off beyond this machine, and where psycopg is not installed.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = Secret(dsn, "the database's DSN", hint=_ONE_LINE, longest=_LONGEST, spaced=True)
        self._parts = _parts(dsn)
        if self.sslmode in _WEAK and not self.local:
            raise UsageError(
                "the database's DSN turns encryption off",
                why=f"sslmode is {self.sslmode}, so the password could cross the network in clear",
                hint="leave sslmode out, or better: sslmode=verify-full with sslrootcert=FILE",
            )

    @property
    def dsn(self) -> Secret:
        """The DSN itself; only the module that connects reveals it."""
        return self._dsn

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names or addresses of the servers, in the order in which they are tried."""
        return self._listed("host", "PGHOST")

    @property
    def local(self) -> bool:
        """True if nothing leaves this machine."""
        if "service" in self._parts or os.environ.get("PGSERVICE"):
            return False  # its host stands in a file of libpq's
        reached = self._listed("hostaddr", "PGHOSTADDR") or self.hosts
        return all(_LOCAL.fullmatch(host) for host in reached)

    def _listed(self, name: str, variable: str) -> tuple[str, ...]:
        return tuple(filter(None, self._parts.get(name, os.environ.get(variable, "")).split(",")))

    @property
    def sslmode(self) -> str:
        """What TLS is asked for: libpq's own default is prefer."""
        return self._parts.get("sslmode", os.environ.get("PGSSLMODE", "prefer"))

    @property
    def secrets(self) -> Mapping[str, str]:
        """What must not stand in a bundle, by what it is.

        A password that is a plain word (``postgres``) is left out: it stands in every image's name, and no
        bundle would pass.
        """
        password = self._parts.get("password", "")
        telling = len(password) >= _TELLING and sum(bool(re.search(k, password)) for k in _KINDS) > 1
        found = {"the password of the database's DSN": password} if telling else {}
        return {"the database's DSN": self._dsn.reveal(), **found}

    def __repr__(self) -> str:
        return "Database(***)"


def _parts(dsn: str) -> dict[str, str]:
    module = psycopg()
    with contextlib.suppress(module.Error):
        return {name: str(value) for name, value in module.conninfo.conninfo_to_dict(dsn).items()}
    # Raised out here, as the library's own words repeat the DSN.
    raise UsageError("the database's DSN cannot be understood", hint=_HINT)
