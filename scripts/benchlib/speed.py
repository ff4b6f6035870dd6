"""Measures redaction alone, in a process of its own: the shipped rules over log text that lies in memory."""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from collector.redaction import Redactor, load_rules
from scripts.benchlib.corpus import read_text
from scripts.benchlib.measure import MB

_CHUNK = 64 * 1024


def main() -> None:
    """Prints MB per CPU second of redaction and of SHA-256 over the same bytes, as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--bytes", type=int, required=True)
    given = parser.parse_args()
    text = _sample(list(read_text(given.corpus)), given.bytes)
    redactor = Redactor(load_rules())
    chunks = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]

    def redact() -> None:
        for _ in redactor.lines(chunks, Counter()):
            pass

    def digest() -> None:
        state = hashlib.sha256()
        for chunk in chunks:
            state.update(chunk)

    print(
        json.dumps({name: _rate(work, len(text)) for name, work in (("redact", redact), ("sha256", digest))})
    )


def _sample(pieces: list[bytes], size: int) -> bytes:
    """Returns about ``size`` bytes, taken evenly from all pieces so that every format is among them."""
    step = max(sum(map(len, pieces)) // size, 1)
    return b"".join(pieces[::step])


def _rate(work: Callable[[], None], size: int) -> float:
    started = time.process_time()
    work()
    return size / MB / (time.process_time() - started)


if __name__ == "__main__":
    main()
