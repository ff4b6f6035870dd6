"""Speaks the Airbrake v3 protocol as Errbit does: one notice after the other, patient, and not for ever.

What an answer means, what is tried again and what ends the sending was learned from running servers.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

import tenacity

from collector import __version__
from collector.core.clock import Clock
from collector.core.deadline import Deadline
from collector.delivery.notice import Notice, user_agent
from collector.delivery.settings import ErrbitSettings
from collector.delivery.verdict import (
    Receipt,
    Verdict,
    accepted,
    checked,
    receipt_for,
    refusal,
    too_large,
)
from collector.web.errors import (
    BrokenError,
    DeliveryError,
    RefusedError,
    RetryLaterError,
    UnsafeTargetError,
    UntrustedError,
)
from collector.web.http import Answer, HttpClient

_PAUSE_SECONDS = 0.1
_MAX_TRIES = 5
_MAX_BROKEN_TRIES = 3
_MAX_CUT_TRIES = 2
_MAX_FAILURES = 3
_LONGEST_BACKOFF = 60


class ErrbitClient:
    """Sends notices; after what makes further sending useless it answers without asking the server.

    That is an unknown key, an address that is no Errbit's or not safe, three failures in a row.
    """

    def __init__(self, settings: ErrbitSettings, http: HttpClient, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._url = f"{settings.base}/api/v3/projects/{settings.project_id}/notices"
        self._failures = 0
        self._last: float | None = None
        self._ended: Receipt | None = None

    def __repr__(self) -> str:
        return f"ErrbitClient({self._settings!r})"

    @property
    def ended(self) -> bool:
        """True when nothing more is sent: the last receipt speaks of the endpoint, not of its notice."""
        return self._ended is not None

    def send(self, notice: Notice, deadline: Deadline, *, whole: bool = False) -> Receipt:
        """Returns what became of ``notice``. Never raises for what network or server do.

        A ``whole`` notice is never sent without its params; TOO_LARGE then says that a smaller one may pass.
        """
        if self._ended:
            return self._ended
        receipt, final = self._deliver(notice, deadline, whole=whole)
        self._failures = self._failures + 1 if receipt.verdict is Verdict.UNAVAILABLE else 0
        if final or self._failures >= _MAX_FAILURES:
            self._ended = receipt
        return receipt

    def _deliver(self, notice: Notice, deadline: Deadline, *, whole: bool) -> tuple[Receipt, bool]:
        """Returns the receipt and whether it holds for every notice that would follow."""
        try:
            answer = self._patiently(notice, deadline, whole=whole)
            return accepted(answer, Verdict.SENT, self._settings.base), False
        except RetryLaterError as error:
            if whole and error.broke and not deadline.expired:
                return receipt_for(Verdict.TOO_LARGE, error), False
            # A server that asks for more time than there is should not be asked again.
            return receipt_for(Verdict.UNAVAILABLE, error), (error.after or 0.0) > deadline.left()
        except UntrustedError as error:
            return receipt_for(Verdict.UNAVAILABLE, error), True
        except UnsafeTargetError as error:
            return receipt_for(Verdict.REFUSED, error), True
        except BrokenError as error:
            if whole:
                return receipt_for(Verdict.TOO_LARGE, error), False
            return self._without_params(notice, deadline, error)
        except RefusedError as error:
            if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                if whole:
                    return too_large(Verdict.TOO_LARGE), False
                return self._without_params(notice, deadline, error)
            return refusal(error, self._settings.base)

    def _without_params(
        self, notice: Notice, deadline: Deadline, first: DeliveryError
    ) -> tuple[Receipt, bool]:
        """Finds out whether the payload or the server is at fault."""
        try:
            receipt = accepted(self._once(notice.minimal(), deadline), Verdict.REDUCED, self._settings.base)
        except RefusedError as second:
            if second.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                # What refuses half a kilobyte refuses everything: the notice is not at fault and is kept.
                return too_large(Verdict.UNAVAILABLE), False
            return refusal(second, self._settings.base)
        except DeliveryError:
            return receipt_for(Verdict.UNAVAILABLE, first), False
        if receipt.verdict is Verdict.REDUCED:
            receipt = replace(receipt, reason=f"sent without details: {first.reason}")
        return receipt, False

    def _patiently(self, notice: Notice, deadline: Deadline, *, whole: bool) -> Answer:
        def stop(state: tenacity.RetryCallState) -> bool:
            error = _error(state)
            limit = _MAX_BROKEN_TRIES if isinstance(error, BrokenError) else _MAX_TRIES
            if whole and isinstance(error, RetryLaterError) and error.broke:
                limit = _MAX_CUT_TRIES
            return state.attempt_number >= limit or state.upcoming_sleep >= deadline.left()

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((RetryLaterError, BrokenError)),
            wait=_wait,
            stop=stop,
            sleep=self._clock.sleep,
            reraise=True,
        )
        return retrying(self._once, notice, deadline)

    def _once(self, notice: Notice, deadline: Deadline) -> Answer:
        if deadline.expired:
            raise RetryLaterError("the time for delivery is over")
        self._pace()
        key = self._settings.key.reveal()
        try:
            answer = self._http.post(self._url, notice.body(), _headers(key), deadline, secret=key)
        finally:
            self._last = self._clock.monotonic()
        return checked(answer)

    def _pace(self) -> None:
        if self._last is None:
            return
        early = self._last + _PAUSE_SECONDS - self._clock.monotonic()
        if early > 0:
            self._clock.sleep(early)


def _headers(key: str) -> dict[str, str]:
    # Both headers, nothing in the address: addresses end in logs. Different servers read different ones.
    return {
        "Authorization": f"Bearer {key}",
        "X-Airbrake-Token": key,
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": user_agent(__version__),
    }


_backoff = tenacity.wait_exponential_jitter(initial=1, max=_LONGEST_BACKOFF, jitter=1)


def _wait(state: tenacity.RetryCallState) -> float:
    """Returns what the server asked for, or 1, 2, 4 ... seconds and a bit."""
    error = _error(state)
    asked = error.after if isinstance(error, RetryLaterError) else None
    return _backoff(state) if asked is None else asked


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
