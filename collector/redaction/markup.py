"""A second look at finished HTML: words between tags and inside attributes, the tags themselves unharmed."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from collector.redaction.errors import RedactionError

_PIECES = re.compile(
    r"(?P<raw><(?P<tag>script|style)\b[^>]*>)(?P<content>.*?)(?P<close></(?P=tag)\s*>)|(?P<plain><[^>]*>)",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"""(?<==)"([^"]*)"|(?<==)'([^']*)'""")


def redact_html(
    page: str, words: Callable[[str], str], data: Callable[[str], str | None], tells: Callable[[str], bool]
) -> str:
    """Returns ``page`` with its words redacted.

    Args:
        page: a whole HTML document.
        words: redacts text.
        data: redacts JSON, or returns None for what is not JSON.
        tells: True when a text holds a value that its form alone convicts.

    Raises:
        RedactionError: a script or style sheet holds such a value; it cannot be changed, as its digest is
            in the page's content security policy.
    """

    def plain(text: str) -> str:
        original = html.unescape(text)
        kept = words(original)
        return text if kept == original else html.escape(kept)

    def attribute(found: re.Match[str]) -> str:
        quote = found[0][0]
        return quote + plain(found[0][1:-1]) + quote

    parts: list[str] = []
    at = 0
    for found in _PIECES.finditer(page):
        parts.append(plain(page[at : found.start()]))
        tag = found["raw"] or found["plain"]
        parts.append(_ATTRIBUTE.sub(attribute, tag))
        if found["raw"]:
            parts += (_embedded(found["content"], data, tells), found["close"])
        at = found.end()
    return "".join((*parts, plain(page[at:])))


def _embedded(content: str, data: Callable[[str], str | None], tells: Callable[[str], bool]) -> str:
    read = data(content) if content.strip()[:1] in ("{", "[") else None
    if read is not None:
        return content if read == content else read.replace("<", "\\u003c")
    if tells(content):
        raise RedactionError("a script or style sheet holds a secret")
    return content
