"""The goals a run is held to, as ratios and bounds, and the verdict on what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Goal:
    """One row. ``at_least`` turns the comparison round: more is better. ``unit`` follows each figure."""

    row: str
    name: str
    must: float
    ambitious: float
    unit: str = ""
    at_least: bool = False

    def of(self, what: str) -> Goal:
        """Returns the same goal for another way to count, which the name then says."""
        return replace(self, name=f"{self.name}, {what}")


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A goal and the figure that was measured for it."""

    goal: Goal
    figure: float

    def meets(self, bound: float) -> bool:
        """True if the figure keeps to ``bound``."""
        return self.figure >= bound if self.goal.at_least else self.figure <= bound


LOG_RATE = Goal(row="a", name="raw logs per CPU second", must=90, ambitious=150, unit=" MB", at_least=True)
REDACTION = Goal(row="a", name="redaction against SHA-256, speed", must=0.20, ambitious=0.31, at_least=True)
PEAK = Goal(row="b", name="peak memory", must=200, ambitious=150, unit=" MB")
GROWTH = Goal(row="b", name="its growth for five times the logs", must=10, ambitious=7, unit=" %")
AGAINST_ZSTD = Goal(row="c", name="CPU against curl | zstd -3", must=2.0, ambitious=1.5)
AGAINST_GZIP = Goal(row="c", name="CPU against curl | gzip -6", must=0.35, ambitious=0.35)
HELP = Goal(row="d", name="CPU of --version and --help", must=80, ambitious=40, unit=" ms")
FIRST_REQUEST = Goal(row="d", name="CPU until the first request", must=500, ambitious=300, unit=" ms")
LIST_CPU = Goal(row="f", name="5,000 pods listed: CPU", must=2.0, ambitious=1.0, unit=" s")
LIST_PEAK = Goal(row="f", name="5,000 pods listed: peak memory", must=150, ambitious=110, unit=" MB")


def table(reached: Sequence[Reached]) -> list[str]:
    """Returns the verdict, one line a goal."""
    lines = [f"{'goal':<58} {'measured':>10} {'must':>14} {'ambitious':>14}"]
    for result in sorted(reached, key=lambda result: result.goal.row):
        goal = result.goal
        sign = ">=" if goal.at_least else "<="
        bounds = " ".join(
            f"{f'{sign} {bound:g}{goal.unit}':>10} {'yes' if result.meets(bound) else 'NO':<3}"
            for bound in (goal.must, goal.ambitious)
        )
        name = f"({goal.row}) {goal.name}"
        lines.append(f"{name:<58} {f'{result.figure:.3g}{goal.unit}':>10} {bounds}")
    return lines
