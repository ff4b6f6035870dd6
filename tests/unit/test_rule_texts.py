"""The words of the rules: one set for each, groupable titles, and nothing that redaction eats."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from collector.analysis import load_rule_texts
from collector.analysis.engine import RULES
from collector.redaction import Counts, Redactor, load_rules
from collector.support import load_policy

TEXTS = load_rule_texts()
SOURCES = Path(__file__).parents[2] / "collector" / "analysis"
FILL = {"namespace": "conductor", "name": "web", "kind_lower": "deployment", "job": "backup-1"}


def test_every_rule_in_code_has_words_and_every_word_a_rule() -> None:
    used = {
        found
        for path in SOURCES.glob("rules_*.py")
        for found in re.findall(r"CND-\w+-\d{3}", path.read_text())
    }
    assert used == set(TEXTS)
    assert len(RULES) >= 12


@pytest.mark.parametrize("rule", sorted(TEXTS))
def test_titles_group_and_remedies_can_be_filled(rule: str) -> None:
    text = TEXTS[rule]
    assert not re.search(r"[{}]", text.title)
    assert len(text.title.encode()) <= 200
    assert "{" not in text.remedy.format_map(FILL)


def test_our_own_words_pass_redaction_unchanged() -> None:
    redactor = Redactor(load_rules())
    counts: Counts = Counter()
    words = [
        w for t in TEXTS.values() for w in (t.title, t.remedy.format_map(FILL), *t.ask, " ".join(t.reads))
    ]
    assert [redactor.text(word, counts) for word in words] == words
    policy = load_policy().source
    assert redactor.finished(policy, counts).data == policy
    assert not counts
