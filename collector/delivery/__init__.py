"""Delivers what a run found to an Errbit-compatible endpoint. A failed delivery never costs the bundle."""

from collector.delivery.deliver import BundleFile, Delivery, DeliveryState, deliver, resend_spool
from collector.delivery.settings import ErrbitSettings
from collector.web.secret import Secret

__all__ = [
    "BundleFile",
    "Delivery",
    "DeliveryState",
    "ErrbitSettings",
    "Secret",
    "deliver",
    "resend_spool",
]
