"""Entry point: finds the verb, runs it, and turns what happened into an exit status."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from collector import __version__
from collector.cli.parser import Parser
from collector.core.errors import DiagError, ExitStatus
from collector.core.stop import AbortedError, TerminatedError
from collector.core.text import display

_PLUGIN_PREFIX = "kubectl-"
_PLUGIN_NAME = "kubectl conductor-diagnose"


@dataclass(frozen=True)
class Verb:
    """A verb, known without importing its module, so that help stays quick.

    ``leaves`` says of one that makes a file what a signal leaves undone, where it tells nothing itself.
    """

    name: str
    module: str
    summary: str
    leaves: str = ""


_NO_BUNDLE = "no bundle was written"


VERBS = (
    Verb(
        "collect",
        "collector.cli.collect",
        "read the cluster, judge it, write a bundle, deliver notices",
        _NO_BUNDLE,
    ),
    Verb(
        "preflight",
        "collector.cli.preflight",
        "show which rights a run needs, and write the Role for the rest",
    ),
    Verb("analyze", "collector.cli.analyze", "judge an existing bundle again, offline"),
    Verb("bundle", "collector.cli.bundle", "list, print and verify what a bundle holds"),
    Verb("clean", "collector.cli.clean", "apply today's redaction rules to an existing bundle", _NO_BUNDLE),
    Verb("redact", "collector.cli.redact", "hide secrets in text, standard input to standard output"),
    Verb("policy", "collector.cli.policy", "explain a verdict; show, check and test the support policy"),
    Verb(
        "upload",
        "collector.cli.upload",
        "deliver what an earlier run could not, or a bundle that was made earlier",
    ),
    Verb("fetch-bundle", "collector.cli.fetch", "get an uploaded bundle back out of an Errbit"),
    Verb("receiver", "collector.cli.receiver", "be an Errbit-compatible endpoint on this machine"),
    Verb(
        "baseline",
        "collector.cli.baseline",
        "note what the product's database looks like, to compare with later",
    ),
    Verb("demo", "collector.cli.demo", "see it work on a recorded cluster; needs no cluster and no network"),
    Verb("version", "collector.cli.version", "print the versions of the agent and its policy"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    prog, arguments = _plugin(Path(sys.argv[0]).name, arguments)
    signal.signal(signal.SIGTERM, _terminate)
    os.umask(0o077)
    try:
        return int(_run(prog, arguments))
    except DiagError as error:
        return _complain(prog, error)
    except AbortedError as aborted:
        _leave(prog, aborted)
    except KeyboardInterrupt:
        return _ended(prog, arguments, "interrupted", ExitStatus.INTERRUPTED)
    except TerminatedError:
        return _ended(prog, arguments, "terminated", ExitStatus.TERMINATED)
    except BrokenPipeError:
        # The reader of our output went away (`| head`); that is its right, and no error of ours.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - keeps the interpreter's last flush quiet
        return ExitStatus.OK
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else ExitStatus.OK
    except Exception as error:  # noqa: BLE001 - the last net: a crash must not look like a verdict
        return _crash(prog, error)


def _plugin(called_as: str, arguments: list[str]) -> tuple[str, list[str]]:
    """As a kubectl plugin, ``collect`` is what happens when no verb is given."""
    if not called_as.startswith(_PLUGIN_PREFIX):
        return "conductor-diag", arguments
    named = arguments and (arguments[0] in {verb.name for verb in VERBS} or arguments[0] in ("-h", "--help"))
    return _PLUGIN_NAME, arguments if named else ["collect", *arguments]


def _run(prog: str, arguments: list[str]) -> int:
    verb = _verb(arguments)
    if verb is None:
        return _top_level(prog, arguments)
    module = importlib.import_module(verb.module)
    parser: Parser = module.parser(f"{prog} {verb.name}")
    status: int = module.run(parser.parse_args(arguments[1:]))
    return status


def _verb(arguments: list[str]) -> Verb | None:
    return next((verb for verb in VERBS if arguments and verb.name == arguments[0]), None)


def _ended(prog: str, arguments: list[str], how: str, status: ExitStatus) -> ExitStatus:
    """Tells of a signal; only where a bundle was to be written, that none is."""
    verb = _verb(arguments)
    undone = f"; {verb.leaves}" if verb and verb.leaves else ""
    print(f"{prog}: {how}{undone}", file=sys.stderr)
    return status


def _top_level(prog: str, arguments: list[str]) -> int:
    width = max(len(verb.name) for verb in VERBS)
    verbs = "\n".join(f"  {verb.name:<{width}}  {verb.summary}" for verb in VERBS)
    statuses = "\n".join(f"  {status.value:>3}  {status.meaning}" for status in ExitStatus)
    parser = Parser(
        prog=prog,
        usage=f"{prog} VERB [flags]",
        description="Runs once, reads only, redacts before writing, and says which findings support covers.",
        epilog=f"Verbs:\n{verbs}\n\nExit statuses:\n{statuses}",
        examples=(
            f"{prog} demo                          # on a recorded cluster, offline",
            f"{prog} collect -n conductor          # the cluster kubectl talks to",
            f"{prog} bundle ls BUNDLE.tar.zst      # what is in it",
        ),
    )
    parser.add_argument("verb", nargs="?", choices=[verb.name for verb in VERBS], help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=f"conductor-diag {__version__}")
    parser.parse_args(arguments)
    parser.print_help(sys.stderr if not arguments else sys.stdout)
    return ExitStatus.USAGE if not arguments else ExitStatus.OK


def _complain(prog: str, error: DiagError) -> int:
    lines = [f"{prog}: {display(error.message)}"]
    lines += [f"  why: {display(error.why)}"] if error.why else []
    lines += [f"  {display(error.hint)}"] if error.hint else []
    print("\n".join(lines), file=sys.stderr)
    return error.status


def _crash(prog: str, error: Exception) -> int:
    """Tells where it broke, never with what values: those may be secrets."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    print(
        f"{prog}: internal error: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        f" in {place.name}\n  no usable bundle was written; please report this line",
        file=sys.stderr,
    )
    return ExitStatus.INTERNAL


def _leave(prog: str, aborted: AbortedError) -> NoReturn:
    """Ends the process without waiting for threads that still wait for a server."""
    kept = f"the bundle is {aborted.bundle}" if aborted.bundle else _NO_BUNDLE
    with contextlib.suppress(OSError):
        print(f"{prog}: {aborted.reason}; {display(kept)}", file=sys.stderr, flush=True)
    os._exit(aborted.status)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TerminatedError
