"""What an answer of an Errbit-compatible server means for the notice, and for those after it."""

from __future__ import annotations

import enum
import json
import re
from dataclasses import dataclass
from http import HTTPStatus

from collector.delivery.errors import DeliveryError, RefusedError, RetryLaterError
from collector.delivery.http import Answer

_OLD_VERSION = "Notice for old app version ignored"
_UNKNOWN_KEY = "Your API key is unknown"
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_TAKEN_UNNAMED = frozenset({HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT})
_KEY_STATUSES = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_PLACE_STATUSES = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.GONE})


class Verdict(enum.StrEnum):
    """What became of one notice."""

    SENT = "sent"
    REDUCED = "reduced"
    DROPPED = "dropped"
    BAD_KEY = "bad_key"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"

    @property
    def accepted(self) -> bool:
        """True when the server has it, if only without its params."""
        return self in (Verdict.SENT, Verdict.REDUCED)


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One notice's verdict; ``reason`` is safe to show, ``link`` is a page of the endpoint or empty."""

    verdict: Verdict
    reason: str = ""
    hint: str = ""
    link: str = ""


OUTDATED = Receipt(
    verdict=Verdict.DROPPED,
    reason="the endpoint ignores notices of this version of the collector",
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
    raise RefusedError(
        answer.status, "not an answer of an Errbit-compatible server", hint="check the endpoint's address"
    )


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


def refusal(error: RefusedError) -> tuple[Receipt, bool]:
    """Returns the receipt for a refusal, and whether every other notice would meet the same."""
    if error.status in _KEY_STATUSES or _UNKNOWN_KEY in error.text:
        hint = "check the API key on the application's page in Errbit"
        return Receipt(
            verdict=Verdict.BAD_KEY, reason="the endpoint does not know the API key", hint=hint
        ), True
    if _OLD_VERSION in error.text:
        return OUTDATED, False
    misplaced = error.status in _PLACE_STATUSES or error.status < HTTPStatus.BAD_REQUEST
    hint = error.hint or ("check the endpoint's address" if misplaced else "")
    return Receipt(verdict=Verdict.REFUSED, reason=error.reason, hint=hint), misplaced


def receipt_for(verdict: Verdict, error: DeliveryError) -> Receipt:
    """Returns a receipt in the error's words."""
    return Receipt(verdict=verdict, reason=error.reason, hint=error.hint)


def accepted(answer: Answer, verdict: Verdict, base: str) -> Receipt:
    """Returns the receipt for a checked answer; ``base`` is the endpoint's address as we know it."""
    if answer.text == _OLD_VERSION:
        return OUTDATED
    # The address in the answer is built from the server's own idea of its name, so it is not used.
    found = identity(answer)
    return Receipt(verdict=verdict, link=f"{base}/locate/{found}" if found else "")
