"""Where the bundle goes: its folder made sure of and cleared of what dead runs left, and its name."""

from __future__ import annotations

from pathlib import Path

from collector.bundle.leftover import remove_leftovers
from collector.bundle.writer import SUFFIX
from collector.core import ids
from collector.core.clock import Clock
from collector.core.errors import OutputError
from collector.core.log import Logger
from collector.core.text import counted
from collector.pipeline.options import RunOptions


def bundle_path(options: RunOptions, bundle_id: str) -> Path:
    """Returns the file to write, named after the moment in the run's id."""
    case = f"-{options.case}" if options.case else ""
    name = f"conductor-diag-{options.label}-{ids.stamp(bundle_id)}-{bundle_id[-4:]}{case}{SUFFIX}"
    return options.dest_dir / name


def make_folder(folder: Path) -> None:
    """Makes the folder. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(folder, error) from error


def not_writable(folder: Path, error: OSError) -> OutputError:
    """Returns what to tell where a folder cannot be written to."""
    return OutputError(
        f"cannot write to {folder}",
        why=error.strerror or str(error),
        hint="try: --dest-dir DIR, with a folder you may write to",
    )


def prepare_folder(folder: Path, clock: Clock, log: Logger) -> None:
    """Makes the folder and removes unfinished files of runs that were killed. Raises OutputError."""
    make_folder(folder)
    removed = remove_leftovers(folder, clock.now())
    if removed:
        log.info(
            "removed leftovers",
            say=f"removed {counted(removed, 'unfinished file')} of a run that was killed",
            count=removed,
        )
