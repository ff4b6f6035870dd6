"""Starts and ends the server process, and knows how to reach it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scripts.benchlib import names
from scripts.benchlib.measure import CommandError

_STOP_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Served:
    """A server at work. ``folder`` holds its ca.pem and kubeconfig."""

    url: str
    folder: Path
    pods: int
    process: subprocess.Popen[str]

    def counters(self) -> Mapping[str, float]:
        """Returns what was asked since this was last called: requests, logs, log_bytes, other_bytes, cpu."""
        return dict(json.loads(self._ask("counters")))

    def log_urls(self) -> Iterator[str]:
        """Yields the address of every container log."""
        for number in range(self.pods):
            place = f"{names.namespace_of(number)}/pods/{names.pod_name(number)}"
            yield f"{self.url}/api/v1/namespaces/{place}/log?container=app&timestamps=true"

    def _ask(self, word: str) -> str:
        self._pipe(self.process.stdin).write(f"{word}\n")
        self._pipe(self.process.stdin).flush()
        return self._pipe(self.process.stdout).readline()

    @staticmethod
    def _pipe(stream: IO[str] | None) -> IO[str]:
        if stream is None:
            raise CommandError("the server was started without pipes")
        return stream


@contextlib.contextmanager
def served(folder: Path, corpus: Path, *, pods: int, log_bytes: int) -> Iterator[Served]:
    """Serves a synthetic cluster until the block ends. Raises CommandError when it does not start."""
    folder.mkdir()
    command = [sys.executable, "-m", "scripts.benchlib.server", "--folder", str(folder)]
    command += ["--corpus", str(corpus), "--pods", str(pods), "--log-bytes", str(log_bytes)]
    process = subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
    )
    with process:
        try:
            url = process.stdout.readline().strip() if process.stdout else ""
            if not url:
                raise CommandError("the synthetic cluster did not start; its words are above")
            yield Served(url=url, folder=folder, pods=pods, process=process)
        finally:
            if process.stdin:
                process.stdin.close()  # the server ends when its standard input does
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            if process.poll() is None:
                process.kill()
