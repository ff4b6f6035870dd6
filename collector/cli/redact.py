"""``redact``: a filter, for a log or a YAML that someone is about to paste into a ticket."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from collector.cli.parser import Parser
from collector.core.errors import ExitStatus, WithheldError
from collector.core.text import counted

_CHUNK = 256 * 1024


def parser(prog: str) -> Parser:
    """Returns the parser of this verb."""
    from collector.cli.redactor import add_rule_flags

    made = Parser(
        prog=prog,
        description="Hides secrets in text, as collect does: standard input to standard output.",
        examples=(
            f"{prog} < values.yaml > values.clean.yaml",
            f"kubectl logs conductor-web | {prog}",
            f"{prog} --spec our-spec.yaml < app.log",
        ),
    )
    add_rule_flags(made)
    made.option("--quiet", "do not say how many values were hidden", short="-q", action="store_true")
    return made


def run(arguments: argparse.Namespace) -> int:
    """Runs the verb and returns the exit status."""
    from collector.cli.redactor import redactor_of
    from collector.redaction import Counts, RedactionError, by_kind

    counts: Counts = Counter()
    try:
        for piece in redactor_of(arguments).lines(_chunks(sys.stdin.buffer), counts):
            sys.stdout.buffer.write(piece.data)
            sys.stdout.buffer.flush()
    except RedactionError as error:
        raise WithheldError(
            "the rest of the text is withheld", why=str(error), hint="what was written so far is redacted"
        ) from error
    if not arguments.quiet:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(by_kind(counts).items()))
        print(f"{counted(counts.total(), 'value')} hidden{': ' if kinds else ''}{kinds}", file=sys.stderr)
    return ExitStatus.OK


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read1(_CHUNK):  # type: ignore[attr-defined] # every buffered reader has it
        yield chunk
