"""``clean``: today's redaction rules on a bundle that exists."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from collector.cli.parser import Parser
from collector.core.errors import ExitStatus
from collector.core.text import counted


def parser(prog: str) -> Parser:
    """Returns the parser of this verb."""
    from collector.cli.redactor import add_rule_flags

    made = Parser(
        prog=prog,
        description=(
            "Applies the current redaction rules to a bundle and writes a copy, NAME-clean.tar.zst.\n"
            "The bundle itself stays as it is; delete it once the copy is what you want to deliver."
        ),
        examples=(f"{prog} BUNDLE.tar.zst", f"{prog} --spec our-spec.yaml BUNDLE.tar.zst"),
    )
    made.add_argument("bundle", type=Path, help="bundle file")
    add_rule_flags(made)
    return made


def run(arguments: argparse.Namespace) -> int:
    """Runs the verb and returns the exit status."""
    from collector.cli.redactor import redactor_of
    from collector.core.clock import SystemClock
    from collector.pipeline.clean import clean_bundle

    sealed, counts = clean_bundle(arguments.bundle, redactor_of(arguments), SystemClock())
    hidden = counted(counts.total(), "more value")
    print(f"{hidden} hidden; entries: {sealed.entries}", file=sys.stderr)
    print(sealed.path)
    return ExitStatus.OK
