"""``fetch-bundle``: gets an uploaded bundle back out of an Errbit, for the support engineer."""

from __future__ import annotations

import argparse

from collector.cli.bundleflags import TOKEN
from collector.cli.parser import Parser


def parser(prog: str) -> Parser:
    """Returns the parser of this verb."""
    made = Parser(
        prog=prog,
        description=(
            "Finds the pieces of a bundle in an Errbit, verifies each, joins them and verifies the whole.\n"
            "A second call goes on where the first ended. The token stands on a user's own page in Errbit."
        ),
        examples=(f"{prog} cnd20261120t220041z0a1b2c3d --errbit-url https://errbit.example.com",),
    )
    made.add_argument("bundle_id", help="id of the bundle, as its announcement says")
    option = made.option
    option("--errbit-url", "address of the Errbit", default="")
    option("--token-file", f"file with a user's token (or {TOKEN})", default="", metavar="FILE")
    option("--dest-dir", "folder for the bundle (default: here)", default=".", metavar="DIR")
    option("--identity-file", "age identity to decrypt with", default="", metavar="FILE")
    option("--max-size", "largest bundle to take", default="128Mi", metavar="SIZE")
    option("--timeout", "time for all of it", default="30m")
    option("--errbit-ca-file", "file with the endpoint's CA", default="", metavar="FILE")
    option("--errbit-allow-http", "allow plain http beyond this machine", action="store_true")
    return made


def run(arguments: argparse.Namespace) -> int:
    """Runs the verb and returns the exit status."""
    from collector.cli.fetching import fetched

    return fetched(arguments)
