"""Real PostgreSQL servers in a folder of the test's, with pgBackRest where the machine has it.

Servers refuse to run as root, so root runs them as another user of the machine.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collector.kube.commands import Command
from collector.kube.exec import Ran, Sink, Target
from tests.lib.pginstalled import client_of, installations

_USERS = ("postgres", "nobody")
PGBACKREST = shutil.which("pgbackrest")
INSTALLED = installations()
MAJORS: tuple[str, ...] = tuple(sorted(INSTALLED, key=int))


def _user() -> pwd.struct_passwd | None:
    """Returns whom to be instead of root, None where the tests are run by somebody else."""
    if os.geteuid():
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next((known[name] for name in _USERS if name in known), None)


@contextlib.contextmanager
def room() -> Iterator[Path]:
    """Gives a folder that other users may enter, unlike pytest's own, with a short name for sockets."""
    with tempfile.TemporaryDirectory(prefix="cnd-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@dataclass(kw_only=True)
class PgServer:
    """One server. ``folder`` holds ``data``, the socket and what else belongs to it."""

    folder: Path
    bin: Path
    port: int = 5432
    options: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    running: bool = False

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{client_of(self.bin, INSTALLED)}:{self.bin}:/usr/bin:/bin",
            "HOME": str(self.folder),
            "PGHOST": str(self.folder),
            "PGPORT": str(self.port),
            "PGBACKREST_CONFIG": str(self.folder / "pgbackrest.conf"),
            "PGBACKREST_LOCK_PATH": str(self.folder / "lock"),
            "LC_ALL": "C",
            **self.extra,
        }

    def call(
        self, *argv: str, stdin: bytes = b"", seconds: float = 50.0, check: bool = True
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs a program as the server's user."""
        result = subprocess.run(
            argv, input=stdin, capture_output=True, timeout=seconds, check=False, **self._place()
        )
        if check and result.returncode:
            raise AssertionError(f"{argv}: {result.returncode} {result.stderr!r} {result.stdout[-500:]!r}")
        return result

    def _place(self) -> dict[str, Any]:
        """Returns what starts a program in the server's folder and as its user."""
        found: dict[str, Any] = {"cwd": self.folder, "env": self.environment}
        if user := _user():
            found |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        return found

    @contextlib.contextmanager
    def holding(self, *statements: str) -> Iterator[None]:
        """Keeps a transaction open, in which the statements were run, until the block ends."""
        words = ("psql", "-X", "-q", "-A", "-t", "-U", "postgres", "-d", "postgres", "-f", "-")
        text = "".join(f"{statement};\n" for statement in ("begin", *statements)) + "\\echo held\n"
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **self._place()
        ) as held:
            assert held.stdin
            assert held.stdout
            held.stdin.write(text.encode())
            held.stdin.flush()
            assert held.stdout.readline() == b"held\n"
            try:
                yield
            finally:
                held.stdin.close()

    def own(self) -> None:
        """Makes the server's user the owner of the folder."""
        user = _user()
        if user:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)

    def init(self, *options: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.own()
        self.call(
            str(self.bin / "initdb"),
            "-D",
            str(self.data),
            "-A",
            "trust",
            "-U",
            "postgres",
            "-k",
            "-N",
            *options,
        )

    def start(self, **options: str) -> None:
        self.options |= options
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "port": str(self.port),
            "fsync": "on",
            "shared_buffers": "16MB",
            "max_wal_size": "64MB",
            **self.options,
        }
        words = " ".join(f"-c {name}={_quoted(value)}" for name, value in settings.items())
        self.call(
            str(self.bin / "pg_ctl"),
            "-D",
            str(self.data),
            "-w",
            "-t",
            "40",
            "-l",
            str(self.folder / "log"),
            "-o",
            words,
            "start",
        )
        self.running = True

    def stop(self) -> None:
        """Ends the server that this object started, at once."""
        if self.running:
            self.running = False
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGQUIT)
            for _ in range(200):
                if not Path(f"/proc/{pid}").exists():
                    break
                time.sleep(0.05)

    def sql(self, text: str, *, database: str = "postgres") -> str:
        found = self.call(
            "psql",
            "-X",
            "-q",
            "-A",
            "-t",
            "-U",
            "postgres",
            "-d",
            database,
            "-v",
            "ON_ERROR_STOP=1",
            "-f",
            "-",
            stdin=text.encode(),
        )
        return found.stdout.decode().strip()

    def switch(self, times: int) -> None:
        for _ in range(times):
            self.sql("select pg_logical_emit_message(true, 'test', 'x'); select pg_switch_wal();")

    # ---- pgBackRest ---------------------------------------------------------------------------------------

    def configure_backups(self, **more: str) -> None:
        """Writes pgBackRest's configuration for this folder."""
        for name in ("repo", "lock", "spool"):
            (self.folder / name).mkdir(exist_ok=True)
        lines = {
            "repo1-path": self.folder / "repo",
            "repo1-retention-full": 4,
            "log-level-console": "error",
            "log-level-file": "off",
            "lock-path": self.folder / "lock",
            "spool-path": self.folder / "spool",
            "start-fast": "y",
            "compress-level": 0,
            **{key.replace("_", "-"): value for key, value in more.items()},
        }
        text = "[global]\n" + "".join(f"{key}={value}\n" for key, value in lines.items())
        text += f"[main]\npg1-path={self.data}\npg1-port={self.port}\npg1-user=postgres\n"
        text += f"pg1-socket-path={self.folder}\n"
        (self.folder / "pgbackrest.conf").write_text(text)
        self.own()

    @property
    def archive_command(self) -> str:
        return f"pgbackrest --config={self.folder}/pgbackrest.conf --stanza=main archive-push %p"

    def backrest(self, *words: str) -> None:
        self.call("pgbackrest", f"--config={self.folder}/pgbackrest.conf", "--stanza=main", *words)

    def copy(self, folder: Path) -> PgServer:
        """Returns a copy of the stopped server in another folder."""
        assert not self.running
        shutil.copytree(
            self.folder, folder, dirs_exist_ok=True, symlinks=True, ignore=shutil.ignore_patterns(".s.*")
        )
        found = PgServer(folder=folder, bin=self.bin, port=self.port)
        (folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        found.own()
        return found


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


@dataclass(frozen=True, kw_only=True)
class LocalRunner:
    """Runs the commands of the list beside a server on this machine, as a pod would."""

    server: PgServer

    def run(self, target: Target, command: Command, stdin: bytes = b"", sink: Sink | None = None) -> Ran:
        began = time.monotonic()
        argv = list(command.argv)
        try:
            done = self.server.call(*argv, stdin=stdin, seconds=command.seconds, check=False)
        except subprocess.TimeoutExpired as error:
            return Ran(status="timeout", output=error.output or b"", seconds=time.monotonic() - began)
        except FileNotFoundError:
            return Ran(status="missing")
        if done.returncode in (126, 127):
            return Ran(status="missing", code=done.returncode)
        if sink:
            sink(done.stdout[: command.limit])
        return Ran(
            status="ok",
            code=done.returncode,
            output=b"" if sink else done.stdout[: command.limit],
            errors=done.stderr[:4096],
            truncated=len(done.stdout) > command.limit,
            seconds=time.monotonic() - began,
        )
