"""What ``fetch-bundle`` does, apart from its flags, so that its help stays quick."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from collector.cli.bundleflags import TOKEN, TOKEN_PAGE
from collector.cli.collect import duration
from collector.cli.whereto import check_address, secret_from, size_of
from collector.core.clock import SystemClock
from collector.core.deadline import Deadline
from collector.core.errors import BundleError, ExitStatus, OutputError, UsageError
from collector.core.ids import file_sha256
from collector.core.secret import Secret
from collector.core.text import counted, display, human_bytes
from collector.delivery import encrypt
from collector.delivery.fetch import Fetched, fetch
from collector.web.errbit import ErrbitReader
from collector.web.http import HttpClient


def fetched(arguments: argparse.Namespace) -> int:
    """Fetches, decrypts if asked to, prints the path on stdout; returns the exit status."""
    if not arguments.errbit_url:
        raise UsageError("no Errbit was given", hint="try: --errbit-url https://errbit.example.com")
    check_address("--errbit-url", arguments.errbit_url, arguments)
    clock = SystemClock()
    folder = Path(arguments.dest_dir)
    ca_file = Path(arguments.errbit_ca_file) if arguments.errbit_ca_file else None
    token = user_token(arguments.token_file)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with HttpClient(ca_file=ca_file, allow_http=arguments.errbit_allow_http) as http:
            found = fetch(
                arguments.bundle_id,
                ErrbitReader(arguments.errbit_url, token, http, clock),
                folder,
                clock=clock,
                deadline=Deadline(clock, duration("--timeout", arguments.timeout)),
                max_bytes=size_of("--max-size", arguments.max_size),
            )
        path = _decrypted(found, arguments.identity_file) if found.encrypted else found.path
    except OSError as error:
        raise OutputError(
            f"the bundle cannot be written to {folder}",
            why=error.strerror or str(error),
            hint="try: --dest-dir DIR",
        ) from error
    for note in found.notes:
        print(f"note: {display(note)}", file=sys.stderr)
    print(
        f"{human_bytes(found.size)} in {counted(found.pieces, 'notice')}, sha256 {found.sha256}",
        file=sys.stderr,
    )
    print(path)
    return ExitStatus.OK


def user_token(path: str) -> Secret:
    """Returns the user's token from a file or the environment. Raises UsageError."""
    token = secret_from(path, "the user's token") if path else os.environ.get(TOKEN, "").strip()
    if not token:
        raise UsageError(
            "no user's token was given",
            why=f"neither --token-file nor {TOKEN} holds one",
            hint="try: --token-file FILE; the token stands on a user's own page in Errbit",
        )
    return Secret(token, "the user's token", hint=TOKEN_PAGE)


def _decrypted(found: Fetched, identity_file: str) -> Path:
    if not identity_file:
        print("it is encrypted; to decrypt: --identity-file FILE, or age --decrypt", file=sys.stderr)
        return found.path
    plain = found.path.with_suffix("")
    encrypt.decrypt(found.path, plain, Path(identity_file))
    if file_sha256(plain) != found.plain_sha256:
        raise BundleError(
            f"{plain} is not the bundle that was encrypted", why="its sha256 is not the one announced"
        )
    found.path.unlink()
    return plain
