"""Invented secrets that travel with every run, in the forms real ones take: none may arrive readable."""

from __future__ import annotations

import base64
import json
import secrets
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence

from collector.records import Document, Json, Lines, Objects, Record

LOG = "redaction/canary.log"
OBJECTS = "redaction/canary-objects.json"
DOCUMENT = "redaction/canary.json"
NAMED = "redaction/canary-ghp_{}.log"
"""Path of an entry whose name is a secret."""

_CUT = 11
_SHARED_BYTES = 8
_OWN_BYTES = 6
_LIMIT = 1024 * 1024
_FORMS = (
    "assignment", "header", "json", "nested json", "base64", "url-encoded", "url", "key block", "yaml block",
    "environment in text", "secret", "configmap", "environment", "argument", "annotation", "copy", "document",
    "name of an entry", "name of an object", "key",
)  # fmt: skip


class Canaries:
    """The canaries of one run.

    Args:
        shared: what all of them begin with; random when None, so that no bundle can be made to hold it.
    """

    def __init__(self, shared: str | None = None) -> None:
        self.shared = f"cnry{secrets.token_hex(_SHARED_BYTES)}" if shared is None else shared
        self._values = {
            form: f"{self.shared}{number:02d}{secrets.token_hex(_OWN_BYTES)}"
            for number, form in enumerate(_FORMS)
        }

    @property
    def needles(self) -> Mapping[str, str]:
        """What the scanner looks for: one string, as all canaries begin with it."""
        return {"canary": self.shared}

    def form(self, number: int) -> str:
        """Returns the form of the canary with this number, the two digits after the shared beginning."""
        return _FORMS[number] if number < len(_FORMS) else "unknown"

    def records(self) -> Sequence[Record]:
        """Returns what has to go the way of all records: text, objects and a document."""
        return (
            Lines(path=LOG, chunks=self._chunks(), limit=_LIMIT),
            Objects(path=OBJECTS, kind="", api_version="", item_kind="", items=self._objects()),
            Document(path=DOCUMENT, value={"password": self._values["document"]}),
            Lines(path=NAMED.format(self._values["name of an entry"]), chunks=(), limit=_LIMIT),
        )

    def _chunks(self) -> Iterator[bytes]:
        """The log, cut so that every canary stands across a border."""
        text = "\n".join(self._lines()).encode() + b"\n"
        for at in range(0, len(text), _CUT):
            yield text[at : at + _CUT]

    def _lines(self) -> Iterator[str]:
        value = self._values
        yield f"login with password={value['assignment']} refused"
        yield f"> Authorization: Bearer {value['header']}"
        yield json.dumps({"level": "info", "db": {"password": value["json"]}})
        yield json.dumps({"log": json.dumps({"token": value["nested json"]}) + "\n", "stream": "stdout"})
        yield f"blob {base64.b64encode(('password=' + value['base64']).encode()).decode()} end"
        yield f"GET /x?q={urllib.parse.quote('password=' + value['url-encoded'], safe='')} HTTP/1.1"
        yield f"connecting to postgres://app:{value['url']}@db:5432/app"
        yield from ("-----BEGIN PRIVATE KEY-----", value["key block"], "-----END PRIVATE KEY-----")
        yield from ("password: |", f"  {value['yaml block']}", "port: 80")
        yield from ("- name: DB_PASSWORD", f"  value: {value['environment in text']}")

    def _objects(self) -> Iterator[dict[str, Json]]:
        value = self._values
        named = {"name": "canary", "namespace": "canary"}
        data = base64.b64encode(value["secret"].encode()).decode()
        yield {"kind": "Secret", "metadata": named, "data": {"x": data}}
        yield {"kind": "ConfigMap", "metadata": named, "data": {"x": value["configmap"]}}
        container = {
            "env": [{"name": "DB_PASSWORD", "value": value["environment"]}],
            "args": ["--token", value["argument"]],
        }
        applied = json.dumps({"stringData": {"x": value["copy"]}})
        annotations = {
            "example.com/auth-token": value["annotation"],
            "kubectl.kubernetes.io/last-applied-configuration": applied,
        }
        yield {
            "kind": "Pod",
            "metadata": {**named, "annotations": annotations},
            "spec": {"containers": [container]},
        }
        labels = {f"example.com/ghp_{value['key']}": "x"}
        yield {"kind": "Pod", "metadata": {"name": f"ghp_{value['name of an object']}", "labels": labels}}
