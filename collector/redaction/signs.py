"""What a line must show before any rule can match it, as one pattern for one pass of a linear engine.

Such a pass takes the same time whatever is looked for, as long as it rarely finds anything: so a rule gives
its literals where they are rare, and else what surrounds them.
"""

from __future__ import annotations

import re
import re._constants as op  # type: ignore[import-not-found] # the parse tree has no public door
import re._parser as parser  # type: ignore[import-not-found] # nor has its parser
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from collector.redaction.approximate import approximated, approximation, written
from collector.redaction.lures import Lures
from collector.redaction.rules import FormalRule, NamedRule, TextRule

_ASCII = 128
_ESCAPE = "%[0-7][0-9A-Fa-f]"


def signs(rules: Sequence[TextRule], lures: Lures, words: Collection[bytes]) -> str:
    """Returns one pattern, in RE2's syntax, that matches in every line that needs a closer look.

    Rules that bring a scan of their own and are not of the rules file have to be scanned for beside it.

    Args:
        rules: all of them.
        lures: what else makes a line worth a look.
        words: literals one of which stands in every line whose URL escapes are worth decoding.
    """
    telling = either(words)
    escaped = (f"{telling}[^\\n]*{_ESCAPE}", f"{_ESCAPE}[^\\n]*{telling}")
    own = (sign(rule, lures) for rule in rules)
    return "|".join(
        (lures.pattern, *escaped, either(lures.encoded), *(pattern for pattern in own if pattern))
    )


def sign(rule: TextRule, lures: Lures) -> str:
    """Returns a pattern that every match of ``rule`` contains; empty where only its scan tells."""
    if isinstance(rule, NamedRule):
        return _from_the_name_on(rule, lures) or approximation(rule, lures.name) or ""
    if isinstance(rule, FormalRule) and (rule.scan or any(map(_is_word, rule.literals))):
        return _from_the_literal_on(rule)
    return either(literal.encode() for literal in rule.literals) if rule.literals else ""


def either(words: Iterable[bytes]) -> str:
    """Returns a pattern for any of ``words`` in either case; what contains another one is left out."""
    every = set(words)
    needed = sorted(word for word in every if not any(other != word and other in word for other in every))
    return f"(?i:{'|'.join(map(_escaped, needed))})"


def _escaped(word: bytes) -> str:
    return "".join(re.escape(chr(byte)) if byte < _ASCII else f"\\x{{{byte:02x}}}" for byte in word)


def _is_word(literal: str) -> bool:
    """True for what stands in many a harmless line."""
    return literal.isalpha()


def _from_the_name_on(rule: NamedRule, lures: Lures) -> str:
    """The telling word and what must follow the name; empty where that is not enough to go by."""
    if rule.setting:
        return ""  # other words tell as well
    nodes = _nodes(rule.pattern)
    group = rule.pattern.groupindex["name"]
    for at, (kind, argument) in enumerate(nodes):
        if kind is op.SUBPATTERN and argument[0] == group:
            after = nodes[at + 1 :]
            return lures.short_name + written(after) if any(map(_shows, after)) else ""
    return ""


def _from_the_literal_on(rule: FormalRule) -> str:
    """The pattern without what need not be seen because a literal comes after it."""
    nodes = _nodes(rule.pattern)
    last = max((at for at in range(len(nodes)) if _holds(nodes[at:], rule.literals)), default=0)
    return written(nodes[last:]) if last else approximated(rule.pattern)


def _nodes(pattern: re.Pattern[bytes]) -> list[tuple[Any, Any]]:
    return list(parser.parse(pattern.pattern, pattern.flags))


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
