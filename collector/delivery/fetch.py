"""Gets a bundle back out of an Errbit: finds its notices, reads each once, joins them, verifies the whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.core.errors import BundleError, RefusedDeliveryError, UndeliveredError
from collector.delivery import chunks, encrypt
from collector.delivery.assemble import Assembly
from collector.web.errbit import ErrbitReader, ListedNotice, explained
from collector.web.errors import BrokenError, DeliveryError, RefusedError, RetryLaterError

_ID = re.compile(r"[a-z0-9]{3,64}")
_STAMP = re.compile(r"cnd(\d{8}t\d{6})z")
_EARLIER = timedelta(days=1)
_MAX_NOTICES = 4 * chunks.MAX_CHUNKS
_AGAIN = "try the same command again; what was read is kept"


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """The bundle's file as it came back, and what was odd on the way."""

    path: Path
    sha256: str
    size: int
    encrypted: bool
    plain_sha256: str
    pieces: int
    notes: tuple[str, ...]


def fetch(
    bundle_id: str,
    reader: ErrbitReader,
    folder: Path,
    *,
    clock: Clock,
    deadline: Deadline,
    max_bytes: int,
    since: datetime | None = None,
) -> Fetched:
    """Returns the bundle, verified byte for byte, in ``folder``. A later call goes on where one ended.

    Args:
        bundle_id: as the announcement names it.
        reader: the Errbit.
        folder: must exist.
        clock: says when now is.
        deadline: for all of it.
        max_bytes: of the bundle; protects the disk.
        since: the earliest moment of the upload; the id's own by default.

    Raises:
        UndeliveredError: the Errbit cannot be read for now.
        RefusedDeliveryError: it cannot be read until address, token or certificate are put right.
        BundleError: no such bundle, or not all of it; names what is missing or altered.
        OSError: the folder cannot be written.
    """
    if not _ID.fullmatch(bundle_id):
        raise BundleError(f"{bundle_id!r} is no id of a bundle", hint="copy it from the announcement")
    assembly = Assembly(folder, bundle_id, max_bytes=max_bytes)
    try:
        listed = _find(bundle_id, reader, since or _began(bundle_id, clock), clock.now() + _EARLIER, deadline)
        _read(listed, reader, assembly, deadline)
    except DeliveryError as error:
        why, hint = explained(error)
        # Waiting helps against what may pass; all else stays as it is until somebody changes it.
        passing = isinstance(error, RetryLaterError | BrokenError)
        kind = UndeliveredError if passing else RefusedDeliveryError
        raise kind(f"bundle {bundle_id} could not be read back", why=why, hint=hint or _AGAIN) from None
    return _finished(bundle_id, assembly, folder, len(listed))


def _find(
    bundle_id: str, reader: ErrbitReader, start: datetime, end: datetime, deadline: Deadline
) -> list[ListedNotice]:
    wanted = chunks.message(bundle_id)
    found = [
        notice
        for notice in reader.notices(start, end, deadline)
        if notice.error_class == chunks.TYPE and notice.message == wanted
    ]
    if not found:
        raise BundleError(
            f"there is no bundle {bundle_id} in this Errbit",
            why="no notice of it was found; it may have been announced only, or cleared since",
            hint="look at the announcement's location and upload rows",
        )
    return found[:_MAX_NOTICES]


def _read(listed: list[ListedNotice], reader: ErrbitReader, assembly: Assembly, deadline: Deadline) -> None:
    for notice in listed:
        if assembly.has(notice.id):
            continue
        try:
            params = reader.params(notice.id, deadline)
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            # Errbit before 0.10 has no page for one notice; it pages through those of the problem.
            for number, older in enumerate(reader.older_params(notice.id, len(listed), deadline)):
                assembly.take(f"{number + 1} of {len(listed)}", older)
            return
        assembly.take(notice.id, params)


def _finished(bundle_id: str, assembly: Assembly, folder: Path, pieces: int) -> Fetched:
    whole = assembly.whole
    encrypted = whole is not None and whole.encryption != "none"
    target = folder / f"{bundle_id}.tar.zst{encrypt.SUFFIX if encrypted else ''}"
    if whole is None or not assembly.finish(target):
        wrong = [*assembly.problems, *assembly.gaps()]
        wrong += [] if assembly.committed else ["the upload was not finished: its last notice is missing"]
        raise BundleError(
            f"bundle {bundle_id} is not whole: {'; '.join(wrong)}",
            why="; ".join(assembly.notes),
            hint="finish it where it was made: conductor-diag upload; then the same command again",
        )
    notes = [*assembly.problems, *assembly.notes]
    notes += (
        []
        if assembly.committed
        else ["the upload's last notice is missing; the bytes are whole all the same"]
    )
    return Fetched(
        path=target,
        sha256=whole.sha256,
        size=whole.size,
        encrypted=encrypted,
        plain_sha256=whole.plain_sha256,
        pieces=pieces,
        notes=tuple(notes),
    )


def _began(bundle_id: str, clock: Clock) -> datetime:
    """Returns a day before the moment in the id, or a month ago for an id without one."""
    found = _STAMP.match(bundle_id)
    if found:
        try:
            return datetime.strptime(found[1], "%Y%m%dt%H%M%S").replace(tzinfo=UTC) - _EARLIER
        except ValueError:
            pass
    return clock.now() - timedelta(days=31)
