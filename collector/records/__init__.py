"""What flows through the pipeline: records from collectors, redacted bytes in, evidence back out."""

from collector.records.evidence import EvidenceReader
from collector.records.model import (
    Batch,
    ContentError,
    Document,
    Entry,
    EntryStatus,
    Gap,
    Json,
    Lines,
    Objects,
    Record,
    Status,
)
from collector.records.redacted import Redacted

__all__ = [
    "Batch",
    "ContentError",
    "Document",
    "Entry",
    "EntryStatus",
    "EvidenceReader",
    "Gap",
    "Json",
    "Lines",
    "Objects",
    "Record",
    "Redacted",
    "Status",
]
