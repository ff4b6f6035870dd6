"""The ledger of a bundle: which rule found something how often in which entry; counts only, never values."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec

from collector.core.errors import BundleError
from collector.core.text import display
from collector.records import Json
from collector.redaction.causes import Counts, by_kind, by_rule

SCHEMA: Literal["conductor-diag/redaction-ledger/v1"] = "conductor-diag/redaction-ledger/v1"
MOST_CELLS = 40_000
"""Counts that are kept entry by entry, each of one rule in one entry: some 5 MB. See ``Ledger``."""

MAX_LEDGER = 64 * 1024 * 1024
"""Most bytes of a ledger that are read."""

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
_Rules = dict[str, _Count]


class RuleTotal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one rule did: ``values`` replaced, in how many ``entries``."""

    values: _Count = 0
    entries: _Count = 0


class OtherEntries(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Entries of one collector that are not listed one by one: how many, and rule id to number of values."""

    entries: _Count
    rules: _Rules


class LedgerFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The content of redaction/ledger.json.

    A rule's id is that of configs/redaction; ``structure:<name>`` for rules that are code, ``customer:<id>``
    for those of the spec. A value that several rules found counts for the one that covered most of it. The
    canaries' entries are listed, and left out of ``kinds`` and ``rules``.

    Attributes:
        kinds: placeholder kind to number of values.
        rules: rule id to what it did in the whole bundle.
        entries: entry path to rule id to number of values.
        others: collector to what was left out of ``entries`` because there were too many to list.
    """

    schema: Literal["conductor-diag/redaction-ledger/v1"]
    kinds: dict[str, _Count]
    rules: dict[str, RuleTotal]
    entries: dict[str, _Rules]
    others: dict[str, OtherEntries] = {}


class Ledger:
    """Takes the counts of entries as they are committed. Thread-safe.

    Memory is bounded: beyond ``most_cells`` further entries are added up by collector. Totals stay exact.

    Args:
        apart: collector whose entries are listed and not added to the totals: that of the canaries.
    """

    def __init__(self, *, apart: str, most_cells: int = MOST_CELLS) -> None:
        self._apart = apart
        self._left = most_cells
        self._lock = threading.Lock()
        self._kinds: Counter[str] = Counter()
        self._rules: dict[str, RuleTotal] = {}
        self._entries: dict[str, Counter[str]] = {}
        self._others: dict[str, tuple[int, Counter[str]]] = {}

    def note(self, path: str, collector: str, counts: Counts) -> None:
        """Adds what was found in one entry."""
        rules = by_rule(counts)
        with self._lock:
            if collector != self._apart:
                self._add(Counter(rules), by_kind(counts))
            if len(rules) <= self._left:
                self._list(path, rules)
            else:
                self._left = 0  # from here on all of them, or the list would favour entries with few rules
                self._roll_up(collector, 1, rules)

    def resume(self, old: LedgerFile) -> None:
        """Starts from the ledger of the bundle that is copied, as far as it can be held."""
        with self._lock:
            self._kinds.update(old.kinds)
            self._rules.update(old.rules)
            for path, rules in old.entries.items():
                if len(rules) > self._left:
                    self._left = 0
                    self._roll_up("earlier", 1, Counter(rules))
                else:
                    self._list(path, Counter(rules))
            for collector, rest in old.others.items():
                self._roll_up(collector, rest.entries, Counter(rest.rules))

    def content(self) -> Json:
        """Returns the ledger as plain JSON, in a stable order."""
        with self._lock:
            file = LedgerFile(
                schema=SCHEMA,
                kinds=_sorted(self._kinds),
                rules=dict(sorted(self._rules.items())),
                entries={path: _sorted(rules) for path, rules in sorted(self._entries.items())},
                others={
                    name: OtherEntries(entries=entries, rules=_sorted(rules))
                    for name, (entries, rules) in sorted(self._others.items())
                },
            )
        return msgspec.to_builtins(file)

    def _add(self, rules: Counter[str], kinds: Counter[str]) -> None:
        self._kinds.update(kinds)
        for rule, count in rules.items():
            known = self._rules.get(rule, RuleTotal())
            self._rules[rule] = RuleTotal(values=known.values + count, entries=known.entries + 1)

    def _list(self, path: str, rules: Counter[str]) -> None:
        if rules:
            known = self._entries.setdefault(path, Counter())
            self._left -= len(rules.keys() - known.keys())
            known.update(rules)

    def _roll_up(self, collector: str, entries: int, rules: Counter[str]) -> None:
        known, counts = self._others.get(collector, (0, Counter()))
        self._others[collector] = (known + entries, counts + rules)


def parse_ledger(pieces: Iterable[bytes]) -> LedgerFile:
    """Reads the ledger of a bundle that anybody may have made.

    Raises:
        BundleError: it is too large, no JSON, or does not follow its schema.
    """
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > MAX_LEDGER:
            raise BundleError(
                "the redaction ledger cannot be used", why=f"it is larger than {MAX_LEDGER} bytes"
            )
    try:
        return msgspec.json.decode(data, type=LedgerFile)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError("the redaction ledger cannot be used", why=display(error, 300)) from error


def _sorted(counts: Counter[str]) -> dict[str, Any]:
    return dict(sorted(counts.items()))
