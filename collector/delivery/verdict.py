"""What an answer of an Errbit-compatible server means for the notice, and for those after it."""

from __future__ import annotations

import enum
import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from collector.core.text import display
from collector.web.errors import (
    BrokenError,
    DeliveryError,
    RefusedError,
    RetryLaterError,
    UnsafeTargetError,
    UntrustedError,
)
from collector.web.http import Answer

_OLD_VERSION = "Notice for old app version ignored"
_UNKNOWN_KEY = "Your API key is unknown"
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_TAKEN_UNNAMED = frozenset({HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT})
_KEY_STATUSES = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_PLACE_STATUSES = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE})


class Cause(enum.StrEnum):
    """Why something was not delivered, for programs; people read the reason."""

    NONE = ""
    WRONG_KEY = "wrong-key"
    OLD_VERSION = "old-application-version"
    REDIRECTED = "redirected"
    UNTRUSTED = "untrusted-certificate"
    WRONG_PATH = "wrong-path"
    NOT_ERRBIT = "not-an-errbit"
    UNSAFE = "unsafe-address"
    TOO_LARGE = "too-large"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"

    @property
    def persists(self) -> bool:
        """True when sending again is useless until a person changes something."""
        return self not in (Cause.NONE, Cause.UNAVAILABLE)


class Verdict(enum.StrEnum):
    """What became of one notice. TOO_LARGE is said only of what may not be shortened."""

    SENT = "sent"
    REDUCED = "reduced"
    DROPPED = "dropped"
    BAD_KEY = "bad_key"
    REFUSED = "refused"
    TOO_LARGE = "too_large"
    UNAVAILABLE = "unavailable"

    @property
    def accepted(self) -> bool:
        """True when the server has it, if only without its params."""
        return self in (Verdict.SENT, Verdict.REDUCED)


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One notice's verdict.

    ``reason`` is safe to show, ``link`` is a page of the endpoint or empty, ``id`` what it calls the notice.
    """

    verdict: Verdict
    reason: str = ""
    hint: str = ""
    link: str = ""
    id: str = ""
    cause: Cause = Cause.NONE


class NotErrbitError(RefusedError):
    """An answer that no Errbit gives: something else lives at the address."""

    def __init__(self, status: int) -> None:
        super().__init__(
            status,
            "",
            hint="check the endpoint's address: a login page, a proxy or another program answered",
        )
        self.reason = f"what answers there is not an Errbit-compatible server (it said {status})"


OUTDATED = Receipt(
    verdict=Verdict.DROPPED,
    cause=Cause.OLD_VERSION,
    reason="the endpoint ignores notices of this version of the agent",
    hint="clear or lower the application's latest version in Errbit",
)


def checked(answer: Answer) -> Answer:
    """Returns ``answer`` if Errbit can have given it. Raises RetryLaterError or RefusedError if not."""
    if answer.status in _TAKEN_UNNAMED or answer.text == _OLD_VERSION or identity(answer):
        return answer
    if not answer.complete:
        # Created is created: asking again would make a second notice.
        if answer.status == HTTPStatus.CREATED:
            return answer
        raise RetryLaterError("the endpoint's answer broke off")
    raise NotErrbitError(answer.status)


def identity(answer: Answer) -> str:
    """Returns the id of the stored notice, empty when the answer holds none."""
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    if isinstance(content, dict) and isinstance(content.get("notice"), dict):
        content = content["notice"]  # Errbit 0.4
    found = content.get("id") if isinstance(content, dict) else None
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""


def refusal(error: RefusedError, base: str) -> tuple[Receipt, bool]:
    """Returns the receipt for a refusal, and whether every other notice would meet the same."""
    if isinstance(error, NotErrbitError):
        return receipt_for(Verdict.REFUSED, error), True
    if error.status in _KEY_STATUSES or _UNKNOWN_KEY in error.text:
        return Receipt(
            verdict=Verdict.BAD_KEY,
            cause=Cause.WRONG_KEY,
            reason="the endpoint does not know the API key",
            hint="check the API key on the application's page in Errbit",
        ), True
    if _OLD_VERSION in error.text:
        return OUTDATED, False
    if error.status < HTTPStatus.BAD_REQUEST:
        return _redirected(error, base), True
    if error.status in _PLACE_STATUSES:
        return Receipt(
            verdict=Verdict.REFUSED,
            cause=Cause.WRONG_PATH,
            reason=f"the endpoint takes no notices at this address (it said {error.status})",
            hint="check the path of the address: give the one of Errbit's own front page, 0.4 or later",
        ), True
    return receipt_for(Verdict.REFUSED, error), False


def _redirected(error: RefusedError, base: str) -> Receipt:
    hint = "give the address it points to; redirects are not followed"
    if base.startswith("http://"):
        hint += ". The key has crossed in clear: have a new one made if others could listen"
    return Receipt(
        verdict=Verdict.REFUSED,
        cause=Cause.REDIRECTED,
        reason=f"the endpoint redirects to {_place(error.location)} (it said {error.status})",
        hint=hint,
    )


def _place(location: str) -> str:
    """Returns scheme and host of a redirect's target; its path and query may repeat what we sent."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "another address"
    return display(f"{parts.scheme}://{parts.hostname}", 200) if parts.hostname else "another address"


_CAUSES: tuple[tuple[type[DeliveryError], Cause], ...] = (
    (NotErrbitError, Cause.NOT_ERRBIT),
    (UntrustedError, Cause.UNTRUSTED),
    (UnsafeTargetError, Cause.UNSAFE),
    (RetryLaterError, Cause.UNAVAILABLE),
    (BrokenError, Cause.UNAVAILABLE),
)


def receipt_for(verdict: Verdict, error: DeliveryError) -> Receipt:
    """Returns a receipt in the error's words."""
    cause = next((cause for kind, cause in _CAUSES if isinstance(error, kind)), Cause.REFUSED)
    return Receipt(verdict=verdict, reason=error.reason, hint=error.hint, cause=cause)


def too_large(verdict: Verdict) -> Receipt:
    """Returns the receipt for a 413: the endpoint, or a proxy before it, takes no body of that size."""
    return Receipt(
        verdict=verdict,
        cause=Cause.TOO_LARGE,
        reason="the endpoint or a proxy before it takes no request that large (it said 413)",
        hint="raise the limit of the proxy (nginx: client_max_body_size)",
    )


def accepted(answer: Answer, verdict: Verdict, base: str) -> Receipt:
    """Returns the receipt for a checked answer; ``base`` is the endpoint's address as we know it."""
    if answer.text == _OLD_VERSION:
        return OUTDATED
    # The address in the answer is built from the server's own idea of its name, so it is not used.
    found = identity(answer)
    return Receipt(verdict=verdict, link=f"{base}/locate/{found}" if found else "", id=found)
