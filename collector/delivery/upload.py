"""Sends a bundle in pieces, smaller ones where large ones do not pass, and goes on where it was cut off."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from collector.core import ids
from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.core.text import counted, human_bytes
from collector.delivery import encrypt, private
from collector.delivery.chunks import CUTS, MAX_CHUNKS, Parcel, Piece, chunk_notice, commit_notice, missing
from collector.delivery.errbit import ErrbitClient
from collector.delivery.ledger import Ledger
from collector.delivery.notice import Origin, Site
from collector.delivery.settings import ErrbitSettings
from collector.delivery.uploadlog import UploadLog, header
from collector.delivery.verdict import Cause, Receipt, Verdict

_SURE_CHUNKS = 100


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """How it ended. ``words`` is a clause; ``cause`` is NONE when nothing went wrong.

    ``known`` says that the endpoint had the bundle before, so that nothing was sent.
    """

    words: str
    cause: Cause = Cause.NONE
    hint: str = ""
    known: bool = False


class BundleUpload:
    """Uploads to one endpoint, in the folder of the spool.

    Args:
        settings: the endpoint; its ``upload`` and ``spool_dir`` must be set.
        client: sends the notices.
        clock: dates the log.
    """

    def __init__(self, settings: ErrbitSettings, client: ErrbitClient, clock: Clock) -> None:
        if settings.upload is None or settings.spool_dir is None:
            raise ValueError("an upload needs its settings and a folder")
        self._upload = settings.upload
        self._folder = settings.spool_dir
        self._endpoint = settings.identity
        self._later = f"deliver the rest: {settings.resend}"
        self._site = Site(environment=settings.environment, hostname=settings.hostname)
        self._client = client
        self._clock = clock

    def has(self, sha256: str) -> bool:
        """True when the endpoint took this bundle whole, in the same form, as long as the ledger tells."""
        try:
            return self._ledger().arrived(_mark(sha256, self._encryption))
        except OSError:
            return False

    def begin(self, path: Path, sha256: str, origin: Origin) -> UploadLog:
        """Returns the log of an upload, on disk: of one that was cut off, or of a new one.

        Encrypts first if a recipient is set. Raises OSError or UsageError; nothing is sent unencrypted
        instead.
        """
        private.prepare(self._folder)
        if (unfinished := self._unfinished(sha256)) is not None:
            return unfinished
        file, scratch, encryption = path, False, self._encryption
        if self._upload.recipient:
            file, scratch = self._folder / f"{origin.bundle_id}{encrypt.SUFFIX}", True
            file.unlink(missing_ok=True)
            encrypt.encrypt(path, file, self._upload.recipient)
        parcel = Parcel(
            bundle_id=origin.bundle_id,
            sha256=_digest(file),
            size=file.stat().st_size,
            encryption=encryption,
            plain_sha256=sha256,
        )
        found = header(
            parcel, file, scratch=scratch, endpoint=self._endpoint, origin=origin, clock=self._clock
        )
        return UploadLog.begin(self._folder, found, cut=self._upload.chunk_bytes)

    @property
    def _encryption(self) -> str:
        return "age" if self._upload.recipient else "none"

    def _ledger(self) -> Ledger:
        return Ledger(self._folder, endpoint=self._endpoint, clock=self._clock)

    def _unfinished(self, sha256: str) -> UploadLog | None:
        wanted = sha256, self._encryption
        for log in self.pending():
            found = log.header.parcel
            if (found.plain_sha256, found.encryption) == wanted and _changed(log) is None:
                return log
        return None

    def pending(self) -> list[UploadLog]:
        """Returns what earlier processes did not finish. Raises OSError."""
        return UploadLog.pending(self._folder, self._endpoint, self._clock)

    def send(self, log: UploadLog, deadline: Deadline) -> Uploaded:
        """Sends what is missing, then the commit mark. Never raises for network or disk."""
        try:
            if (changed := _changed(log)) is not None:
                log.remove()
                return changed
            while gaps := missing(log.header.parcel.size, log.pieces):
                if (stopped := self._send_piece(log, gaps[0], deadline)) is not None:
                    return stopped
            return self._commit(log, deadline)
        except OSError as error:
            return Uploaded(
                words=f"{_progress(log)}: {error.strerror or 'the disk failed'}",
                cause=Cause.UNAVAILABLE,
                hint=self._later,
            )

    def _send_piece(self, log: UploadLog, gap: tuple[int, int], deadline: Deadline) -> Uploaded | None:
        """Sends the first piece of a gap or, if it is too large, settles on a smaller size."""
        if len(log.pieces) >= MAX_CHUNKS:
            log.remove()
            return Uploaded(
                words=f"given up after {MAX_CHUNKS} pieces: announced only",
                cause=Cause.TOO_LARGE,
                hint="raise the body limit of the proxy before the endpoint, or deliver the file another way",
            )
        offset, end = gap
        data = _slice(log.file, offset, min(log.cut, end - offset))
        notice = chunk_notice(
            log.header.parcel,
            offset,
            data,
            seq=len(log.pieces),
            origin=log.header.origin,
            site=self._site,
        )
        receipt = self._client.send(notice, deadline, whole=True)
        if receipt.verdict is Verdict.SENT:
            log.sent(Piece(offset=offset, size=len(data), notice=receipt.id))
            return None
        smaller = next((cut for cut in CUTS if cut < len(data)), None)
        if receipt.verdict is Verdict.TOO_LARGE and smaller and not deadline.expired:
            log.recut(smaller)
            return None
        return self._stopped(log, receipt)

    def _commit(self, log: UploadLog, deadline: Deadline) -> Uploaded:
        pieces, parcel = sorted(log.pieces, key=lambda piece: piece.offset), log.header.parcel
        notice = commit_notice(parcel, pieces, origin=log.header.origin, site=self._site)
        receipt = self._client.send(notice, deadline, whole=True)
        if receipt.verdict is not Verdict.SENT:
            return self._stopped(log, receipt)
        with contextlib.suppress(OSError):  # it would be sent once more, and is there
            self._ledger().note(replace(notice, uid=_mark(parcel.plain_sha256, parcel.encryption)))
        log.remove()
        how = " encrypted" if parcel.encryption != "none" else ""
        words = f"{human_bytes(parcel.size)} uploaded{how} in {counted(len(pieces), 'piece')}"
        if len(pieces) > _SURE_CHUNKS:
            words += f" (a fork of Errbit keeps only the newest {_SURE_CHUNKS} whole; fetch it soon there)"
        return Uploaded(words=words)

    def _stopped(self, log: UploadLog, receipt: Receipt) -> Uploaded:
        cause = receipt.cause if receipt.cause is not Cause.NONE else Cause.REFUSED
        return Uploaded(
            words=f"{_progress(log)}: {receipt.reason}",
            cause=cause,
            hint="; then ".join(part for part in (receipt.hint, self._later) if part),
        )


def _mark(plain_sha256: str, encryption: str) -> str:
    """Returns under which uid the ledger notes a whole bundle; encrypted, its bytes differ every time."""
    return ids.fingerprint("bundle", plain_sha256, encryption)


def _progress(log: UploadLog) -> str:
    size = log.header.parcel.size
    left = sum(end - offset for offset, end in missing(size, log.pieces))
    return f"{human_bytes(size - left)} of {human_bytes(size)} uploaded"


def _changed(log: UploadLog) -> Uploaded | None:
    """Returns why an upload cannot go on: its file is gone or is another by now. Raises OSError."""
    if log.file.is_file() and _digest(log.file) == log.header.parcel.sha256:
        return None
    return Uploaded(
        words=f"the upload of {log.header.parcel.bundle_id} was given up: its file is gone or has changed",
        cause=Cause.REFUSED,
        hint="collect again",
    )


def _slice(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as stream:
        stream.seek(offset)
        data = stream.read(size)
    if len(data) != size:
        raise OSError(0, "the bundle's file became shorter")
    return data


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
