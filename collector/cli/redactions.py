"""What ``bundle show --redactions`` prints: which rule hid how much in which entry; counts, never values."""

from __future__ import annotations

import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping

from collector.bundle import layout
from collector.bundle.reader import BundleReader
from collector.core.errors import BundleError
from collector.core.text import counted, display
from collector.records import EntryStatus
from collector.redaction.ledger import LedgerFile, parse_ledger

_WIDTH = 79
_LONGEST_NAME = 60
_INDENT = "    "


def show_redactions(reader: BundleReader) -> None:
    """Prints the ledger, or what the manifest counts by kind where there is none that can be used."""
    ledger = _ledger(reader)
    for entry in reader.entries():
        hidden = (ledger.entries.get(entry.path) if ledger else entry.redactions) or {}
        if hidden or entry.status is EntryStatus.WITHHELD:
            print(display(entry.path))
            print(_wrapped(_counts(hidden) if hidden else "withheld"))
    if ledger:
        for line in (*_others(ledger), *_rules(ledger)):
            print(line)
    kinds: Counter[str] = Counter(ledger.kinds if ledger else {})
    for entry in () if ledger else reader.entries():
        kinds.update(entry.redactions)
    print(_wrapped(f"in all: {_counts(kinds) or 'nothing was hidden'}", indent=""))


def _ledger(reader: BundleReader) -> LedgerFile | None:
    if layout.REDACTION_LEDGER not in reader.names():
        return None
    try:
        return parse_ledger(reader.open(layout.REDACTION_LEDGER))
    except BundleError as error:
        print(f"{error.message}: {error.why}; counts by kind instead", file=sys.stderr)
        return None


def _others(ledger: LedgerFile) -> Iterator[str]:
    for collector, rest in ledger.others.items():
        entries = "1 more entry" if rest.entries == 1 else f"{rest.entries} more entries"
        yield f"{entries} of collector {display(collector, _LONGEST_NAME)}, too many to list"
        yield _wrapped(_counts(rest.rules))


def _rules(ledger: LedgerFile) -> Iterator[str]:
    if ledger.rules:
        yield "by rule, without the canaries:"
    for rule, done in sorted(ledger.rules.items(), key=lambda item: (-item[1].values, item[0])):
        entries = "1 entry" if done.entries == 1 else f"{done.entries} entries"
        yield f"{_INDENT}{display(rule, _LONGEST_NAME)}: {counted(done.values, 'value')} in {entries}"


def _counts(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{display(name, _LONGEST_NAME)} {count}" for name, count in ordered)


def _wrapped(text: str, indent: str = _INDENT) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
