"""Applies today's redaction rules to a bundle that exists: what was readable under older rules goes."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from collector.bundle import layout, manifest
from collector.bundle.reader import BundleReader
from collector.bundle.writer import BundleWriter, Sealed
from collector.core.clock import Clock
from collector.core.errors import BundleError, OutputError
from collector.pipeline.proof import COLLECTOR as PROOF
from collector.pipeline.proof import Proof
from collector.records import Entry, EntryStatus, Redacted
from collector.redaction import Counts, Ledger, RedactionError, Redactor, by_kind, parse_ledger

_SUFFIX = ".tar.zst"
_LARGEST_DOCUMENT = 32 * 1024 * 1024
_DOCUMENTS = (".json", ".html", ".md", ".yaml", ".txt")
_OBJECTS = ".json"
_WITHHELD = "could not be redacted and was withheld"


def clean_bundle(source: Path, redactor: Redactor, clock: Clock) -> tuple[Sealed, Counter[str]]:
    """Writes ``<name>-clean.tar.zst`` beside ``source``; returns it and how many values went, by kind.

    Entries that cannot be redacted are withheld and marked. The findings stay those of the old bundle.

    Raises:
        BundleError: the source is no bundle, or is damaged.
        OutputError: the copy cannot be written.
        WithheldError: something secret was found in the copy.
    """
    target = source.with_name(f"{source.name.removesuffix(_SUFFIX)}-clean{_SUFFIX}")
    if target == source or not source.name.endswith(_SUFFIX):
        raise OutputError(f"cannot clean {source}", why=f"a bundle's name ends in {_SUFFIX}")
    total: Counter[str] = Counter()
    with BundleReader(source) as reader, BundleWriter(target, mtime=clock.now()) as writer:
        run = reader.manifest().run
        copier = _Copier(reader, writer, redactor)
        for entry in reader.entries():
            if entry.path != layout.REDACTION_LEDGER:
                total.update(copier.copy(entry))
        copier.ledger()

        def content(entries: Sequence[Entry]) -> Iterator[Redacted]:
            return redactor.manifest(functools.partial(manifest.encode, run, entries))

        return writer.seal(content, prove=Proof({}).check), total


class _Copier:
    """Copies entries one by one, and carries the ledger on."""

    def __init__(self, reader: BundleReader, writer: BundleWriter, redactor: Redactor) -> None:
        self._reader = reader
        self._writer = writer
        self._redactor = redactor
        self._ledger = Ledger(apart=PROOF)
        if layout.REDACTION_LEDGER in reader.names():
            self._resume()

    def _resume(self) -> None:
        try:
            self._ledger.resume(parse_ledger(self._reader.open(layout.REDACTION_LEDGER)))
        except BundleError:
            return  # of another version, or not ours: the manifest still counts by kind

    def copy(self, entry: Entry) -> Counter[str]:
        """Writes one entry under today's rules; returns what went of it, by kind."""
        counts: Counts = Counter()
        path = self._redactor.name(entry.path, counts, own=layout.own_segments(entry.path))
        copy = self._writer.open(path, collector=entry.collector)
        try:
            for piece in self._pieces(entry, counts):
                copy.write(piece)
        except RedactionError:
            copy.discard()
            withheld = self._writer.open(path, collector=entry.collector)
            withheld.commit(status=EntryStatus.WITHHELD, note=_WITHHELD)
            return Counter()
        kinds = by_kind(counts)
        before = Counter(dict(entry.redactions))
        copy.commit(status=entry.status, note=entry.note, redactions=before + kinds)
        self._ledger.note(path, entry.collector, counts)
        return kinds

    def ledger(self) -> None:
        """Writes the ledger: that of the old bundle, and what was found now."""
        piece = self._redactor.document(self._ledger.content(), Counter(), layout.REDACTION_LEDGER)
        self._writer.add(layout.REDACTION_LEDGER, piece, collector="agent")

    def _pieces(self, entry: Entry, counts: Counts) -> Iterator[Redacted]:
        """Whole documents as such, so that places in them count, and everything else as text."""
        whole = entry.path.endswith(_DOCUMENTS) and entry.size <= _LARGEST_DOCUMENT
        if not whole and entry.path.endswith(_OBJECTS) and self._redactor.needs_whole(entry.path):
            raise RedactionError("a rule looks at places in it, and it is too large to be read whole")
        if whole:
            yield self._redactor.finished(self._reader.read(entry.path), counts, entry.path)
        else:
            yield from self._redactor.lines(self._reader.open(entry.path), counts, entry.path)
