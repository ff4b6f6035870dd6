"""What besides the rules makes a line worth a closer look: names in JSON and YAML, blocks, hidden words.

Written as literals (each such line has one) and as one pattern that runs in both engines. The pattern also
decides when JSON inside text is read as JSON, so it is part of what redaction means, not only of its speed.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from collector.redaction.engines import Engines
from collector.redaction.names import Names

_DATA = ("data", "stringdata", "binarydata")
_OPENERS = (
    "--begin",
    "-- begin",
    "data:",
    "data'",
    'data"',
    "\\u00",
    "\\uff",
    "value",
    "%25",
    "mysql",
    "mariadb",
)
_REPEATED = "managedfields"
_NAME = r"[\w:.\-/]*"


class Lures:
    """Drawn from the vocabulary, so that the two cannot disagree.

    Args:
        names: the vocabulary.
        dropped: annotations that are removed wherever they stand.
        hidden: what makes base64 worth decoding, in lower case.
        engines: what to search with.

    Attributes:
        literals: lower case; a line that ``pattern`` matches, or that opens a block, has one of them.
        encoded: what is ``hidden``.
        pattern: for one or many lines; ``re`` and RE2 read it alike.
        patterns: one of these matches in every line with a literal that no rule matches as it stands.
        name: a telling name, as a pattern that matches more than those.
        short_name: the same from the telling word on, to be found inside a name.
    """

    def __init__(
        self, names: Names, dropped: Collection[str], hidden: Collection[bytes], engines: Engines
    ) -> None:
        copies = [_REPEATED, *(name.lower().rpartition("/")[2] for name in dropped)]
        settings = names.setting_words
        self.encoded = frozenset(hidden)
        self.literals = frozenset(
            word.encode("ascii")
            for word in (
                *names.literals,
                *_OPENERS,
                *(f'"{word}' for word in _DATA),
                *copies,
                *(word + end for word in settings for end in ('"', "=")),
            )
        )
        word = _telling(names.literals)
        short = "|".join(map(re.escape, settings))
        self.name = f"(?:{_NAME}{word}{_NAME})"
        self.short_name = f"(?:{word}{_NAME})"
        self.pattern = "|".join(
            (
                rf"""{word}[^\s"'\\:=]*["'\\\]\s]*[:=]""",
                rf"""{word}(?:[^"\\]|\\.)*"\s*:""",
                rf"""{word}[^"\\]*\\+"\s*:""",
                r"""(?i:value|data)["'\\\s]*[:=]""",
                rf"""(?:["']|- )--?[\w.\-]*{word}""",
                r"""(?:- ["']?|["'/])(?:mysql|mysqldump|mysqladmin|mariadb)(?:["'\\,\s]|(?m:$))""",
                rf"""(?i:{short})["=]""",
                f"(?i:{'|'.join(map(re.escape, copies))})",
                "BEGIN ",
                r"\\u(?:00[2-7]|[Ff]{2}[0-5])",
            )
        )
        self.patterns = (self.pattern, "%[0-7][0-9A-Fa-f]")
        search = re.compile(self.pattern.encode()).search
        found = engines.compiled(self.pattern)
        self._search = found.search if found else search

    def tells(self, line: bytes) -> bool:
        """True when the places of values in ``line``, read as JSON, could tell something."""
        return self._search(line) is not None


def _telling(literals: Collection[str]) -> str:
    """Returns a pattern for the words in telling names: a ``key`` on its own is none, unless in capitals."""
    words = "|".join(re.escape(word) for word in literals if word != "key")
    return rf"(?:(?i:{words})|[\w.\-/ ](?i:key)|KEY)"
