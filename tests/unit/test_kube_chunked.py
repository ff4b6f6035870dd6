"""Bodies in chunks: the framing comes off whatever the pieces are, and nothing received is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import ProtocolError

from collector.kube import chunked
from collector.kube.chunked import Unframer


def framed(chunks: list[bytes], *, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def unframed(wire: bytes, piece: int) -> tuple[bytes, Unframer]:
    frame = Unframer()
    content = b"".join(frame.feed(wire[at : at + piece]) for at in range(0, len(wire), piece))
    return content, frame


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20), st.integers(1, 64))
def test_content_is_the_same_however_the_wire_is_cut(chunks: list[bytes], piece: int) -> None:
    content, frame = unframed(framed(chunks), piece)
    assert content == b"".join(chunks)
    assert frame.ended
    assert not frame.surplus


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_extensions_and_trailers_are_no_content(piece: int) -> None:
    wire = b"5;name=value\r\nhello\r\n" + b"0\r\nChecksum: 1\r\nMore: 2\r\n\r\n"
    content, frame = unframed(wire, piece)
    assert content == b"hello"
    assert frame.ended


def test_a_body_without_its_last_chunk_has_not_ended() -> None:
    content, frame = unframed(framed([b"hello"], end=b""), 100)
    assert content == b"hello"
    assert not frame.ended


def test_what_follows_the_end_is_noticed() -> None:
    _, frame = unframed(framed([b"hello"]) + b"HTTP/1.1 200 OK\r\n", 1000)
    assert frame.ended
    assert frame.surplus


@pytest.mark.parametrize(
    "wire",
    [
        b"\r\nhello\r\n",
        b"-5\r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b"5_0\r\nhello\r\n",
        b"5\r\nhelloXX",
        b"5\r\nhello\rX",
        b"f" * 16 + b"\r\n",
        b"1" * 5000,
        b"0\r\n" + b"a: b\r\n" * 20_000,
    ],
    ids=[
        "no size",
        "negative",
        "prefix",
        "separator",
        "no end",
        "half an end",
        "absurd",
        "no line",
        "trailer",
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 200_000])
def test_framing_that_is_none_is_refused(wire: bytes, piece: int) -> None:
    with pytest.raises(ProtocolError):
        unframed(wire, piece)


def test_small_pieces_are_joined_and_none_is_lost() -> None:
    parts = [bytes([at % 256]) * 1000 for at in range(1000)]
    whole = list(chunked.joined(iter(parts)))
    assert b"".join(whole) == b"".join(parts)
    assert len(whole) < 20


def test_what_came_before_an_error_is_delivered_before_it() -> None:
    def broken() -> Iterator[bytes]:
        yield b"the last "
        yield b"words"
        raise TimeoutError

    pieces = chunked.joined(broken())
    assert next(pieces) == b"the last words"
    with pytest.raises(TimeoutError):
        next(pieces)
