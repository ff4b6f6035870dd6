"""``collect --dry-run``: what would be read, from where, how large it may get, and where it would go."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from collector.core.errors import ExitStatus

_WIDTH = 80


def dry_run(arguments: argparse.Namespace) -> int:
    """Shows the outline of a run with these flags; asks for discovery and our own rights, nothing else.

    Raises:
        UnreachableError: the cluster cannot be read.
    """
    from collector.cli.look import look
    from collector.cli.whereto import check_address
    from collector.pipeline.outline import outline
    from collector.report.outline import outline_json, outline_text

    if arguments.errbit_url:
        check_address("--errbit-url", arguments.errbit_url, arguments)
    found, spec = look(arguments)
    made = outline(
        found, spec, folder=str(Path(arguments.dest_dir).absolute()), notices_to=arguments.errbit_url
    )
    if arguments.output == "json":
        sys.stdout.buffer.write(outline_json(made))
        sys.stdout.flush()
    else:
        print(outline_text(made, width=_WIDTH))
    return ExitStatus.OK
