"""Proves the redaction of a run: invented secrets go the way of all records, and nothing secret arrives."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path

from collector.bundle.source import tar_content
from collector.bundle.writer import BundleWriter
from collector.core.errors import WithheldError
from collector.kube.config import Connection
from collector.pipeline.budget import Budget
from collector.pipeline.options import RunOptions
from collector.pipeline.pen import Pen
from collector.records import Entry
from collector.redaction import Ledger, Redactor
from collector.redaction.canary import Canaries
from collector.redaction.scanner import Hit, Scanner

COLLECTOR = "canary"
"""Whose entries the canaries are in the manifest; their placeholders are not counted as the cluster's."""

_MOST_NAMED = 5


class Proof:
    """One run's canaries, and the second opinion on the finished file.

    Args:
        secrets: the agent's own credentials by name; none may stand in the bundle in any encoding.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._canaries = Canaries()
        self._scanner = Scanner({**self._canaries.needles, **secrets})

    def plant(self, redactor: Redactor, writer: BundleWriter, ledger: Ledger, budget: Budget) -> None:
        """Sends the canaries the way of every collector's records."""
        pen = Pen(COLLECTOR, redactor=redactor, writer=writer, ledger=ledger, budget=budget, vital=True)
        for record in self._canaries.records():
            pen.take(record)

    def check(self, path: Path, entries: Sequence[Entry]) -> None:
        """Reads the whole file. Raises WithheldError if something is in it that must not be."""
        hits = self._scanner.scan("", tar_content(path))
        names = self._scanner.scan("", (f"{entry.path}\n".encode() for entry in entries))
        if hits or names:
            starts = [entry.tar_offset for entry in entries]
            told = [f"{hit.what} ({hit.form}) in the name of an entry" for hit in names]
            told += [f"{hit.what} ({hit.form}) in {self._place(hit, entries, starts)}" for hit in hits]
            named = "; ".join(told[:_MOST_NAMED])
            raise WithheldError(
                "the bundle is withheld: a secret was found in it after redaction",
                why=f"{named}{' and more' if len(told) > _MOST_NAMED else ''}",
                hint="try: --exclude-namespace, --skip logs, or a rule in the spec (redaction.rules)",
            )

    def _place(self, hit: Hit, entries: Sequence[Entry], starts: Sequence[int]) -> str:
        """Returns about where a hit is; a name that itself holds a secret is not told."""
        at = bisect_right(starts, hit.offset) - 1
        if at < 0:
            return "the first entry"
        path = entries[at].path
        return "an entry with a secret in its name" if self._scanner.scan("", (path.encode(),)) else path


def agent_secrets(connection: Connection, options: RunOptions) -> dict[str, str]:
    """Returns the credentials this run itself uses, by what they are."""
    found: dict[str, str] = {}
    for name, value in connection.headers().items():
        if name.lower() == "authorization":
            found["the agent's own credential"] = value.rpartition(" ")[2]
    if options.errbit is not None:
        found["the key of the Errbit endpoint"] = options.errbit.key.reveal()
    if options.errbit_source is not None:
        found["the token of the Errbit source"] = options.errbit_source.token.reveal()
    if options.database is not None:
        found |= options.database.secrets
    return found
