"""Lines the linters cannot draw: who makes redacted bytes, how large modules grow, whose clock it is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "collector").rglob("*.py"))


def calls(path: Path) -> list[str]:
    tree = ast.parse(path.read_text())
    return [
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]


def test_only_redaction_makes_redacted_bytes() -> None:
    makers = {path for path in SOURCES if "Redacted" in calls(path)}
    assert makers
    assert {path.parent.name for path in makers} == {"redaction"}


def test_modules_stay_small() -> None:
    sizes = {path: len(path.read_text().splitlines()) for path in SOURCES}
    assert {path.name: size for path, size in sizes.items() if size > 400} == {}
    assert sorted(sizes.values())[len(sizes) // 2] < 160


def test_every_module_says_why_it_exists() -> None:
    silent = [path.name for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError")
    assert [path.name for path in SOURCES if marks.search(path.read_text())] == []


def test_time_and_randomness_come_from_core_alone() -> None:
    """Only core reads the wall clock; a monotonic duration may be measured anywhere."""
    wall = re.compile(r"datetime\.now\(|time\.time\(|utcnow\(|datetime\.today\(")
    readers = {path for path in SOURCES if wall.search(path.read_text())}
    assert {path.relative_to(ROOT).as_posix() for path in readers} == {"collector/core/clock.py"}
