"""Decides from a name alone whether its value is a secret: one vocabulary for objects, JSON and text alike.

Two word lists in one tool are how secrets leave by the door that knows fewer words; hence a single judge.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from collector.redaction import spans

_WORD = re.compile(r"[A-Z]+(?:s(?![a-z]))?(?![a-z])|[A-Z]?[a-z]+|\d+")
_ENVIRONMENT = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")
_SHORT_NUMBER = re.compile(r"\d{1,3}")
_PLACEHOLDER = re.compile(r"\[REDACTED:[a-z0-9-]{1,40}:[0-9a-f]{8}\]")
_LONGEST_NAME = 200
_CACHED = 8192
_PAIR_NAMES = ("name", "key", "Name", "Key", "NAME", "KEY")

Word = Annotated[str, msgspec.Meta(pattern=r"^\*?[a-z0-9]+$")]
Phrase = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+ [a-z0-9]+$")]


class NameWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The vocabulary as configs/redaction/rules.yaml states it; all words in lower case.

    Names are cut into words at capitals, digits and punctuation: ``adminPassword`` is admin, password.

    Attributes:
        stems: placeholder kind to stems; a word that contains one is telling.
        last: kind to words that tell only at the end of a name; ``*pass`` means "ends with".
        phrases: kind to pairs of neighbouring words, such as ``api key``.
        settings: kind to words that tell only as the name of a setting (environment variable, flag).
        tails: words that may follow a telling word without changing what the value is.
        harmless_ends: a name that ends with one of these holds no secret (``_FILE``, ``_LENGTH``).
        harmless_starts: likewise at the start (``checksum/secret``).
        harmless_words: words that contain a stem by accident.
        harmless_keys: words that make a following ``key`` a plain key (``topologyKey``).
        harmless_names: whole names, lower case.
        harmless_values: patterns (whole value) of what is no secret whatever its name.
        status_words: what logs say after ``token:`` when they talk about it.
    """

    stems: dict[str, tuple[Word, ...]]
    last: dict[str, tuple[Word, ...]]
    phrases: dict[str, tuple[Phrase, ...]]
    settings: dict[str, tuple[Word, ...]]
    tails: tuple[Word, ...]
    harmless_ends: tuple[Word, ...]
    harmless_starts: tuple[Word, ...]
    harmless_words: tuple[Word, ...]
    harmless_keys: tuple[Word, ...]
    harmless_names: tuple[str, ...]
    harmless_values: tuple[str, ...]
    status_words: tuple[str, ...]


class Names:
    """Judges names and the values beside them. Thread-safe."""

    def __init__(self, words: NameWords) -> None:
        self._stems = _flat(words.stems)
        self._last = _flat(words.last)
        self._phrases = _flat(words.phrases)
        self._settings = _flat(words.settings)
        self._tails = frozenset(words.tails)
        self._ends = frozenset(words.harmless_ends)
        self._starts = frozenset(words.harmless_starts)
        self._accidents = frozenset(words.harmless_words)
        self._plain_keys = frozenset(words.harmless_keys)
        self._names = frozenset(words.harmless_names)
        self._values = re.compile("|".join(f"(?:{value})" for value in words.harmless_values))
        self._status = frozenset(words.status_words)
        self.kinds = frozenset((*words.stems, *words.last, *words.phrases, *words.settings))
        self.literals = self._literals()
        self.setting_words = tuple(sorted(self._settings))
        self._judged = functools.lru_cache(_CACHED)(self._judge)

    def kind(self, name: str, setting: bool = False) -> str | None:
        """Returns the placeholder kind for the value of ``name``, or None where the name tells nothing.

        Args:
            name: any spelling: ``DB_PASSWORD``, ``adminPassword``, ``example.com/token``.
            setting: True for environment variables and flags, where more words tell.
        """
        return self._judged(name[-_LONGEST_NAME:], setting)

    def of_pair(self, pair: Mapping[str, Any]) -> str | None:
        """Returns the kind for ``value`` in ``{name: DB_PASSWORD, value: x}``, or the same with ``key``."""
        names = (pair.get(name) for name in _PAIR_NAMES)
        kinds = (self.kind(name, True) for name in names if isinstance(name, str))
        return next((kind for kind in kinds if kind), None)

    def _judge(self, written: str, setting: bool) -> str | None:
        if not written.isascii():
            written = spans.quieted(written.encode("utf-8", "replace")).decode("utf-8", "replace")
        name = _PLACEHOLDER.sub("", written)  # the kind in a placeholder tells nothing of what follows it
        if name.lower() in self._names:
            return None
        path = name.rstrip("/")
        words = [word.lower() for word in _WORD.findall(path.rpartition("/")[2])]
        numbered = bool(words) and words[-1].isdigit()
        while len(words) > 1 and words[-1].isdigit():
            words.pop()
        if not words or words[-1] in self._ends or self._starts_harmless(path):
            return None
        broad = setting or _ENVIRONMENT.fullmatch(name) is not None
        # The words of settings are short: with a number behind they are something else too often.
        plain = setting and not numbered
        return self._by_words(words, broad) or self._by_last(words, broad=broad, setting=plain)

    def harmless(self, value: str) -> bool:
        """True when ``value`` is no secret whatever its name: a switch, a reference, a path, a mask."""
        return not value or self._values.fullmatch(value) is not None

    def harmless_in_prose(self, value: str) -> bool:
        """As ``harmless``, and for words and small numbers that logs put after a telling name."""
        return (
            self.harmless(value)
            or value.rstrip(".,:;!?").lower() in self._status
            or _SHORT_NUMBER.fullmatch(value) is not None
        )

    def _starts_harmless(self, path: str) -> bool:
        first = _WORD.match(path)
        return first is not None and first[0].lower() in self._starts

    def _by_words(self, words: list[str], broad: bool) -> str | None:
        """Telling words and phrases; outside of settings only harmless tails may follow them."""
        for at in range(len(words) - 1, -1, -1):
            kind = self._of_word(words[at])
            if kind is None and at and not self._plain(words, at):
                phrase = f"{words[at - 1]} {words[at]}"
                kind = self._phrases.get(phrase) or self._phrases.get(phrase.removesuffix("s"))
            if kind is not None:
                return kind
            if not broad and words[at] not in self._tails and not words[at].isdigit():
                return None
        return None

    def _of_word(self, word: str) -> str | None:
        if word in self._accidents:
            return None
        return next((kind for stem, kind in self._stems.items() if stem in word), None)

    def _by_last(self, words: list[str], *, broad: bool, setting: bool) -> str | None:
        last = words[-1]
        if last in self._accidents or self._plain(words, len(words) - 1):
            return None
        known = {**self._last, **self._settings} if setting else self._last
        if last in known and (broad or last != "key" or len(words) > 1):
            return known[last]
        return next(
            (kind for word, kind in known.items() if word[0] == "*" and last.endswith(word[1:])), None
        )

    def _plain(self, words: list[str], at: int) -> bool:
        return words[at] == "key" and at > 0 and words[at - 1] in self._plain_keys

    def _literals(self) -> tuple[str, ...]:
        """Every name that is telling in text contains one of these."""
        words = {word.lstrip("*") for table in (self._stems, self._last) for word in table}
        # Of a phrase either word will do, and none if another literal stands in one of them already.
        pairs = [phrase.split() for phrase in self._phrases]
        words |= {pair[1] for pair in pairs if not any(w in p for p in pair for w in words)}
        return tuple(sorted(word for word in words if not any(o != word and o in word for o in words)))


def _flat(table: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {word: kind for kind, words in table.items() for word in words}
