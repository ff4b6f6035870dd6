"""What can go wrong with a request, one class for each thing the sender can do about it.

    DeliveryError
    ├── RetryLaterError      no answer, or one that asks for patience: the same request may succeed later
    ├── BrokenError          the server failed over it, perhaps because of this payload
    ├── RefusedError         the server answered and will not take it: trying again is useless
    ├── UntrustedError       the server could not prove who it is: nothing was sent
    └── UnsafeTargetError    the address or its settings are no place for a key: nothing was sent

No class keeps a request, its headers or its cause, so no key can travel in one.
"""

from __future__ import annotations

from collector.core.text import display

_LIMIT = 300


class DeliveryError(Exception):
    """Base. ``reason`` is one sentence, safe to show; ``hint`` is what to change or type next."""

    def __init__(self, reason: str, *, hint: str = "") -> None:
        self.reason = display(reason, _LIMIT)
        self.hint = hint
        super().__init__(self.reason)


class RetryLaterError(DeliveryError):
    """Network trouble, 408, 420, 429, 502, 503, 504.

    ``after`` is in seconds, if the server said so. ``broke`` is True when the connection ended or fell
    silent in the middle of the exchange, as it does where a proxy cuts off what is too large for it.
    """

    def __init__(
        self, reason: str, *, after: float | None = None, broke: bool = False, hint: str = ""
    ) -> None:
        super().__init__(reason, hint=hint)
        self.after = after
        self.broke = broke


class BrokenError(DeliveryError):
    """500 and what else begins with 5."""


class RefusedError(DeliveryError):
    """3xx and 4xx.

    ``text`` is the beginning of the answer's body and ``location`` where a redirect points to: both are
    hostile, for comparing only.
    """

    def __init__(self, status: int, text: str, *, location: str = "", hint: str = "") -> None:
        super().__init__(f"the endpoint answered {status}: {text or 'no text'}", hint=hint)
        self.status = status
        self.text = text
        self.location = location


class UntrustedError(DeliveryError):
    """The certificate did not verify."""


class UnsafeTargetError(DeliveryError):
    """Plain http to another machine, a malformed address, a CA file that cannot be used."""
