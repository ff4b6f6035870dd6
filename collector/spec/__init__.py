"""What to collect and how much of it: the operator's wishes, as data."""

from collector.spec.load import load_spec
from collector.spec.model import Backups, Limits, Logs, Redaction, Spec

__all__ = ["Backups", "Limits", "Logs", "Redaction", "Spec", "load_spec"]
