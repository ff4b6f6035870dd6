"""The delivery of one run: what an earlier one left, its own notices, its bundle; what fails is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.core.log import Logger
from collector.core.text import counted
from collector.delivery.courier import Courier
from collector.delivery.notice import Origin, Site
from collector.delivery.notices import BundleFile, bundle_notice, notices, rank, sendable
from collector.delivery.outcome import Delivery, DeliveryState
from collector.delivery.private import alone
from collector.delivery.settings import ErrbitSettings, StoreSettings
from collector.delivery.store import put
from collector.delivery.upload import Uploaded
from collector.delivery.whole import Pieces, combined, whereabouts
from collector.findings import Report
from collector.web.http import HttpClient

__all__ = ["BundleFile", "Delivery", "DeliveryState", "deliver", "resend_spool", "store_bundle"]


def deliver(
    report: Report,
    bundle: BundleFile,
    settings: ErrbitSettings,
    *,
    clock: Clock,
    deadline: Deadline,
    log: Logger = None,
    store: StoreSettings | None = None,
) -> Delivery:
    """Sends what is pending in the spool, then the report's notices, then the bundle if that is wanted.

    A finding that this endpoint was told of within a day is not told again unless it got worse; of a bundle
    that it has already, neither pieces nor announcement are sent again. Never raises for network or disk.
    """
    with (
        HttpClient(ca_file=settings.ca_file, allow_http=settings.allow_http) as http,
        alone(settings.spool_dir, clock, deadline) as undisturbed,
    ):
        courier = Courier(settings, http, clock, log)
        earlier = 0
        if undisturbed:
            # What is old may not take the time of what is new.
            earlier = courier.resend(deadline.child(reserve=deadline.left() / 2)).sent
        due = courier.news()
        held = sum(not due(j.finding.fingerprint, rank(j)) for j in sendable(report.findings))
        site = Site(environment=settings.environment, hostname=settings.hostname)
        told = whereabouts(bundle, report.run.bundle_id, settings.upload, None)
        batch = notices(report, bundle, site, due=due, whereabouts=told)
        if not undisturbed:
            return _accounted(courier.postpone(batch), earlier, held)
        results: list[Uploaded] = []
        pieces = Pieces(settings, http, clock) if settings.upload and settings.spool_dir else None
        if pieces:
            results += pieces.begin(bundle, Origin.of(report.run))
        if store is None and _is_no_news(settings, results) and courier.arrived(batch[-1].uid):
            batch.pop()
        if store is not None:
            courier.keep(batch)  # before what may take long
            stored = put(
                bundle.path, store, clock=clock, deadline=deadline.child(reserve=deadline.left() / 2)
            )
            told = whereabouts(bundle, report.run.bundle_id, settings.upload, stored)
            batch[-1] = bundle_notice(report, bundle, site, told)
            results.append(stored.result)
        done = courier.deliver(batch, deadline)
        if pieces:
            results += pieces.send(deadline)
        return _accounted(combined(done, results), earlier, held)


def _is_no_news(settings: ErrbitSettings, results: Sequence[Uploaded]) -> bool:
    """True where an announcement would say no more of the bundle than an earlier one did."""
    return settings.upload is None or any(result.known for result in results)


def _accounted(delivery: Delivery, resent: int, held: int) -> Delivery:
    told = f"; {counted(held, 'finding')} not repeated (told within a day, or waiting)" if held else ""
    return replace(delivery, resent=resent, held=held, reason=delivery.reason + told)


def store_bundle(bundle: BundleFile, store: StoreSettings, *, clock: Clock, deadline: Deadline) -> Delivery:
    """Puts the bundle into a store where no endpoint is to hear of it. Never raises for network or disk."""
    stored = put(bundle.path, store, clock=clock, deadline=deadline)
    return combined(Delivery(state=DeliveryState.DELIVERED), [stored.result])


def resend_spool(
    settings: ErrbitSettings, *, clock: Clock, deadline: Deadline, log: Logger = None
) -> Delivery:
    """Sends what earlier runs left: notices, oldest first, then bundles. Never raises for network or disk."""
    with (
        HttpClient(ca_file=settings.ca_file, allow_http=settings.allow_http) as http,
        alone(settings.spool_dir, clock, deadline) as undisturbed,
    ):
        courier = Courier(settings, http, clock, log)
        if not undisturbed:
            return courier.postpone(courier.pending())
        done = courier.resend(deadline)
        if settings.spool_dir is None:
            return done
        return combined(done, Pieces(settings, http, clock).send(deadline))
