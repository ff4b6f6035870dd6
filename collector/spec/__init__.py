"""What to collect and how much of it: the operator's wishes, as data."""

from collector.spec.catalog import Catalog, CatalogRow, load_catalog
from collector.spec.load import load_spec
from collector.spec.model import Backups, Limits, Logs, Postgres, Redaction, Resources, Spec

__all__ = [
    "Backups",
    "Catalog",
    "CatalogRow",
    "Limits",
    "Logs",
    "Postgres",
    "Redaction",
    "Resources",
    "Spec",
    "load_catalog",
    "load_spec",
]
