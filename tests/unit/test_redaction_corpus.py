"""The corpus: every planted secret is gone in every carrier, and what must stay is not touched."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.lib.planted_corpus import Planted, kept, planted

PLANTED: defaultdict[str, list[Planted]] = defaultdict(list)
KEPT: defaultdict[str, list[Planted]] = defaultdict(list)
for case in planted():
    PLANTED[case.id].append(case)
for case in kept():
    KEPT[case.label].append(case)


def test_the_corpus_is_as_large_as_it_claims_to_be() -> None:
    assert sum(map(len, PLANTED.values())) >= 400
    assert len(PLANTED) >= 40
    assert sum(map(len, KEPT.values())) >= 400
    assert len({case.carrier for cases in PLANTED.values() for case in cases}) >= 15


@pytest.mark.parametrize("shape", sorted(PLANTED))
def test_a_planted_secret_is_gone_in_every_carrier(shape: str) -> None:
    assert [(case.carrier, case.text) for case in PLANTED[shape] if case.leaks()] == []


@pytest.mark.parametrize("shape", sorted(PLANTED))
def test_every_case_would_leak_without_redaction(shape: str) -> None:
    assert [case.carrier for case in PLANTED[shape] if not case.readable] == []


@pytest.mark.parametrize("label", sorted(KEPT))
def test_what_must_stay_is_not_touched(label: str) -> None:
    assert [(case.carrier, case.text) for case in KEPT[label] if case.changed()] == []
