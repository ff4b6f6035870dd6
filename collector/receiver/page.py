"""The receiver's one page: problems and notices, everything escaped, no script."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence

from collector.core.clock import rfc3339
from collector.core.text import block, display
from collector.receiver.model import Problem, StoredNotice

_SHOWN = 200
_STYLE = "body{font:14px sans-serif;margin:2em}td,th{text-align:left;padding:.2em .8em;vertical-align:top}"


def index(problems: Sequence[Problem], notices: Sequence[StoredNotice]) -> str:
    """Returns an HTML document, newest first, at most 200 rows a table."""
    groups = (
        (problem.error_class, problem.message, problem.where, problem.environment, str(problem.count))
        for problem in reversed(problems[-_SHOWN:])
    )
    return (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Notices</title><style>{_STYLE}</style>'
        f"<h1>{len(problems)} problems, {len(notices)} notices</h1>"
        f"{_table(('Type', 'Message', 'Where', 'Environment', 'Notices'), groups)}"
        f"{''.join(_details(notice) for notice in reversed(notices[-_SHOWN:]))}</html>\n"
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = "".join(f"<th>{html.escape(title)}</th>" for title in head)
    lines = ("".join(f"<td>{html.escape(display(cell))}</td>" for cell in row) for row in rows)
    return f"<table><tr>{titles}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _details(notice: StoredNotice) -> str:
    title = f"{rfc3339(notice.received)} {notice.error_class} {notice.where}"
    params = json.dumps(notice.params, indent=1, ensure_ascii=False)
    return (
        f'<details id="{html.escape(notice.id)}"><summary>{html.escape(display(title))}</summary>'
        f"<pre>{html.escape(block(params))}</pre></details>"
    )
