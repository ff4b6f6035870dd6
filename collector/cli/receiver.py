"""``receiver``: an Errbit-compatible endpoint on this machine, for who has no Errbit yet."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from collector.cli.parser import Parser
from collector.cli.serving import serve_until_ended
from collector.core.errors import ExitStatus, OutputError, UsageError

if TYPE_CHECKING:
    from collector.receiver import Store

_LOOPBACK = ("127.0.0.1", "localhost")
_HIGHEST_PORT = 65535


def parser(prog: str) -> Parser:
    """Returns the parser of this verb."""
    made = Parser(
        prog=prog,
        description=(
            "Takes notices as an Errbit does (v3 and v2), groups them, keeps them in a folder and shows\n"
            "them on a plain page. It is no Errbit: one application, no users, no mails. It listens on\n"
            "this machine only; for others, put a proxy with TLS and a login before it."
        ),
        examples=(
            f"{prog} --listen 127.0.0.1:8080 --key-file KEY --data-dir notices",
            f"{prog} --listen 127.0.0.1:8080 --key-file KEY --data-dir notices --token-file TOKEN",
        ),
    )
    option = made.option
    option("--listen", "address to listen on; port 0 takes a free one", default="127.0.0.1:8080")
    option("--key", "API key that notices must carry; others on this machine can see it", default="")
    option("--key-file", "file with the API key", default="", metavar="FILE")
    option(
        "--token-file",
        "file with a token that opens reading back; without one nothing is read back",
        default="",
        metavar="FILE",
    )
    option("--data-dir", "folder that notices are kept in", default="conductor-diag-notices", metavar="DIR")
    option(
        "--max-body",
        "bytes of a request; larger ones are answered with 413",
        type=int,
        default=16 * 1024 * 1024,
        metavar="BYTES",
    )
    option("--app-version", "turn away notices of an older version than this", default="")
    return made


def run(arguments: argparse.Namespace) -> int:
    """Runs the verb until it is interrupted and returns the exit status."""
    from collector.cli.whereto import secret_from
    from collector.core.clock import SystemClock
    from collector.receiver import Receiver, serve

    port = _port(arguments.listen)
    given = arguments.key or (secret_from(arguments.key_file, "the API key") if arguments.key_file else "")
    key = given or secrets.token_hex(16)
    token = secret_from(arguments.token_file, "the token") if arguments.token_file else ""
    store = _store(Path(arguments.data_dir))
    try:
        receiver = Receiver(
            key, store=store, clock=SystemClock(), app_version=arguments.app_version or None, token=token
        )
        with serve(receiver, port, max_body=arguments.max_body) as url:
            made = "" if given else f"\nits API key, made for this run: {key}"
            serve_until_ended(f"listening on {url}/, notices are kept in {arguments.data_dir}{made}")
    except OSError as error:
        raise UsageError(
            f"cannot serve on {arguments.listen}",
            why=error.strerror or str(error),
            hint="try: --listen 127.0.0.1:0, which takes a free port",
        ) from error
    return ExitStatus.OK


def _store(folder: Path) -> Store:
    from collector.receiver import Store

    try:
        return Store(folder)
    except OSError as error:
        raise OutputError(
            f"cannot keep notices in {folder}",
            why=error.strerror or str(error),
            hint="try: --data-dir DIR, with a folder you may write to",
        ) from error


def _port(listen: str) -> int:
    host, _, port = listen.rpartition(":")
    if host not in _LOOPBACK:
        raise UsageError(
            f"--listen {listen!r} is not an address of this machine alone",
            why="it speaks plain http, so keys and evidence would cross the network in clear",
            hint="try: --listen 127.0.0.1:8080, behind a proxy with TLS",
        )
    if not (port.isascii() and port.isdigit() and int(port) <= _HIGHEST_PORT):
        raise UsageError(f"--listen {listen!r} names no port", hint="try: --listen 127.0.0.1:8080")
    return int(port)
