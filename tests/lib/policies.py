"""The shipped cases for the support policy, and policies with one row changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from collector.support import Policy
from collector.support.cases import Case, Given, conductor_version, facts, judge, load_cases
from collector.support.model import Row

__all__ = ["DATA", "Case", "Given", "cases", "conductor_version", "facts", "judge", "with_row"]

DATA = Path(__file__).resolve().parent.parent / "data" / "policy"


def cases() -> tuple[Case, ...]:
    return load_cases(DATA / "cases.yaml")


def with_row(policy: Policy, row_id: str, **changes: object) -> Policy:
    """Returns the policy with one row changed."""

    def changed(row: Row) -> Row:
        return msgspec.structs.replace(row, **changes) if row.id == row_id else row

    return replace(policy, rows=tuple(changed(row) for row in policy.rows))
