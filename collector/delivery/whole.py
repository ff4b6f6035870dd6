"""The bundle's own way: into a store, or in pieces to the endpoint, and what the announcement says of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.core.errors import UsageError
from collector.core.text import human_bytes
from collector.delivery import chunks
from collector.delivery.errbit import ErrbitClient
from collector.delivery.notice import Origin, Params
from collector.delivery.notices import BundleFile
from collector.delivery.outcome import Delivery, with_bundle
from collector.delivery.settings import ErrbitSettings, UploadSettings
from collector.delivery.store import Stored
from collector.delivery.upload import BundleUpload, Uploaded
from collector.delivery.verdict import Cause
from collector.web.http import HttpClient


def whereabouts(
    bundle: BundleFile, bundle_id: str, upload: UploadSettings | None, stored: Stored | None
) -> Params:
    """Returns the params that tell a reader of the announcement how to get at the bundle."""
    told: Params = {}
    if stored is not None:
        told["store"] = stored.result.words
        if stored.location:
            told["location"] = stored.location
    if upload is not None:
        told["upload"] = _too_large(bundle, upload) or (
            f"in pieces, under the message '{chunks.message(bundle_id)}'; "
            f"get it with: conductor-diag fetch-bundle {bundle_id}"
        )
    return told


def _too_large(bundle: BundleFile, upload: UploadSettings) -> str:
    if bundle.size <= upload.max_bytes:
        return ""
    limit = human_bytes(upload.max_bytes)
    return f"not uploaded: it has {human_bytes(bundle.size)} and the limit is {limit}; announced only"


class Pieces:
    """Sends bundles in pieces: what was prepared by this process or an earlier one, oldest first."""

    def __init__(self, settings: ErrbitSettings, http: HttpClient, clock: Clock) -> None:
        upload = settings.upload or UploadSettings()
        own = replace(settings, upload=upload, key=upload.key or settings.key)
        self._upload = upload
        self._worker = BundleUpload(own, ErrbitClient(own, http, clock), clock)

    def begin(self, bundle: BundleFile, origin: Origin) -> list[Uploaded]:
        """Prepares an upload on disk, so that whoever comes next can finish it; returns why there is none.

        One that was cut off goes on. What the endpoint took whole within some days is not sent again.
        """
        if words := _too_large(bundle, self._upload):
            return [Uploaded(words=words)]
        if self._worker.has(bundle.sha256):
            return [
                Uploaded(words=f"{origin.bundle_id} is there already, and was not sent again", known=True)
            ]
        try:
            self._worker.begin(bundle.path, bundle.sha256, origin)
        except UsageError as error:
            words = f"not uploaded: {error.message}"
            return [Uploaded(words=words, cause=Cause.REFUSED, hint=error.hint)]
        except OSError as error:
            words = f"not uploaded: {error.strerror or 'the disk failed'}"
            return [Uploaded(words=words, cause=Cause.REFUSED)]
        return []

    def send(self, deadline: Deadline) -> list[Uploaded]:
        """Sends all that was prepared. Never raises for network or disk."""
        try:
            pending = self._worker.pending()
        except OSError as error:
            words = f"uploads cannot be read: {error.strerror or 'the disk failed'}"
            return [Uploaded(words=words, cause=Cause.UNAVAILABLE)]
        return [self._worker.send(log, deadline) for log in pending]


def combined(delivery: Delivery, results: Iterable[Uploaded]) -> Delivery:
    """Returns the delivery with what became of bundles."""
    found = list(results)
    trouble = [(result.cause, result.hint) for result in found if result.cause is not Cause.NONE]
    return with_bundle(delivery, [result.words for result in found], trouble)
