"""Rules on dump files, whose structure tells what their size, name and exit status do not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.analysis.marks import Case, Check, Grade, Mark, median
from collector.core.text import human_bytes
from collector.findings import Confidence
from collector.postgres.model import DumpFile

_BROKEN = frozenset({"truncated", "corrupt"})
_DIGITS = re.compile(r"\d+")
_MAJOR = re.compile(r"(\d+)(?:\.(\d+))?")
_ONE_NUMBER_SINCE = 10
_COLLAPSE, _SHRUNK, _SMALL, _FORMER = 0.5, 0.8, 64 * 1024, 5
_READ_WHOLE = frozenset({"gzip", "custom", "tar"})
_OWN = frozenset({"postgres"})


def _series(case: Case) -> list[list[tuple[int, DumpFile]]]:
    """Returns the dumps by the pattern of their names, each oldest first."""
    found: dict[str, list[tuple[int, DumpFile]]] = {}
    for at, one in enumerate(case.cluster.dumps):
        found.setdefault(_DIGITS.sub("#", one.name), []).append((at, one))
    return [
        sorted(entries, key=lambda entry: entry[1].modified.timestamp() if entry[1].modified else 0.0)
        for entries in found.values()
    ]


def broken(case: Case) -> Iterator[Mark]:
    """A dump is empty or ends too early. An older one that is broken is worth less than the newest."""
    for series in _series(case):
        for at, one in series:
            newest = at == series[-1][0]
            if one.verdict == "empty":
                yield Mark(
                    rule="CND-PG-011",
                    grade=Grade.CRITICAL if newest else Grade.MEDIUM,
                    summary=f"the dump {one.name} holds nothing ({one.detail})",
                    pointer=f"/dumps/{at}",
                    last_seen=one.modified,
                )
            elif one.verdict in _BROKEN:
                yield Mark(
                    rule="CND-PG-012",
                    grade=Grade.CRITICAL if newest else Grade.MEDIUM,
                    summary=f"the dump {one.name} is {one.verdict}: {one.detail}",
                    pointer=f"/dumps/{at}",
                    last_seen=one.modified,
                )


def scope(case: Case) -> Iterator[Mark]:
    """The dumps leave out data, databases, or the roles that a restore needs."""
    whole = [one for one in case.cluster.dumps if one.verdict == "complete"]
    for at, one in enumerate(case.cluster.dumps):
        if one.verdict == "schema_only":
            yield Mark(
                rule="CND-PG-014",
                grade=Grade.HIGH,
                summary=f"the dump {one.name} holds no data: {one.detail}",
                pointer=f"/dumps/{at}",
            )
    primary = case.primary
    if primary is None or not whole or any(one.whole_server for one in whole):
        return
    saved = {one.database for one in whole}
    if "" in saved:
        return  # plain dumps do not say which database they are of
    left_out = [one.name for one in primary.databases if not one.template and one.name not in saved | _OWN]
    if left_out:
        yield Mark(
            rule="CND-PG-014",
            grade=Grade.HIGH,
            summary=f"no dump was seen of {', '.join(sorted(left_out)[:5])}",
            pointer="/dumps",
            confidence=Confidence.INFERRED,
        )


def versions(case: Case) -> Iterator[Mark]:
    """A dump was written by an older pg_dump than its server."""
    for at, one in enumerate(case.cluster.dumps):
        server, tool = _major(one.server_version), _major(one.dump_version)
        if server and tool and tool < server:
            yield Mark(
                rule="CND-PG-015",
                grade=Grade.HIGH,
                summary=f"the dump {one.name} of a server {server[0]} was written by pg_dump {tool[0]}",
                pointer=f"/dumps/{at}",
            )


def _major(version: str) -> tuple[int, ...]:
    found = _MAJOR.match(version)
    if not found:
        return ()
    first = int(found[1])
    return (first,) if first >= _ONE_NUMBER_SINCE else (first, int(found[2] or 0))


def collapsed(case: Case) -> Iterator[Mark]:
    """The newest dump is much smaller than those before it."""
    for series in _series(case):
        former = [one.size for _, one in series[:-1] if one.verdict == "complete"][-_FORMER:]
        at, last = series[-1]
        usual = median(former)
        if len(former) > 1 and usual >= _SMALL and last.size < _SHRUNK * usual and last.verdict == "complete":
            yield Mark(
                rule="CND-PG-013",
                grade=Grade.HIGH if last.size < _COLLAPSE * usual else Grade.MEDIUM,
                summary=f"the dump {last.name} takes {human_bytes(last.size)}, "
                f"those before it {human_bytes(int(usual))}",
                pointer=f"/dumps/{at}",
                confidence=Confidence.INFERRED,
            )


def unjudged(case: Case) -> Iterator[Mark]:
    """Only reading all of the newest dump would show whether it is whole."""
    for series in _series(case):
        at, last = series[-1]
        if last.verdict == "unknown" and last.format in _READ_WHOLE:
            tool = "gzip -t" if last.format == "gzip" else "pg_restore -f /dev/null"
            yield Mark(
                rule="CND-PG-039",
                grade=Grade.UNKNOWN,
                summary=f"whether the dump {last.name} is whole is not determined: {last.detail}",
                pointer=f"/dumps/{at}",
                needs=f"read all of it where it lies: {tool} FILE",
            )


CHECKS: tuple[Check, ...] = (broken, scope, versions, collapsed, unjudged)
