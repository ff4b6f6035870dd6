"""Delivers what a run found to an Errbit-compatible endpoint. A failed delivery never costs the bundle."""

from collector.delivery.deliver import (
    BundleFile,
    Delivery,
    DeliveryState,
    deliver,
    resend_spool,
    store_bundle,
)
from collector.delivery.settings import ErrbitSettings, UploadSettings
from collector.delivery.store import StoreSettings
from collector.web.secret import Secret

__all__ = [
    "BundleFile",
    "Delivery",
    "DeliveryState",
    "ErrbitSettings",
    "Secret",
    "StoreSettings",
    "UploadSettings",
    "deliver",
    "resend_spool",
    "store_bundle",
]
