"""README.txt at the top of the bundle, for whoever opens it without knowing the program."""

from __future__ import annotations

import jinja2

from collector.core.resources import config_path
from collector.core.text import display
from collector.findings import RunInfo
from collector.report.plain import moment, window


def readme_txt(run: RunInfo) -> str:
    """Returns plain text of at most 100 columns."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(config_path("report")),
        autoescape=jinja2.select_autoescape(),  # by its name plain text: values are made displayable below
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: display(value, 80),
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("README.txt.j2").render(
        run=run,
        started=moment(run.started),
        finished=moment(run.finished),
        window=window(run.window_seconds),
    )
