"""The shared vocabulary between analysis (makes findings), support (classifies them) and reports (show them).

``severity`` is a word of tickets alone: the policy says which severities may be filed, a person picks one.
A finding has an ``outcome`` (is it so?) and an ``impact`` (what it does to users).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from collector.core import ids


class Outcome(enum.StrEnum):
    """What a rule concluded. ``unknown`` is first-class: not seen must never read as fine."""

    FAIL = "fail"
    WARN = "warn"
    UNKNOWN = "unknown"
    PASS = "pass"


class Impact(enum.StrEnum):
    """What the finding does to the people who use the product."""

    OUTAGE = "outage"
    DEGRADED = "degraded"
    RISK = "risk"
    INFO = "info"


class Scope(enum.StrEnum):
    """How the vendor's support policy treats a finding."""

    SUPPORTED = "supported"
    SECONDARY = "secondary"
    EXPERIMENTAL = "experimental"
    UNSUPPORTED = "unsupported"
    OUT_OF_SCOPE = "out_of_scope"
    UNDETERMINED = "undetermined"


class Confidence(enum.StrEnum):
    """How well a fact is known."""

    PROVEN = "proven"
    INFERRED = "inferred"
    UNKNOWN = "unknown"


class Owner(enum.StrEnum):
    """Whose thing the subject of a finding is, judged by release and owner references, never by name."""

    CONDUCTOR = "conductor"
    PLATFORM_APPLICATION = "platform_application"
    PLATFORM = "platform"
    CUSTOMER = "customer"
    UNKNOWN = "unknown"


class Platform(enum.StrEnum):
    """What kind of cluster hosts Conductor; the prerequisite list binds only where it is ``none``."""

    KONVOY_1 = "konvoy_1"
    DKP_2 = "dkp_2"
    NONE = "none"
    UNKNOWN = "unknown"


class Window(enum.StrEnum):
    """Where a platform release stands in the vendor's N-2 window; ``disputed``: the vendor says both."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    DISPUTED = "disputed"
    UNKNOWN = "unknown"


class Environment(enum.StrEnum):
    """What the cluster is used for; no cluster shows it, so the operator states it or it stays unknown."""

    PRODUCTION = "production"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A pointer into the bundle: an entry and either a JSON pointer (RFC 6901) or a line (from 1)."""

    path: str
    pointer: str = ""
    line: int = 0
    excerpt: str = ""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a finding is about. ``kind`` is a Kubernetes kind, or a word such as ``Cluster``."""

    kind: str
    name: str
    namespace: str = ""
    owner: Owner = Owner.UNKNOWN

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {place}{self.name}"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One rule's result about one subject.

    Attributes:
        rule: stable id, ``CND-<AREA>-<NNN>``.
        topic: the kind of finding that the policy's rows are keyed on, such as ``app.crash_loop``.
        title: the rule's fixed sentence, without numbers or names, so that receivers can group by it.
        summary: the same for this subject, with the figures.
        facts: what the policy may look at beside the cluster's facts, as flat strings.
        remedy: what the operator can do; ``ask``: what support should ask next; ``needs``: for an
            unknown, the grant or command that would settle it.
        first_seen, last_seen, count: when the evidence says it happened, and how often.
    """

    rule: str
    topic: str
    title: str
    summary: str
    outcome: Outcome
    impact: Impact
    subject: Subject
    evidence: tuple[Evidence, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    confidence: Confidence = Confidence.PROVEN
    remedy: str = ""
    ask: tuple[str, ...] = ()
    needs: str = ""
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    count: int = 0

    @property
    def fingerprint(self) -> str:
        """Identity over runs: the rule and its subject, never numbers, times or line numbers."""
        subject = self.subject
        return ids.fingerprint(self.rule, subject.kind, subject.namespace, subject.name)


@dataclass(frozen=True, kw_only=True)
class VersionFact:
    """A component and the version it was found in.

    ``version`` is empty when it could not be determined; ``source`` says by which proof it was read.
    ``serves_conductor`` is None where that is not known.
    """

    component: str
    version: str
    confidence: Confidence
    source: str
    subject: Subject
    evidence: tuple[Evidence, ...] = ()
    serves_conductor: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the evidence says of the cluster as a whole; the input of every classification.

    ``platform_version`` is ``MAJOR.MINOR`` or empty; ``platform_window`` says where it stands in the N-2
    window, ``window_basis`` as of when and counted from which release. ``helm`` holds the major versions of
    Helm whose live records name Conductor: subset of {"2", "3"}; None when that could not be read.
    """

    platform: Platform = Platform.UNKNOWN
    platform_version: str = ""
    platform_confidence: Confidence = Confidence.UNKNOWN
    platform_evidence: tuple[Evidence, ...] = ()
    platform_window: Window = Window.UNKNOWN
    window_basis: str = ""
    environment: Environment = Environment.UNKNOWN
    kubernetes: str = ""
    helm: frozenset[str] | None = None
    conductor_namespaces: tuple[str, ...] = ()
    versions: tuple[VersionFact, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Clause:
    """A clause of the policy: where it stands and its words, quoted.

    ``grants`` is False for words that deny support, limit it or only describe: no ticket is filed under them.
    """

    id: str
    document: str
    words: str
    grants: bool = True


@dataclass(frozen=True, kw_only=True)
class Classification:
    """What the policy says of one finding.

    Attributes:
        severities: the ticket severities that the clause allows; empty if it allows none or states none.
        severities_stated: False where the policy is silent and the Support Terms decide.
        fix_severities: of a bug, the severities for the fix, where ``severities`` are those for finding its
            cause; None where the policy makes no such difference.
        row: id of the policy row that decided.
        why: one sentence; ``would_change``: what would lead to another verdict.
        flags: context that does not recolour the finding but that a person should know.
    """

    scope: Scope
    clauses: tuple[Clause, ...]
    severities: tuple[int, ...]
    severities_stated: bool
    row: str
    why: str
    would_change: str = ""
    flags: tuple[str, ...] = ()
    fix_severities: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class JudgedFinding:
    """A finding with its classification: the unit of every report and notice."""

    finding: Finding
    classification: Classification
