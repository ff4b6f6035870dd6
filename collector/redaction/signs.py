"""What a line must show before any rule can match it, as one pattern for one pass of a linear engine.

Such a pass takes the same time whatever is looked for, as long as it rarely finds anything: so a rule gives
its literals where they are rare, and else what surrounds them. What bounds the speed of redaction on logs
that hold little is the automaton's step from byte to byte, about half of the whole.
"""

from __future__ import annotations

import re
import re._constants as op  # type: ignore[import-not-found] # the parse tree has no public door
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from collector.redaction.approximate import parsed, written
from collector.redaction.lures import Lures
from collector.redaction.rules import FormalRule, NamedRule, TextRule

_ASCII = 128
_LONG = 32
_ESCAPE = "%[0-7][0-9A-Fa-f]"


def signs(
    rules: Sequence[TextRule], patterns: Sequence[str | None], lures: Lures, words: Collection[bytes]
) -> str:
    """Returns one pattern, in RE2's syntax, that matches in every line that needs a closer look.

    Rules that bring a scan of their own and are not of the rules file have to be scanned for beside it.

    Args:
        rules: all of them.
        patterns: their approximations.
        lures: what else makes a line worth a look.
        words: literals one of which stands in every line whose URL escapes are worth decoding.
    """
    telling = either(words)
    escaped = [word for word in words if b"%" in word]  # an escape themselves
    tails = "|".join(filter(None, map(_tail, rules)))
    parts = [
        lures.pattern,
        f"{telling}[^\\n]*{_ESCAPE}",
        f"{_ESCAPE}[^\\n]*{telling}",
        either(escaped) if escaped else "",
        either(lures.encoded),
        f"{lures.short_name}(?:{tails})" if tails else "",
        *(_sign(rule, pattern) for rule, pattern in zip(rules, patterns, strict=True)),
    ]
    return "|".join(filter(None, parts))


def _sign(rule: TextRule, pattern: str | None) -> str:
    """Returns what every match of a rule contains; empty where another part or its own scan tells."""
    if isinstance(rule, NamedRule):
        return "" if _tail(rule) else pattern or ""
    if isinstance(rule, FormalRule) and (rule.scan or any(map(_is_word, rule.literals))):
        return _from_the_literal_on(rule) or pattern or ""
    return either(literal.encode() for literal in rule.literals) if rule.literals else ""


def either(words: Iterable[bytes]) -> str:
    """Returns a pattern for any of ``words``, in either case."""
    return f"(?i:{'|'.join(map(_escaped, needed(words)))})"


def needed(words: Iterable[bytes]) -> list[bytes]:
    """Returns those of ``words`` that contain no other one, in order; of long ones how they begin."""
    every = {word[:_LONG] for word in words}
    return sorted(word for word in every if not any(part in every for part in _parts(word)))


def _parts(word: bytes) -> Iterator[bytes]:
    """Yields what stands in ``word``, itself left out."""
    for size in range(1, len(word)):
        for at in range(len(word) - size + 1):
            yield word[at : at + size]


def _escaped(word: bytes) -> str:
    return "".join(re.escape(chr(byte)) if byte < _ASCII else f"\\x{{{byte:02x}}}" for byte in word)


def _is_word(literal: str) -> bool:
    """True for what stands in many a harmless line."""
    return literal.isalpha()


def _tail(rule: TextRule) -> str:
    """Returns what must follow a telling name; empty where nothing but words and blanks need to."""
    if not isinstance(rule, NamedRule) or rule.setting:
        return ""  # of settings, other names tell as well
    nodes = parsed(rule.pattern)
    group = rule.pattern.groupindex["name"]
    for at, (kind, argument) in enumerate(nodes):
        if kind is op.SUBPATTERN and argument[0] == group:
            after = nodes[at + 1 :]
            return written(after) if any(map(_shows, after)) else ""
    return ""


def _from_the_literal_on(rule: FormalRule) -> str:
    """The pattern without what need not be seen because a literal comes after it."""
    nodes = parsed(rule.pattern)
    last = max((at for at in range(len(nodes)) if _holds(nodes[at:], rule.literals)), default=0)
    return written(nodes[last:]) if last else ""


def _holds(nodes: Iterable[tuple[Any, Any]], literals: Collection[str]) -> bool:
    """True when one of ``literals`` stands in whatever ``nodes`` match."""
    run = ""
    for kind, argument in nodes:
        run = run + chr(argument).lower() if kind is op.LITERAL else ""
        if any(literal in run for literal in literals):
            return True
        if kind is op.SUBPATTERN and _holds(argument[3], literals):
            return True
        if kind is op.BRANCH and all(_holds(branch, literals) for branch in argument[1]):
            return True
    return False


def _shows(node: tuple[Any, Any]) -> bool:
    """True for a piece of a pattern that no words and blanks match."""
    kind, argument = node
    if kind is op.LITERAL:
        return not (chr(argument).isalnum() or chr(argument).isspace())
    if kind is op.BRANCH:
        return all(any(map(_shows, branch)) for branch in argument[1])
    if kind is op.SUBPATTERN:
        return any(map(_shows, argument[3]))
    return False
