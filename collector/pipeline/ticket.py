"""Writes the text for the ticket beside the bundle: whole or not at all, readable by its owner alone."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from collector.bundle.leftover import PARTIAL, create_locked
from collector.bundle.writer import SUFFIX, Sealed
from collector.core.log import Logger
from collector.report.files import BundleFileInfo

_ENDING = ".summary.md"


def file_info(sealed: Sealed) -> BundleFileInfo:
    """Returns a sealed bundle as the reports name it."""
    return BundleFileInfo(path=str(sealed.path), size=sealed.size, sha256=sealed.sha256)


def temporary_files(bundle: Path) -> tuple[Path, ...]:
    """Returns the provisional files that may stand beside a bundle while its run lasts."""
    return tuple(path.with_name(path.name + PARTIAL) for path in (bundle, _ticket(bundle)))


def _ticket(bundle: Path) -> Path:
    return bundle.with_name(bundle.name.removesuffix(SUFFIX) + _ENDING)


def write_ticket(text: str, sealed: Sealed, log: Logger) -> Path | None:
    """Writes the text beside a sealed bundle, which holds it too; returns its path, None if that fails."""
    path = _ticket(sealed.path)
    partial = path.with_name(path.name + PARTIAL)
    try:
        with os.fdopen(create_locked(partial), "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            partial.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        log.warning(
            "the text for the ticket could not be written",
            say=f"cannot write {path}: {reason}\n  try: conductor-diag bundle cat {sealed.path} summary.md",
            reason=reason,
        )
        return None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return path
