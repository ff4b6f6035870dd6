"""Applies today's redaction rules to a bundle that exists: what was readable under older rules goes."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from collector.bundle import manifest
from collector.bundle.reader import BundleReader
from collector.bundle.writer import BundleWriter, Sealed
from collector.core.clock import Clock
from collector.core.errors import OutputError
from collector.pipeline.proof import Proof
from collector.records import Entry, EntryStatus, Redacted
from collector.redaction import RedactionError, Redactor

_SUFFIX = ".tar.zst"
_LARGEST_DOCUMENT = 32 * 1024 * 1024
_DOCUMENTS = (".json", ".html", ".md", ".yaml", ".txt")
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
        for entry in reader.entries():
            total.update(_copy(entry, reader, writer, redactor))

        def content(entries: Sequence[Entry]) -> Iterator[Redacted]:
            return redactor.manifest(functools.partial(manifest.encode, run, entries))

        return writer.seal(content, prove=Proof({}).check), total


def _copy(entry: Entry, reader: BundleReader, writer: BundleWriter, redactor: Redactor) -> Counter[str]:
    counts: Counter[str] = Counter()
    copy = writer.open(entry.path, collector=entry.collector)
    try:
        for piece in _pieces(entry, reader, redactor, counts):
            copy.write(piece)
    except RedactionError:
        copy.discard()
        writer.open(entry.path, collector=entry.collector).commit(status=EntryStatus.WITHHELD, note=_WITHHELD)
        return Counter()
    before = Counter(dict(entry.redactions))
    copy.commit(status=entry.status, note=entry.note, redactions=before + counts)
    return counts


def _pieces(
    entry: Entry, reader: BundleReader, redactor: Redactor, counts: Counter[str]
) -> Iterator[Redacted]:
    """Whole documents as such, so that places in them count, and everything else as text."""
    if entry.path.endswith(_DOCUMENTS) and entry.size <= _LARGEST_DOCUMENT:
        yield redactor.finished(reader.read(entry.path), counts)
    else:
        yield from redactor.lines(reader.open(entry.path), counts)
