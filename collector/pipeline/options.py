"""Everything a run is told, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from collector.delivery import ErrbitSettings, StoreSettings
from collector.kube.config import ConnectionOptions
from collector.spec import Spec
from collector.sql import Database
from collector.web.errbit import ErrbitSource


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Wishes of the operator.

    ``since`` overrides the spec's log window. ``errbit`` is None when nothing is to be
    delivered, ``store`` when the bundle is put nowhere,
    ``errbit_source`` when no Errbit is read as evidence, ``database`` when no DSN names one.
    ``policy`` is a file that replaces the shipped policy; ``keep_last`` is how many bundles of this label
    stay in the folder, 0 for all. ``demo`` marks the bundle as made from the
    recorded cluster; ``offline`` says that a directory is read, where no grant would bring more.
    """

    connection: ConnectionOptions
    spec: Spec
    dest_dir: Path
    label: str = "conductor"
    case: str = ""
    since: datetime | None = None
    policy: Path | None = None
    errbit: ErrbitSettings | None = None
    store: StoreSettings | None = None
    errbit_source: ErrbitSource | None = None
    database: Database | None = None
    keep_last: int = 0
    demo: bool = False
    offline: bool = False
