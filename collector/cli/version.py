"""``version``: what is installed."""

from __future__ import annotations

import argparse
import json
import platform

from collector import __version__
from collector.cli.parser import Parser
from collector.core.errors import ExitStatus


def parser(prog: str) -> Parser:
    """Returns the parser of this verb."""
    made = Parser(prog=prog, description="Prints versions.", examples=(prog, f"{prog} -o json"))
    made.option("--output", "text or json", short="-o", choices=("text", "json"), default="text")
    return made


def run(arguments: argparse.Namespace) -> int:
    """Runs the verb and returns the exit status."""
    from collector.support import load_policy

    policy = load_policy().info
    facts = {
        "agent": __version__,
        "policy": f"{policy.id} {policy.version}",
        "policy_sha256": policy.sha256,
        "python": platform.python_version(),
    }
    if arguments.output == "json":
        print(json.dumps(facts))
    else:
        print("\n".join(f"{key:<14} {value}" for key, value in facts.items()))
    return ExitStatus.OK
