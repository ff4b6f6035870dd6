"""``bundle ls|cat|show|verify``: looks into a bundle without unpacking it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from collector.bundle.reader import BundleReader
from collector.cli.parser import Parser
from collector.core.errors import BundleError, ExitStatus
from collector.core.text import block, counted, display


def parser(prog: str) -> Parser:
    """Returns the parser of this verb."""
    made = Parser(
        prog=prog,
        description="Looks into a bundle. Nothing is unpacked, whatever the bundle claims to hold.",
        examples=(
            f"{prog} ls BUNDLE.tar.zst",
            f"{prog} cat BUNDLE.tar.zst summary.md",
            f"{prog} show --redactions BUNDLE.tar.zst",
            f"{prog} verify BUNDLE.tar.zst",
        ),
    )
    verbs = made.add_subparsers(
        dest="action", required=True, metavar="ls|cat|show|verify", parser_class=Parser
    )
    for name, text in (
        ("ls", "list the entries: size, status, path"),
        ("cat", "print one entry"),
        ("show", "say what the run was, or with --redactions what was hidden where"),
        ("verify", "check every digest, the manifest and the seek table"),
    ):
        sub = verbs.add_parser(name, help=text, description=text.capitalize() + ".")
        sub.add_argument("bundle", type=Path, help="bundle file")
        if name == "cat":
            sub.add_argument("entry", help="path inside the bundle, as ls prints it")
        if name == "show":
            sub.option("--redactions", "how often each rule hid something in each entry", action="store_true")
    return made


def run(arguments: argparse.Namespace) -> int:
    """Runs the verb and returns the exit status."""
    with BundleReader(arguments.bundle) as reader:
        if arguments.action == "ls":
            for entry in reader.entries():
                print(f"{entry.size:>11}  {entry.status:<9}  {display(entry.path)}")
        elif arguments.action == "cat":
            _cat(reader, arguments)
        elif arguments.action == "show" and arguments.redactions:
            from collector.cli.redactions import show_redactions

            show_redactions(reader)
        elif arguments.action == "show":
            _show(reader)
        else:
            return _verify(reader, arguments)
    return ExitStatus.OK


def _cat(reader: BundleReader, arguments: argparse.Namespace) -> None:
    if arguments.entry not in reader.names():
        raise BundleError(
            f"{arguments.bundle} has no entry {arguments.entry!r}",
            hint=f"try: conductor-diag bundle ls {arguments.bundle}",
        )
    terminal = sys.stdout.isatty()
    for chunk in reader.open(arguments.entry):
        if terminal:
            sys.stdout.write(block(chunk.decode("utf-8", "replace"), len(chunk) + 1))
        else:
            sys.stdout.buffer.write(chunk)
    sys.stdout.flush()


def _show(reader: BundleReader) -> None:
    """Prints what the manifest says of the run."""
    for key, value in reader.manifest().run.items():
        if isinstance(value, str | int | float | bool) and value != "":
            print(f"{display(key):<20}  {display(value)}")


def _verify(reader: BundleReader, arguments: argparse.Namespace) -> int:
    found = reader.verify()
    for problem in found.problems:
        print(f"PROBLEM  {display(problem)}", file=sys.stderr)
    if found.problems:
        raise BundleError(
            f"{arguments.bundle} is not as it was sealed: {counted(len(found.problems), 'problem')}",
            hint="ask for the bundle again, and compare the sha256 that its summary states",
        )
    print(f"ok  {found.entries} entries  sha256 {found.sha256}")
    return ExitStatus.OK
