"""``analyze``: judges an existing bundle again, with the policy of today or another one. Needs no cluster."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from collector.cli.parser import Parser
from collector.cli.windowflags import add_window_flags, as_of_day
from collector.core.errors import ExitStatus, OutputError


def parser(prog: str) -> Parser:
    """Returns the parser of this verb."""
    made = Parser(
        prog=prog,
        description="Judges the evidence in a bundle again; with the same policy the result is the same.",
        examples=(
            f"{prog} BUNDLE.tar.zst",
            f"{prog} BUNDLE.tar.zst --policy other-policy.yaml -o json",
            f"{prog} BUNDLE.tar.zst --html report.html",
        ),
    )
    made.add_argument("bundle", type=Path, help="bundle file")
    made.option(
        "--policy", "support policy to judge by instead of the shipped one", default="", metavar="FILE"
    )
    add_window_flags(made)
    made.option(
        "--output",
        "text (on stdout), or json: the findings",
        short="-o",
        choices=("text", "json"),
        default="text",
    )
    made.option("--html", "write the report page to this file", default="", metavar="FILE")
    return made


def run(arguments: argparse.Namespace) -> int:
    """Runs the verb and returns the exit status."""
    from collector.core.ids import file_sha256
    from collector.pipeline.reopen import reopen
    from collector.report.findings_json import findings_json
    from collector.report.html import report_html
    from collector.report.terminal import verdict

    report = reopen(
        arguments.bundle,
        Path(arguments.policy) if arguments.policy else None,
        as_of=as_of_day(arguments),
        current=arguments.current_ga,
    )
    if arguments.html:
        try:
            Path(arguments.html).write_bytes(report_html(report))
        except OSError as error:
            raise OutputError(f"cannot write {arguments.html}", why=error.strerror or str(error)) from error
    if arguments.output == "json":
        sys.stdout.buffer.write(findings_json(report))
        sys.stdout.flush()
    else:
        width = min(shutil.get_terminal_size((80, 24)).columns, 100)
        print(
            verdict(
                report,
                width=width,
                color=False,
                bundle_path=str(arguments.bundle),
                summary_path="",
                bundle_sha256=file_sha256(arguments.bundle),
            ),
            end="",
        )
    return ExitStatus.OK
