"""Sets the stage of the demo: the recorded cluster and a receiver, both on loopback, and a kubeconfig."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from collector.core.clock import Clock, OffsetClock
from collector.core.resources import config_path
from collector.demo.apiserver import RecordedApi, Rule, serve, write_kubeconfig
from collector.demo.recording import Recording
from collector.receiver import Receiver, Store
from collector.receiver import serve as serve_receiver

RECORDING = "kubernetes-1.17"
# The demo's operator forgot this grant, so that the run shows how it speaks of what it may not see.
DENIED = (Rule(group="velero.io"),)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Everything a run needs to play against. ``notices`` is the folder in which the receiver keeps them."""

    clock: Clock
    api: RecordedApi
    api_url: str
    kubeconfig: Path
    receiver: Receiver
    receiver_url: str
    key: str
    notices: Path


@contextlib.contextmanager
def stage(folder: Path, notices: Path, *, port: int = 0) -> Iterator[Stage]:
    """Serves both on 127.0.0.1 until the block ends; the clock starts at the moment of the recording.

    ``folder`` gets the kubeconfig. Raises OutputError or OSError when it cannot be written.
    """
    recording = Recording.load(config_path("demo", RECORDING))
    clock = OffsetClock(recording.recorded_at)
    token, key = secrets.token_hex(16), secrets.token_hex(16)
    api = RecordedApi(recording, clock, deny=DENIED)
    receiver = Receiver(key, store=Store(notices), clock=clock)
    with serve(api, port) as api_url, serve_receiver(receiver) as receiver_url:
        kubeconfig = folder / "kubeconfig"
        write_kubeconfig(kubeconfig, api_url, token)
        yield Stage(
            clock=clock,
            api=api,
            api_url=api_url,
            kubeconfig=kubeconfig,
            receiver=receiver,
            receiver_url=receiver_url,
            key=key,
            notices=notices,
        )
