"""The shared words of all reports, read from data so that the page, the ticket and the terminal agree."""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterable

import msgspec

from collector.core.errors import UsageError
from collector.core.resources import config_path
from collector.core.yamlfile import YamlFile
from collector.findings import Impact, Outcome, Owner, Platform, Scope


class OutcomeWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An outcome on screen (``word``) and when counted (``one``, ``many``)."""

    word: str
    one: str
    many: str


class ScopeWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scope's label and the sentence that explains it."""

    label: str
    says: str


class StateWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state of the backups as a word, and the outcome whose look it has."""

    word: str
    outcome: Outcome


class Prerequisite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One requirement of the support page; findings with its ``topic`` say whether it is met."""

    component: str
    item: str
    needs: str
    topic: str


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything in configs/report/words.yaml. A missing member of a vocabulary is an error."""

    outcomes: dict[Outcome, OutcomeWords]
    scopes: dict[Scope, ScopeWords]
    impacts: dict[Impact, str]
    owners: dict[Owner, str]
    platforms: dict[Platform, str]
    backup_states: dict[str, StateWords]
    lanes: dict[str, str]
    prerequisites: tuple[Prerequisite, ...]

    def __post_init__(self) -> None:
        _all_of(Outcome, self.outcomes)
        _all_of(Scope, self.scopes)
        _all_of(Impact, self.impacts)
        _all_of(Owner, self.owners)
        _all_of(Platform, self.platforms)
        if "unknown" not in self.backup_states:
            raise ValueError("no words for the backup state unknown")

    def backup_state(self, state: str) -> StateWords:
        """Returns the words of a state; one that is not in the vocabulary reads as unknown."""
        return self.backup_states.get(state, self.backup_states["unknown"])


def _all_of(vocabulary: type[enum.StrEnum], words: Iterable[enum.StrEnum]) -> None:
    missing = sorted(set(vocabulary) - set(words))
    if missing:
        raise ValueError(f"no words for {vocabulary.__name__.lower()} {', '.join(missing)}")


@functools.cache
def load_words() -> Words:
    """Returns the shipped words. Raises UsageError when the file does not follow its model."""
    return YamlFile(config_path("report", "words.yaml"), UsageError).decode(Words)
