"""Lists are read an object at a time, logs from their end, whatever the pieces they come in."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.analysis import reading
from collector.analysis.reading import read_objects, tail

PODS = [{"metadata": {"name": f"pod-{at}"}, "text": 'a "quoted"\\n brace } , ['} for at in range(5)]
OURS = (
    b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[\n'
    + b",\n".join(json.dumps(pod).encode() for pod in PODS)
    + b"\n]}\n"
)


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_our_lists_are_read_however_they_are_cut(size: int) -> None:
    assert list(read_objects(lambda: pieces(OURS, size))) == PODS


@pytest.mark.parametrize(
    "data",
    [
        json.dumps({"kind": "PodList", "items": PODS}).encode(),
        json.dumps({"kind": "PodList", "items": PODS}, indent=2).encode(),
        json.dumps(PODS, indent=2).encode(),
        b"[\n" + b",\n".join(json.dumps(pod).encode() for pod in PODS) + b"\n]\n",
    ],
)
def test_lists_of_other_writers_are_read_too(data: bytes) -> None:
    assert list(read_objects(lambda: pieces(data, 50))) == PODS


@pytest.mark.parametrize("data", [b"", b"not json", b"{}", b'{"items": 3}', b"[1, 2", b"\x00\xff"])
def test_what_is_no_list_yields_nothing(data: bytes) -> None:
    assert list(read_objects(lambda: pieces(data, 3))) == []


def test_a_broken_object_costs_itself_alone() -> None:
    broken = OURS.replace(b'"pod-2"', b'"pod-2')
    names = [pod["metadata"]["name"] if pod else None for pod in read_objects(lambda: pieces(broken, 9))]
    assert names == ["pod-0", "pod-1", None, "pod-3", "pod-4"]


def test_an_endless_object_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_LONGEST_OBJECT", 1000)
    endless = b'{"kind":"PodList","items":[\n' + b"x" * 5000
    assert list(read_objects(lambda: pieces(endless, 100))) == []


@given(
    st.lists(st.text(st.characters(codec="ascii", exclude_characters="\n")), max_size=30), st.integers(1, 9)
)
def test_the_end_of_a_log_has_the_right_numbers(lines: list[str], wanted: int) -> None:
    data = "".join(f"{line}\n" for line in lines).encode()
    first, found = tail(pieces(data, 5), wanted)
    assert found == lines[-wanted:]
    assert first == len(lines) - len(found) + 1


def test_a_log_without_a_last_newline_counts_its_last_line() -> None:
    assert tail(pieces(b"one\ntwo\nthree", 4), 2) == (2, ["two", "three"])


def test_of_a_long_log_no_more_than_the_end_is_held() -> None:
    data = b"".join(b"%07d\n" % at for at in range(200_000))
    first, found = tail(pieces(data, 1 << 20), 3)
    assert (first, found) == (199_998, ["0199997", "0199998", "0199999"])
