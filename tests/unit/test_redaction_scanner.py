"""Canaries and the second opinion: redaction hides every canary, and the scanner would see each one."""

from __future__ import annotations

import ast
import base64
import dataclasses
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from collector.records import Document, Lines, Objects
from collector.redaction import Redactor, Rules
from collector.redaction.canary import Canaries
from collector.redaction.causes import Counts
from collector.redaction.scanner import Hit, Scanner
from tests.lib.planted import shipped_redactor, shipped_rules

CANARIES = Canaries("cnry0123456789abcdef")
SCANNER = Scanner(CANARIES.needles)
PASSWORD = 'kJ8v"Qz2L/mX+4t'


def entries(redactor: Redactor) -> dict[str, bytes]:
    """What the bundle would hold of the canaries."""
    made: dict[str, bytes] = {}
    for record in CANARIES.records():
        counts: Counts = Counter()
        if isinstance(record, Lines):
            pieces = [piece.data for piece in redactor.lines(record.chunks, counts)]
        elif isinstance(record, Objects):
            pieces = [piece.data for piece in redactor.objects(record, counts)]
        else:
            assert isinstance(record, Document)
            pieces = [redactor.document(record.value, counts).data]
        name = redactor.name(record.path, counts, own=1)
        made[name] = b"".join(pieces)
    return made


def raw_entries() -> dict[str, bytes]:
    """The same without redaction."""
    made: dict[str, bytes] = {}
    for record in CANARIES.records():
        if isinstance(record, Lines):
            made[record.path] = b"".join(record.chunks)
        elif isinstance(record, Objects):
            made[record.path] = json.dumps(list(record.items)).encode()
        elif isinstance(record, Document):
            made[record.path] = json.dumps(record.value).encode()
    return made


def hits(data: bytes, *needles: str) -> list[tuple[str, str]]:
    scanner = Scanner({f"credential {number}": value for number, value in enumerate(needles)})
    return [(hit.what, hit.form) for hit in scanner.scan("x", [data])]


def test_no_canary_survives_redaction() -> None:
    for path, data in entries(shipped_redactor()).items():
        assert SCANNER.scan(path, [path.encode(), data]) == ()
        assert b"[REDACTED:" in data or "redacted~" in path


def test_every_canary_would_be_seen_if_it_survived() -> None:
    data = b"\n".join(path.encode() + b"\n" + data for path, data in raw_entries().items())
    plain = {int(number) for number in re.findall(rb"cnry0123456789abcdef(\d\d)", data)}
    packed = {form for form in range(20) if form not in plain}
    assert {CANARIES.form(number) for number in packed} == {"base64", "secret"}
    for run in re.findall(rb"[A-Za-z0-9+/]{20,}={0,2}", data):
        if b"cnry" in base64.b64decode(run + b"==="):
            assert hits(run, CANARIES.shared)


def test_breaking_redaction_on_purpose_is_noticed() -> None:
    shipped = shipped_rules()
    # Not written either, or else the redactor itself would notice.
    blind: Rules = dataclasses.replace(shipped, text=shipped.text[40:], written=shipped.written[40:])
    found = [hit for path, data in entries(Redactor(blind)).items() for hit in SCANNER.scan(path, [data])]
    assert found


def test_two_runs_have_different_canaries() -> None:
    assert Canaries().shared != Canaries().shared


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (PASSWORD.encode(), "plain"),
        (PASSWORD[::-1].encode(), "reversed"),
        (json.dumps({"a": PASSWORD}).encode(), "JSON"),
        (json.dumps(json.dumps({"a": PASSWORD})).encode(), "JSON in JSON"),
        (b"x=kJ8v%22Qz2L%2FmX%2B4t&y", "URL-encoded"),
        (b"<p>kJ8v&quot;Qz2L/mX+4t</p>", "HTML"),
        (PASSWORD.encode().hex().encode(), "hexadecimal"),
        (("x" + PASSWORD).encode("utf-16-le"), "UTF-16"),
        (base64.b64encode(PASSWORD.encode()), "base64"),
        (base64.b64encode(b"bob:" + PASSWORD.encode() + b"!"), "base64"),
        (base64.urlsafe_b64encode(b"ab" + PASSWORD.encode()), "base64"),
        (PASSWORD[:5].encode() + b"\r\n" + PASSWORD[5:].encode(), "plain, over lines"),
    ],
)
def test_a_credential_is_found_in_every_encoding(data: bytes, form: str) -> None:
    assert ("credential 0", form) in hits(b"before " + data + b" after", PASSWORD)


def test_nothing_hides_on_the_border_of_chunks_or_windows() -> None:
    data = b"." * (1024 * 1024 - 5) + PASSWORD.encode() + b"." * 100
    for size in (1000, 65536, len(data)):
        found = Scanner({"it": PASSWORD}).scan(
            "e", [data[at : at + size] for at in range(0, len(data), size)]
        )
        assert [(hit.entry, hit.what) for hit in found] == [("e", "it")]


@pytest.mark.parametrize(
    "token",
    [
        "AKIAZQ3DRSTUVWXY2345",
        "ghp_0123456789abcdefghijABCDEFGHIJ456789",
        "glpat-0123456789abcdefABCD",
        "xoxb-123456789012-1234567890123-abcdefghijABCDEFGHIJ4567",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjb25kdWN0b3IifQ.c2lnbmF0dXJlLW9mLTMyLWJ5dGVz",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7bq98M5Zb0uUq3kXr6mYk1w2Zr8Hq",
    ],
)
def test_unmistakable_formats_are_found_without_knowing_the_value(token: str) -> None:
    assert hits(f"a {token} b".encode())


@pytest.mark.parametrize("data", [b"", b"short", b"AKIA and ghp_ are prefixes", b"a1b2 " * 1000])
def test_ordinary_bytes_are_no_hit(data: bytes) -> None:
    assert hits(data, PASSWORD, "abc") == []


def test_a_hit_holds_no_value() -> None:
    (hit,) = Scanner({"token": PASSWORD}).scan("logs/x.log", [b"....", PASSWORD.encode()])
    assert hit == Hit(entry="logs/x.log", what="token", form="plain", offset=4)
    assert PASSWORD not in repr(hit)


def test_the_scanner_shares_nothing_with_the_engine() -> None:
    source = Path(__file__).parents[2] / "collector" / "redaction" / "scanner.py"
    imported = {
        node.module
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    assert not any(module.startswith("collector") for module in imported)
