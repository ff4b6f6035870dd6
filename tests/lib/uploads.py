"""A bundle of random bytes, an Errbit-compatible receiver that can be read back, and both ways between."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.core.deadline import Deadline
from collector.core.secret import Secret
from collector.delivery import ErrbitSettings, UploadSettings
from collector.delivery.deliver import Delivery, deliver
from collector.delivery.fetch import Fetched, fetch
from collector.web.errbit import ErrbitReader
from collector.web.http import HttpClient
from tests.lib.receivers import FakeClock, report, settings

TOKEN = "readertoken000000000"
BUNDLE_ID = "cnd20261120t220041z0a1b2c3d"
MEBI = 1024 * 1024


@dataclass(frozen=True)
class File:
    path: Path
    sha256: str
    size: int


def bundle(folder: Path, size: int, seed: int = 7) -> File:
    data = random.Random(seed).randbytes(size)
    path = folder / "bundle.tar.zst"
    path.write_bytes(data)
    return File(path=path, sha256=hashlib.sha256(data).hexdigest(), size=size)


def uploading(url: str, spool: Path, **changes: Any) -> ErrbitSettings:
    return settings(url, spool, upload=UploadSettings(**changes))


def send(
    url: str, clock: FakeClock, spool: Path, file: File, *, seconds: float = 3600, **changes: Any
) -> Delivery:
    return deliver(
        report(bundle_id=BUNDLE_ID),
        file,
        uploading(url, spool, **changes),
        clock=clock,
        deadline=Deadline(clock, seconds),
    )


def get(url: str, clock: FakeClock, folder: Path, *, max_bytes: int = 64 * MEBI) -> Fetched:
    folder.mkdir(exist_ok=True)
    with HttpClient() as http:
        return fetch(
            BUNDLE_ID,
            ErrbitReader(url, Secret(TOKEN), http, clock),
            folder,
            clock=clock,
            deadline=Deadline(clock, 3600),
            max_bytes=max_bytes,
        )
