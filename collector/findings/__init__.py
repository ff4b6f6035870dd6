"""Findings: what a rule concluded, the facts it rests on, and the classification it was given."""

from collector.findings.model import (
    Classification,
    Clause,
    Confidence,
    Evidence,
    Facts,
    Finding,
    Impact,
    JudgedFinding,
    Outcome,
    Owner,
    Platform,
    Scope,
    Subject,
    VersionFact,
)
from collector.findings.run import (
    BackupCard,
    CollectorRun,
    PolicyInfo,
    Report,
    RunInfo,
    TimelineMark,
)

__all__ = [
    "BackupCard",
    "Classification",
    "Clause",
    "CollectorRun",
    "Confidence",
    "Evidence",
    "Facts",
    "Finding",
    "Impact",
    "JudgedFinding",
    "Outcome",
    "Owner",
    "Platform",
    "PolicyInfo",
    "Report",
    "RunInfo",
    "Scope",
    "Subject",
    "TimelineMark",
    "VersionFact",
]
