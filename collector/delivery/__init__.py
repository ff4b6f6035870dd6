"""Delivers what a run found to an Errbit-compatible endpoint. A failed delivery never costs the bundle.

What is wanted is known from the start, so it is here; ``collector.delivery.deliver`` does it at the end.
"""

from collector.core.secret import Secret
from collector.delivery.settings import Bucket, ErrbitSettings, StoreSettings, UploadSettings

__all__ = ["Bucket", "ErrbitSettings", "Secret", "StoreSettings", "UploadSettings"]
