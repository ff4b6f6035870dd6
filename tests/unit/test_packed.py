"""Lines come out of the packed list as they went in, whatever was added meanwhile."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from collector.core.packed import PackedLines

LINE = st.binary(max_size=2000).map(lambda data: data.replace(b"\n", b" "))


def packed(*lines: bytes) -> PackedLines:
    made = PackedLines()
    for line in lines:
        made.append(line)
    return made


@given(st.lists(LINE, max_size=200))
def test_what_goes_in_comes_out_in_order(lines: list[bytes]) -> None:
    made = packed(*lines)
    assert list(made) == lines
    assert len(made) == len(lines)


def test_a_reader_sees_what_was_there_when_it_began() -> None:
    made = packed(b"first", b"second")
    reading = iter(made)
    for number in range(10_000):
        made.append(b"later %d" % number)
    assert list(reading) == [b"first", b"second"]
    assert len(list(made)) == 10_002


def test_ten_thousand_requests_take_less_than_a_megabyte() -> None:
    line = '{{"path":"/api/v1/namespaces/n{0}/pods/worker-{0}/log","status":200,"seconds":0.{0}}}'
    tracemalloc.start()
    try:
        made = packed(*(line.format(number).encode() for number in range(10_000)))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(made) == 10_000
    assert held < 1_000_000
