"""The receiver's pages: problems, notices, one notice with its params; everything escaped, no script."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from collector.core.clock import rfc3339
from collector.core.text import block, display
from collector.receiver.model import Problem, StoredNotice
from collector.receiver.rubytext import pretty
from collector.records.model import Json

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_SHOWN = 200
_LONG = 500
_STYLE = "body{font:14px sans-serif;margin:2em}td,th{text-align:left;padding:.2em .8em;vertical-align:top}"
_NOT_ERRBIT = (
    "<p>This is the receiver of conductor-diag, not an Errbit: it takes what an Errbit takes and shows it, "
    "and does no more.</p>"
)


def index(problems: Sequence[Problem], notices: Sequence[StoredNotice], *, token: str = "") -> str:
    """Returns an HTML document, newest first, at most 200 rows a table; ``token`` keeps links open."""
    groups = (
        (problem.error_class, problem.message, problem.where, problem.environment, str(problem.count))
        for problem in reversed(problems[-_SHOWN:])
    )
    return _document(
        "Notices",
        f"<h1>{len(problems)} problems, {len(notices)} notices</h1>{_NOT_ERRBIT}"
        f"{_table(('Type', 'Message', 'Where', 'Environment', 'Notices'), groups)}"
        f"{''.join(_details(notice, token) for notice in reversed(notices[-_SHOWN:]))}",
    )


def sign_in_page(*, token_known: bool) -> str:
    """Returns the page for who has not shown the token; it says how, and never what the token is."""
    how = (
        "Put the token into the address: <code>/?auth_token=TOKEN</code>. It stands in the file that the "
        "receiver was started with (<code>--token-file</code>)."
        if token_known
        else "The receiver was started without one (<code>--token-file</code>): all it shows is on its "
        'front page, <a href="/">/</a>.'
    )
    return _document("Token needed", f"<h1>Reading this needs a token</h1>{_NOT_ERRBIT}<p>{how}</p>")


def problem_page(problem: Problem, notice: StoredNotice) -> str:
    """Returns the page of one notice. Its params stand whole in ``pre.hash``, as Errbit shows them."""
    rows = [
        ("Message", problem.message),
        ("Where", problem.where),
        ("Environment", problem.environment),
        ("Notices", str(problem.count)),
        ("First", rfc3339(problem.first)),
        ("Last", rfc3339(problem.last)),
        ("This one", f"{notice.id} of {rfc3339(notice.received)}"),
        ("Host", notice.hostname),
        ("Version", notice.version),
    ]
    params = html.escape(pretty(notice.params if isinstance(notice.params, dict) else {}))
    return _document(
        problem.error_class,
        f"<h1>{html.escape(display(problem.error_class))}</h1>{_NOT_ERRBIT}{_table(('', ''), rows)}"
        '<div id="params"><h3>Parameters</h3><div class="window"><div class="raw_data">'
        f'<pre class="hash">{params}</pre></div></div></div>',
    )


def _document(title: str, body: str) -> str:
    return (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{html.escape(display(title))}</title>'
        f"<style>{_STYLE}</style>{body}</html>\n"
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = "".join(f"<th>{html.escape(title)}</th>" for title in head)
    lines = ("".join(f"<td>{html.escape(display(cell))}</td>" for cell in row) for row in rows)
    return f"<table><tr>{titles}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _shortened(params: Json) -> Json:
    """Returns params whose long texts are cut: a piece of a bundle is 70 KB that nobody reads here."""
    if not isinstance(params, dict):
        return params
    return {
        name: f"{value[:_LONG]}… ({len(value)} characters, cut here)"
        if isinstance(value, str) and len(value) > _LONG
        else value
        for name, value in params.items()
    }


def _details(notice: StoredNotice, token: str) -> str:
    title = f"{rfc3339(notice.received)} {notice.error_class} {notice.where}"
    params = json.dumps(_shortened(notice.params), indent=1, ensure_ascii=False)
    link = f'<p><a href="/notices/{notice.id}?auth_token={quote(token)}">whole</a></p>' if token else ""
    return (
        f'<details id="{html.escape(notice.id)}"><summary>{html.escape(display(title))}</summary>'
        f"{link}<pre>{html.escape(block(params))}</pre></details>"
    )
