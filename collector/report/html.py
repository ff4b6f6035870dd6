"""report.html: the triage page. One file that fetches nothing, escapes all and works without script."""

from __future__ import annotations

import base64
import functools
import hashlib

import jinja2
from markupsafe import Markup

from collector.core.resources import config_path
from collector.core.text import block
from collector.findings import Report
from collector.report.page import page


def report_html(report: Report) -> bytes:
    """Returns the page in UTF-8; the same report gives the same bytes."""
    environment = _environment()
    # The bytes between the tags are the rendered includes, so they are hashed as rendered.
    style = environment.get_template("report.css").render()
    script = environment.get_template("report.js").render()
    policy = (
        "default-src 'none'; "
        f"style-src 'sha256-{_digest(style)}'; script-src 'sha256-{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    rendered = environment.get_template("report.html.j2").render(page=page(report), policy=policy)
    return rendered.encode("utf-8")


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(config_path("report")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_displayable,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def _displayable(value: object) -> object:
    """Every value on its way into the page passes here, so no control character can be forgotten."""
    return block(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _digest(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
