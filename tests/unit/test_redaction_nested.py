"""Secrets packed in encodings inside encodings: entered to a depth, hidden whole below it."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import urllib.parse
import zipfile
from collections.abc import Callable

import pytest
import zstandard

from collector.redaction.linefilter import LineFilter
from collector.redaction.text import TextEngine
from tests.lib.planted import by_kind, redacted_lines, redacted_object, redacted_text

SECRET = "hunter2hunter2"
Way = Callable[[str], str]


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def safe64(text: str) -> str:
    return base64.urlsafe_b64encode(f"?>?>{text}".encode()).decode()


def url(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def zipped(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode() * 4)).decode()


def quoted(text: str) -> str:
    return json.dumps({"level": "info", "blob": text})


TEXTS = (
    f"password={SECRET}",
    f"--db-token {SECRET}",
    f'{{"adminPassword": "{SECRET}"}}',
    f"postgres://app:{SECRET}@db:5432/app",
    f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
)


def gone(text: str) -> bool:
    """Nothing of the secret is left, however it is read; the words around it are."""
    line = f"before {text} after"
    cleans = [
        redacted_text(line),
        redacted_lines([line.encode()]).decode(),
        redacted_object({"note": line})["note"],
        redacted_text(quoted(line)),
    ]
    return all(
        clean != line and text not in clean and "before" in clean and "after" in clean and SECRET not in clean
        for clean in cleans
    )


@pytest.mark.parametrize("text", TEXTS, ids=["name", "flag", "json", "url", "key"])
@pytest.mark.parametrize(
    "ways",
    [
        (b64,),
        (b64, b64),
        (safe64, b64),
        (b64, safe64),
        (quoted, b64, b64),
        (b64, quoted, b64),
        (url, b64),
        (b64, url),
        (b64, url, url),
        (b64, b64, url),
        (zipped,),
        (zipped, b64),
        (zipped, b64, b64),
        (zipped, quoted, quoted),
        (b64, b64, quoted, quoted),
    ],
    ids=lambda ways: "-".join(way.__name__ for way in ways),
)
def test_what_is_packed_in_packing_is_gone(text: str, ways: tuple[Way, ...]) -> None:
    for way in ways:
        text = way(text)
    assert gone(text)


@pytest.mark.parametrize("rounds", range(1, 9))
@pytest.mark.parametrize(
    "text",
    [
        f"password={SECRET}",
        f"https://bob:{SECRET}@host/x",
        f"postgres://bob:{SECRET}@host:5432/x",
        f"Authorization: Bearer {SECRET}",
        f"a=1&api_key={SECRET}&b=2",
    ],
)
def test_url_escapes_are_undone_however_often_they_were_made(text: str, rounds: int) -> None:
    for _ in range(rounds):
        text = url(text)
    clean = redacted_text(f"GET /x?q={text} HTTP/1.1")
    assert SECRET not in clean
    assert clean.startswith("GET ")


def pack(data: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("values.yaml", data)
    return held.getvalue()


@pytest.mark.parametrize(
    "packer", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress, pack], ids=lambda f: f.__name__
)
def test_compressed_content_is_hidden_whole(packer: Callable[[bytes], bytes]) -> None:
    run = base64.b64encode(packer(bytes(range(256)) * 3)).decode()
    assert by_kind(redacted_text(f"release {run} end")) == "release <compressed> end"
    wrapped = "\n".join(run[at : at + 76] for at in range(0, len(run), 76))
    clean = redacted_text(json.dumps(json.dumps({"log": wrapped})))
    assert not any(line in clean for line in wrapped.split("\n")[:-1])


@pytest.mark.parametrize(
    "text",
    [
        b64(b64("the quick brown fox jumps over the lazy dog")),
        url(url(url("a b & c = d / e"))),
        "GET /search?q=100%2525&lang=de HTTP/1.1",
        b64("[Unit]\nDescription=passenger list\n[Service]\nExecStart=/bin/true"),
        "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        "/var/lib/kubelet/pods/3f2504e0-4f89-11d3-9a0c-0305e82c3301/volumes/kubernetes.io~secret/passthrough",
    ],
)
def test_what_is_encoded_and_holds_nothing_stays(text: str) -> None:
    assert redacted_text(f"before {text} after") == f"before {text} after"


def test_what_is_packed_too_deep_to_be_looked_into_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    harmless = b64("Description=passenger list")
    assert redacted_text(f"x {harmless}") == f"x {harmless}"
    entered = LineFilter.__init__
    depths: list[int] = []

    def counted(self: LineFilter, engine: TextEngine, counts: object, level: int = 0) -> None:
        depths.append(level)
        entered(self, engine, counts, level)  # type: ignore[arg-type] # as it came

    monkeypatch.setattr(LineFilter, "__init__", counted)
    run = "password: secret token pass " + harmless
    for _ in range(8):
        run = f"secret pass token {b64(run)}"
    clean = redacted_text(run)
    assert max(depths) == 3
    assert by_kind(clean) == "secret pass token <encoded>"


def test_a_word_whose_only_escape_is_its_own_is_seen() -> None:
    assert SECRET not in redacted_text(f"docker%20login -u app -p {SECRET}")
    assert SECRET not in redacted_text(f"app:{SECRET}%40tcp(db:3306)/app")


def test_escapes_of_escapes_beyond_the_depth_are_hidden_whatever_they_say() -> None:
    text = "a/b"
    for _ in range(4):
        text = url(text)
    assert by_kind(redacted_text(f"see {text} there")) == "see <encoded> there"
