"""How a delivery ended, in counts, in one of five words and in one sentence."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from collector.core.text import counted
from collector.delivery.verdict import Cause, Receipt, Verdict


class DeliveryState(enum.StrEnum):
    """How a delivery ended. The words are used everywhere, in files and on screens."""

    DELIVERED = "delivered"
    PARTLY = "partly"
    SPOOLED = "spooled"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The result for one batch of notices.

    Attributes:
        sent, spooled, rejected: how many were accepted, kept for later, turned away.
        resent: how many of an earlier run's notices were accepted before.
        held: how many findings were not told because they were told within a day, or wait in the spool.
        reason: one sentence, safe to show; ``hint``: what to change or type next, empty if nothing.
        cause: why not all was accepted, for programs.
        bundle: what became of the bundle itself, a clause; empty if it was not to be sent.
        link: the endpoint's page of the last notice sent, empty if unknown.
    """

    state: DeliveryState
    sent: int = 0
    spooled: int = 0
    rejected: int = 0
    resent: int = 0
    held: int = 0
    reason: str = ""
    hint: str = ""
    link: str = ""
    cause: Cause = Cause.NONE
    bundle: str = ""

    @property
    def complete(self) -> bool:
        """True when the endpoint has everything."""
        return self.state is DeliveryState.DELIVERED


class Fate(enum.Enum):
    """Where a notice is. REJECTED is gone for its own sake, HELD_UP kept because the endpoint is wrong."""

    SENT = enum.auto()
    SPOOLED = enum.auto()
    REJECTED = enum.auto()
    HELD_UP = enum.auto()
    LOST = enum.auto()


def summarise(outcomes: Sequence[tuple[Fate, Receipt]], host: str, resend: str) -> Delivery:
    """Returns what became of a batch, told by the first notice that had trouble; ``resend`` is a command."""
    fates = [fate for fate, _ in outcomes]
    counts = {fate: fates.count(fate) for fate in Fate}
    trouble = next((receipt for fate, receipt in outcomes if fate is not Fate.SENT), None)
    trouble = trouble or next((receipt for _, receipt in outcomes if receipt.reason), None)
    return Delivery(
        state=_state(counts),
        sent=counts[Fate.SENT],
        spooled=counts[Fate.SPOOLED],
        rejected=counts[Fate.REJECTED] + counts[Fate.HELD_UP],
        reason=_sentence(counts, host, trouble),
        hint=_hint(counts, trouble, resend),
        cause=trouble.cause if trouble else Cause.NONE,
        link=next((receipt.link for _, receipt in reversed(outcomes) if receipt.link), ""),
    )


def with_bundle(delivery: Delivery, words: Sequence[str], trouble: Sequence[tuple[Cause, str]]) -> Delivery:
    """Returns ``delivery`` with what became of bundles: clauses, and cause and hint of each that failed."""
    if not words:
        return delivery
    told = "; ".join(words)
    reason = "; ".join(part for part in (delivery.reason, f"bundle: {told}") if part)
    if not trouble:
        return replace(delivery, bundle=told, reason=reason)
    cause, hint = trouble[0]
    return replace(
        delivery,
        state=DeliveryState.PARTLY if delivery.complete else delivery.state,
        bundle=told,
        reason=reason,
        cause=delivery.cause if delivery.cause is not Cause.NONE else cause,
        hint=delivery.hint or hint,
    )


def fate_of(receipt: Receipt, *, ended: bool) -> Fate:
    """Returns where a notice belongs after its receipt; ``ended`` when the receipt speaks of the endpoint."""
    if receipt.verdict.accepted:
        return Fate.SENT
    if receipt.verdict is Verdict.UNAVAILABLE:
        return Fate.SPOOLED
    return Fate.HELD_UP if ended else Fate.REJECTED


def _state(counts: Mapping[Fate, int]) -> DeliveryState:
    if counts[Fate.SENT] == sum(counts.values()):
        return DeliveryState.DELIVERED
    if counts[Fate.SENT]:
        return DeliveryState.PARTLY
    if counts[Fate.LOST]:
        return DeliveryState.UNREACHABLE
    return DeliveryState.SPOOLED if counts[Fate.SPOOLED] else DeliveryState.REJECTED


def _sentence(counts: Mapping[Fate, int], host: str, trouble: Receipt | None) -> str:
    total = sum(counts.values())
    if not total:
        return "there was nothing to deliver"
    words = {
        Fate.SPOOLED: "kept for later",
        Fate.HELD_UP: "turned away and kept",
        Fate.REJECTED: "turned away",
        Fate.LOST: "not kept",
    }
    parts = [f"{counts[Fate.SENT]} of {counted(total, 'notice')} delivered to {host}"]
    parts += [f"{counts[fate]} {word}" for fate, word in words.items() if counts[fate]]
    return ", ".join(parts) + (f": {trouble.reason}" if trouble else "")


def _hint(counts: Mapping[Fate, int], trouble: Receipt | None, resend: str) -> str:
    later = f"deliver what was kept: {resend}" if counts[Fate.SPOOLED] or counts[Fate.HELD_UP] else ""
    return "; then ".join(part for part in (trouble.hint if trouble else "", later) if part)
