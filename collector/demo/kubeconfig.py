"""Writes the file with which kubectl, or another run of this program, reaches a server on this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path

from collector.core.errors import OutputError

_FORM = """\
apiVersion: v1
kind: Config
current-context: demo
clusters:
- name: demo
  cluster:
    server: {server}
contexts:
- name: demo
  context:
    cluster: demo
    user: demo
    namespace: conductor
users:
- name: demo
  user:
    token: {token}
"""


def write_kubeconfig(path: Path, url: str, token: str) -> None:
    """Writes a kubeconfig that only its owner can read. Raises OutputError when it cannot be written."""
    text = _FORM.format(server=json.dumps(url), token=json.dumps(token))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), 0o600)
            stream.write(text)
    except OSError as cause:
        raise OutputError(
            f"cannot write {path}",
            why=cause.strerror or str(cause),
            hint="name a file in a folder that you may write to",
        ) from cause
