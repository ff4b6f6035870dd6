"""Names of entries pass redaction like content, and come out as paths that mean the same the second time."""

from __future__ import annotations

from collections import Counter

import pytest

from collector.bundle import layout
from collector.bundle.layout import own_segments, validate_path
from collector.redaction import Redactor, parse_customer_rules, with_customer_rules
from collector.redaction.causes import Counts
from tests.lib.planted import shipped_redactor, shipped_rules

TOKEN = "ghp_hunter2hunter2hunter2hunter2hunter2h"


def renamed(path: str, redactor: Redactor | None = None) -> str:
    mine = redactor or shipped_redactor()
    once = mine.name(path, Counter(), own=own_segments(path))
    validate_path(once)
    assert mine.name(once, Counter(), own=own_segments(once)) == once
    return once


@pytest.mark.parametrize(
    "path",
    [
        f"cluster-resources/pods/logs/{TOKEN}/web/app.log",
        f"cluster-resources/pods/logs/shop/{TOKEN}/app.log",
        f"cluster-resources/pods/logs/shop/web/{TOKEN}-previous.log",
        f"cluster-resources/services/{TOKEN}.json",
        f"cluster-resources/custom-resources/widgets.example.com/{TOKEN}.json",
        f"somewhere/else/password={TOKEN}.txt",
        f"top/api_key: {TOKEN}/x",
    ],
)
def test_a_secret_in_a_path_is_gone_and_the_path_stays_one(path: str) -> None:
    counts: Counts = Counter()
    clean = shipped_redactor().name(path, counts, own=own_segments(path))
    assert "hunter2" not in clean
    assert clean.count("/") == path.count("/")
    assert counts.total() == 1
    assert renamed(path) == clean
    assert not set(clean) & set("[]:\\")


def test_the_layouts_own_paths_stay_whatever_a_rule_says() -> None:
    words = ("conductor", "postgres", "cluster-resources", "pods", "logs", "findings", "redaction", "json")
    rules = parse_customer_rules([{"id": f"r{at}", "literal": word} for at, word in enumerate(words)])
    mine = Redactor(with_customer_rules(shipped_rules(), rules))
    fixed = [value for name in layout.__all__ if isinstance(value := getattr(layout, name), str)]
    assert len(fixed) > 30
    assert [renamed(path, mine) for path in fixed] == fixed
    clean = renamed("cluster-resources/pods/logs/conductor/web/app.log", mine)
    assert clean.startswith("cluster-resources/pods/logs/redacted~r0~")
    assert clean.endswith("/web/app.log")


def test_equal_names_stay_equal_and_others_differ() -> None:
    first = renamed(f"cluster-resources/pods/logs/{TOKEN}/web/app.log")
    second = renamed(f"cluster-resources/services/{TOKEN}.json")
    other = renamed(f"cluster-resources/services/{TOKEN[:-3]}xyz.json")
    assert first.split("/")[3] == second.split("/")[2].removesuffix(".json")
    assert other != second


def test_a_rule_for_some_entries_is_asked_about_the_path_as_it_was() -> None:
    rule = {"id": "shop", "literal": "nightfall", "entries": ["cluster-resources/pods/logs/nightfall/**"]}
    mine = Redactor(with_customer_rules(shipped_rules(), parse_customer_rules([rule])))
    assert "nightfall" not in renamed("cluster-resources/pods/logs/nightfall/web/app.log", mine)
    assert "nightfall" in renamed("cluster-resources/services/nightfall.json", mine)


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("postgres/backups.json", 2),
        ("manifest.json", 1),
        ("cluster-resources/pods/logs/shop/web/app.log", 3),
        ("cluster-resources/pods/shop.json", 2),
        ("cluster-resources/nodes.json", 2),
        ("cluster-resources/custom-resources/widgets.example.com/shop.json", 2),
        ("cluster-resources/somethings/shop.json", 1),
        ("local/any.json", 1),
        ("any", 1),
    ],
)
def test_how_much_of_a_path_is_the_layouts(path: str, own: int) -> None:
    assert own_segments(path) == own
