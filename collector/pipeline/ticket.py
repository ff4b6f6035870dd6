"""Writes the text for the ticket beside the bundle: whole or not at all, readable by its owner alone."""

from __future__ import annotations

import contextlib
from pathlib import Path

from collector.bundle.leftover import PARTIAL
from collector.bundle.output import OutputFile
from collector.bundle.writer import SUFFIX, Sealed
from collector.core.errors import OutputError
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
    try:
        _write(path, text.encode())
    except (OutputError, OSError) as error:
        reason = error.why if isinstance(error, OutputError) else error.strerror or str(error)
        log.warning(
            "the text for the ticket could not be written",
            say=f"cannot write {path}: {reason}\n  try: conductor-diag bundle cat {sealed.path} summary.md",
            reason=reason,
        )
        return None
    return path


def _write(path: Path, data: bytes) -> None:
    with contextlib.ExitStack() as stack:
        output = OutputFile(path)
        stack.callback(output.discard)
        output.write(data)
        output.publish()
