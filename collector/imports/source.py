"""Recognises what a directory holds and makes it readable: by the ordinary collectors, or by copying."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from collector.bundle import layout
from collector.bundle.limits import MAX_MANIFEST
from collector.bundle.manifest import parse
from collector.collectors import COLLECTORS, Collector
from collector.core.clock import parse_rfc3339
from collector.core.errors import UsageError
from collector.core.text import display
from collector.findings import RunInfo
from collector.imports.answers import Library, LogReader
from collector.imports.copy import copy_collector
from collector.imports.logs import bundle_log, dump_log
from collector.imports.offers import Offers, offers_of
from collector.imports.shelves import Shelf, bundle_shelves, dump_shelves, read_json
from collector.imports.tree import Tree, UnreadableFileError
from collector.kube.config import Connection
from collector.records import Json
from collector.records.access import mapping
from collector.spec import load_catalog

_PREFIX = "directory"
_TIMES = re.compile(
    rb'"(?:lastTimestamp|eventTime|lastHeartbeatTime|lastProbeTime)"\s*:\s*"([0-9T:.Z+-]{20,35})"'
)
_TELLING = ("events", "nodes")
_CLOCKS = timedelta(hours=1)
"""How far a cluster's clock may be ahead of ours before its times are not believed."""


@dataclass(frozen=True, kw_only=True)
class Offline:
    """A directory ready to be collected from.

    Attributes:
        connection: answers requests out of the directory; no socket is opened.
        collectors: what reads it.
        moment: when the evidence was taken, to which ages are held.
        since: how far back its logs reach, None if it does not say.
        demo: it was made from the recorded cluster.
    """

    connection: Connection
    collectors: tuple[Collector, ...]
    moment: datetime
    since: datetime | None = None
    demo: bool = False


def open_directory(path: Path, now: datetime) -> Offline:
    """Returns the directory ready to be read.

    Raises:
        UsageError: it is no directory, or holds neither a dump nor a bundle.
        BundleError: it holds a bundle of ours whose manifest cannot be used.
    """
    tree = Tree(path)
    if {layout.MANIFEST_JSON, layout.COLLECTORS} <= tree.files.keys():
        return _ours(tree)
    shelves, log = bundle_shelves(tree), bundle_log
    if not shelves:
        shelves, log = dump_shelves(tree), dump_log
    if not shelves:
        raise UsageError(
            f"{display(path)} holds neither a dump nor a bundle",
            why="there are no lists of objects in JSON in it",
            hint="try: kubectl cluster-info dump -A --output-directory=DIR, then collect --from-dir DIR",
        )
    return _foreign(tree, shelves, log, now)


def _foreign(tree: Tree, shelves: list[Shelf], log: LogReader, now: datetime) -> Offline:
    offers = offers_of(shelves, _dicts(tree, layout.GROUPS), _dicts(tree, layout.RESOURCES), load_catalog())
    version = mapping(read_json(tree, layout.CLUSTER_VERSION), "info")
    library = Library(tree, shelves, offers, version=version, log=log)
    return Offline(
        connection=_connection(tree, library), collectors=COLLECTORS, moment=_moment(tree, shelves, now)
    )


def _ours(tree: Tree) -> Offline:
    try:
        manifest = parse(tree.read(layout.MANIFEST_JSON, MAX_MANIFEST))
        run = msgspec.convert(manifest.run, RunInfo, strict=False)
    except (UnreadableFileError, msgspec.ValidationError) as error:
        raise UsageError(
            f"{display(tree.root)} does not say how it was made",
            why=str(error),
            hint="only bundles made by conductor-diag can be read as such; unpack the original again",
        ) from error
    moment = run.by_cluster_clock(run.started)
    nothing = Library(tree, [], Offers(groups=(), documents={}), version={}, log=bundle_log)
    return Offline(
        connection=_connection(tree, nothing, context=run.context, tls_verified=run.tls_verified),
        collectors=(copy_collector(tree, manifest),),
        moment=moment,
        since=moment - timedelta(seconds=run.window_seconds),
        demo=run.demo,
    )


def _connection(tree: Tree, library: Library, *, context: str = "", tls_verified: bool = True) -> Connection:
    return Connection(
        server=_PREFIX,
        context=f"{context + ' ' if context else ''}(from directory {display(tree.root.name, 100)})",
        user="none",
        namespace="default",
        tls_verified=tls_verified,
        request_timeout=60.0,
        pool=library,
        headers=dict,
    )


def _dicts(tree: Tree, path: str) -> Iterable[Json]:
    found = read_json(tree, path)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _moment(tree: Tree, shelves: Iterable[Shelf], now: datetime) -> datetime:
    """Returns the newest moment that nodes and events state, or when the newest file was written."""
    stated = [moment for moment in _stated(tree, shelves) if moment <= now + _CLOCKS]
    if stated:
        return max(stated)
    written = max((state.st_mtime for state in tree.files.values()), default=now.timestamp())
    return datetime.fromtimestamp(min(written, now.timestamp()), UTC)


def _stated(tree: Tree, shelves: Iterable[Shelf]) -> Iterator[datetime]:
    for shelf in shelves:
        if shelf.resource.plural not in _TELLING:
            continue
        for path in shelf.files.values():
            try:
                texts = set(_TIMES.findall(tree.read(path)))
            except UnreadableFileError:
                continue
            moments = (parse_rfc3339(text.decode("ascii")) for text in texts)
            yield from (moment for moment in moments if moment)
