"""The redaction corpus: shapes of secrets times the carriers they travel in, and what must stay."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from collector.redaction import Redactor
from tests.lib.planted import redacted_lines, redacted_object, redacted_text, secrets_of, unmarked

CORPUS = Path(__file__).parents[1] / "corpus"


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A text on its way through redaction.

    Attributes:
        label: class of the shape, or of what must stay.
        via: how the text reaches the redactor.
        secrets: none of these may be readable afterwards; none means that nothing may change.
    """

    id: str
    label: str
    carrier: str
    via: str
    text: str
    secrets: tuple[str, ...]

    def leaks(self, redactor: Redactor | None = None) -> list[str]:
        """Returns the secrets, in any of their spellings, that redaction leaves readable."""
        clean = deliver(self.via, self.text, redactor)
        return [secret for secret in self.secrets for form in forms(secret) if form in clean]

    @property
    def readable(self) -> bool:
        """True when all the secrets can be read in the text as it is sent."""
        sent = deliver(self.via, self.text, _UNTOUCHED)
        return all(any(form in sent for form in forms(secret)) for secret in self.secrets)

    def changed(self, redactor: Redactor | None = None) -> bool:
        """True when redaction changes the text at all."""
        return deliver(self.via, self.text, redactor) != deliver(self.via, self.text, _UNTOUCHED)


def planted() -> Iterator[Planted]:
    """Yields every shape in every carrier, and those that survive a cut, cut."""
    carriers = _load("carriers.yaml")["carriers"]
    for shape in _load("secrets.yaml")["shapes"]:
        marked, plain = shape["text"], unmarked(shape["text"])
        for carrier in carriers:
            only = shape.get("only", [carrier["id"]])
            if carrier["id"] in shape.get("not", ()) or carrier["id"] not in only:
                continue
            text = carrier["form"].replace("{}", _ESCAPES[carrier["escape"]](plain))
            yield _planted(shape, carrier["id"], carrier["via"], text, secrets_of(marked))
        if shape.get("cut"):
            secret = secrets_of(marked)[-1]
            part = secret[: max(len(secret) * 2 // 3, 6)]
            text = "2026-11-20T15:45:21Z " + unmarked(marked.partition("«" + secret)[0]) + part
            yield _planted(shape, "truncated-line", "text", text, [part])


def kept() -> Iterator[Planted]:
    """Yields every text that must stay, in every carrier of its class."""
    content = _load("kept.yaml")
    carriers = content["carriers"]
    for label, entry in content["classes"].items():
        for number, text in enumerate(entry["texts"]):
            for name in entry.get("carriers", ["line"]):
                carrier = carriers[name]
                whole = carrier["form"].replace("{}", _ESCAPES[carrier["escape"]](text))
                yield Planted(
                    id=f"{label}-{number}",
                    label=label,
                    carrier=name,
                    via=carrier["via"],
                    text=whole,
                    secrets=(),
                )


def deliver(via: str, text: str, redactor: Redactor | None = None) -> str:
    """Sends a text through a redactor, by default the shipped one, and returns what comes out."""
    return _WAYS[via](text, redactor)


def forms(secret: str) -> set[str]:
    """Returns a secret as it is and as it looks escaped; base64 of its middle, whatever stood around it."""
    escaped = json.dumps(secret)[1:-1]
    quoted = urllib.parse.quote(secret, safe="")
    return {secret, escaped, json.dumps(escaped)[1:-1], quoted} | _inside_base64(secret)


def _inside_base64(secret: str) -> set[str]:
    raw = secret.encode()
    runs = (base64.b64encode(b"\0" * pad + raw).decode() for pad in range(3))
    return {run[4 : (len(raw) * 4 // 3) // 4 * 4 - 4] for run in runs} - {""}


def _planted(shape: dict[str, Any], carrier: str, via: str, text: str, secrets: list[str]) -> Planted:
    return Planted(
        id=shape["id"], label=shape["class"], carrier=carrier, via=via, text=text, secrets=tuple(secrets)
    )


def _load(name: str) -> Any:
    return yaml.safe_load((CORPUS / name).read_text("utf-8"))


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


_ESCAPES: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "json": _json,
    "json2": lambda text: _json(_json(text)),
    "quoted": lambda text: text.replace("\\", "\\\\").replace('"', '\\"'),
    "yaml": lambda text: "\n".join("  " + line for line in text.split("\n")),
    "url": lambda text: urllib.parse.quote(text, safe=""),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
}


class _Untouched(Redactor):
    """Stands for no redaction at all."""

    def __init__(self) -> None:
        """Needs no rules."""


_UNTOUCHED = _Untouched()


def _of_object(place: Callable[[str], dict[str, Any]]) -> Callable[[str, Redactor | None], str]:
    def send(text: str, redactor: Redactor | None) -> str:
        item = place(text)
        clean = item if redactor is _UNTOUCHED else redacted_object(item, redactor=redactor)
        return json.dumps({**clean, "kind": "", "apiVersion": ""}, ensure_ascii=False, sort_keys=True)

    return send


def _chunks(text: str, redactor: Redactor | None) -> str:
    raw = text.encode()
    if redactor is _UNTOUCHED:
        return text
    return redacted_lines([raw[at : at + 7] for at in range(0, len(raw), 7)], redactor).decode()


_WAYS: dict[str, Callable[[str, Redactor | None], str]] = {
    "text": lambda text, redactor: text if redactor is _UNTOUCHED else redacted_text(text, redactor),
    "chunks": _chunks,
    "message": _of_object(lambda text: {"message": text, "reason": "Failed"}),
    "annotation": _of_object(lambda text: {"metadata": {"annotations": {"note": text}}}),
    "env": _of_object(lambda text: {"spec": {"containers": [{"env": [{"name": "EXTRA", "value": text}]}]}}),
    "spec": _of_object(lambda text: {"spec": {"values": text}}),
}
