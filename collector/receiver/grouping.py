"""Errbit's fingerprint: which notices become one problem."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata

from collector.receiver.model import Incoming

_MESSAGE_BYTES = 1000
_ADDRESS = re.compile(r"(#<[^>]{1,200}?):[0-9a-f]x[0-9a-f]+(>)")


def stored_message(message: str) -> str:
    """Returns the message as kept: composed (as Errbit 0.8 to 0.10 do) and cut to 1,000 bytes."""
    composed = unicodedata.normalize("NFC", message)
    return composed.encode("utf-8", "replace")[:_MESSAGE_BYTES].decode("utf-8", "ignore")


def fingerprint(incoming: Incoming) -> str:
    """Returns the md5 over what Errbit groups by; host, version, params and the rest do not count."""
    frames = [
        [frame.get(name) for name in ("file", "function", "line", "column")] for frame in incoming.backtrace
    ]
    material = [
        incoming.api_key,
        incoming.error_class,
        _ADDRESS.sub(r"\1\2", stored_message(incoming.message)),
        incoming.context.get("component"),
        incoming.context.get("action"),
        incoming.environment_name,
        frames,
    ]
    text = json.dumps(material, sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
