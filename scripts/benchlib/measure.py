"""Runs commands and reads what they cost from the operating system's own account of the finished child."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MB = 1_000_000
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
_LONGEST_RUN = 3600.0
_LONGEST_START = 60.0
_POLL_SECONDS = 0.2


class CommandError(Exception):
    """A command under measurement failed; the text says which and what it wrote."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one command cost: wall and CPU seconds (user and system, its children included), peak RSS in MB.

    The peak is that of the largest process. No process reads below the peak of the bench itself, from
    which it was started; that is why the bench imports little.
    """

    wall: float
    cpu: float
    peak: float


def run(command: Sequence[str], *, env: Mapping[str, str], log: Path) -> Cost:
    """Runs a command once; what it prints goes to ``log``. Raises CommandError."""
    with log.open("wb") as output:
        started = time.monotonic()
        child = _start(command, env, output.fileno())
        alarm = threading.Timer(_LONGEST_RUN, _end, args=(child,))
        alarm.start()
        cost, status = _reap(child, started)
        alarm.cancel()
    if status != 0:
        raise CommandError(f"exit status {status} of: {' '.join(command)}\n{_tail(log)}")
    return cost


def until_first_contact(
    command: Sequence[str], listener: socket.socket, *, env: Mapping[str, str], log: Path
) -> Cost:
    """Returns what a command has cost when it first sends something to ``listener``; it is then killed.

    Raises:
        CommandError: it ends without having done so, or takes too long.
    """
    listener.settimeout(_POLL_SECONDS)
    with log.open("wb") as output:
        started = time.monotonic()
        child = _start(command, env, output.fileno())
        try:
            _await_contact(child, listener, until=started + _LONGEST_START)
        except CommandError as error:
            raise CommandError(f"{error}: {' '.join(command)}\n{_tail(log)}") from None
        finally:
            if child.poll() is None:
                _end(child)
        cost, _ = _reap(child, started)
    return cost


def _await_contact(child: subprocess.Popen[bytes], listener: socket.socket, *, until: float) -> None:
    while time.monotonic() < until and child.poll() is None:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        with connection:
            connection.recv(1)
        return
    raise CommandError("no request came from")


def median(costs: Sequence[Cost]) -> Cost:
    """Returns the median of each figure."""
    return Cost(
        wall=statistics.median(cost.wall for cost in costs),
        cpu=statistics.median(cost.cpu for cost in costs),
        peak=statistics.median(cost.peak for cost in costs),
    )


def _start(command: Sequence[str], env: Mapping[str, str], output: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - the bench's own command lines
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,  # so that a command that hangs can be ended with all it started
    )


def _reap(child: subprocess.Popen[bytes], started: float) -> tuple[Cost, int]:
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss * _PEAK_UNIT / MB
    return Cost(wall=wall, cpu=usage.ru_utime + usage.ru_stime, peak=peak), child.returncode


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-600:]


def _end(child: subprocess.Popen[bytes]) -> None:
    os.killpg(child.pid, signal.SIGKILL)
