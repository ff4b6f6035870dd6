"""``preflight``: what a run needs, what of it the user has, and the Role that grants the rest."""

from __future__ import annotations

import argparse
import sys

from collector.cli.collect import add_connection_flags, add_scope_flags
from collector.cli.parser import Parser
from collector.core.errors import ExitStatus

_WIDTH = 80


def parser(prog: str) -> Parser:
    """Returns the parser of this verb."""
    made = Parser(
        prog=prog,
        description=(
            "Asks the API server which of the rights that collect needs this user has. Reads nothing else.\n"
            "Exit status: 0 all of them, 4 some are missing, 5 the server cannot be read."
        ),
        examples=(
            prog,
            f"{prog} -n conductor --profile minimal",
            f"{prog} -o rbac | kubectl apply -f -    # as somebody who may grant rights",
        ),
    )
    made.option(
        "--output",
        "text, json, or rbac: only the Roles for what is missing",
        short="-o",
        choices=("text", "json", "rbac"),
        default="text",
    )
    add_scope_flags(made)
    add_connection_flags(made)
    return made


def run(arguments: argparse.Namespace) -> int:
    """Runs the verb and returns the exit status. Raises UnreachableError."""
    from collector.cli.look import look
    from collector.report.rights import rights_json, rights_text, rights_yaml

    plan = look(arguments)[0].rights
    if arguments.output == "json":
        sys.stdout.buffer.write(rights_json(plan))
        sys.stdout.flush()
    elif arguments.output == "rbac":
        roles = rights_yaml(plan, namespaces=arguments.namespace)
        print(roles, end="")
        if not roles:
            where = "" if plan.complete else f" in {', '.join(arguments.namespace)}"
            print(f"nothing is missing{where}, so there is no Role to write", file=sys.stderr)
    else:
        print(rights_text(plan, namespaces=arguments.namespace, width=_WIDTH))
    return ExitStatus.OK if plan.complete else ExitStatus.INCOMPLETE
