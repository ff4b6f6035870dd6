"""The support policy as data: documents, the clauses quoted from them, and the rows that decide.

A row is one line of the decision table. Rows are tried from the top and the first that matches decides, so
their order carries meaning; everything else about the matching is equality or membership.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta

from collector.findings import Clause, Environment, Outcome, Owner, Platform, PolicyInfo, Scope, Window

SCHEMA: Literal["conductor-diag/support-policy/v1"] = "conductor-diag/support-policy/v1"
NOT_STATED: Literal["not stated"] = "not stated"
ANY_TOPIC = "*"
FLAGS_PLACEHOLDER = "{flags}"

Name: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=64, pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9._-]*)$")
]
Sentence: TypeAlias = Annotated[str, Meta(min_length=1, max_length=500)]
Value: TypeAlias = Annotated[str, Meta(max_length=64)]
Severity: TypeAlias = Annotated[int, Meta(ge=1, le=4)]
FlagKind: TypeAlias = Literal["alteration", "context", "doubtful", "unmet"]
FlagState: TypeAlias = Literal["none", "doubtful", "unmet"]
Step: TypeAlias = Literal[
    "evidence", "customer", "exclusion", "experimental", "platform", "application", "conductor", "silence"
]
STEPS: tuple[Step, ...] = get_args(Step)
"""The order of decision inside a topic: what an earlier step decides, no later one recolours."""

Names: TypeAlias = Name | Annotated[tuple[Name, ...], Meta(min_length=1)]
Values: TypeAlias = Value | Annotated[tuple[Value, ...], Meta(min_length=1)]
Outcomes: TypeAlias = Outcome | Annotated[tuple[Outcome, ...], Meta(min_length=1)]
Owners: TypeAlias = Owner | Annotated[tuple[Owner, ...], Meta(min_length=1)]
Platforms: TypeAlias = Platform | Annotated[tuple[Platform, ...], Meta(min_length=1)]
Windows: TypeAlias = Window | Annotated[tuple[Window, ...], Meta(min_length=1)]
Environments: TypeAlias = Environment | Annotated[tuple[Environment, ...], Meta(min_length=1)]
FlagStates: TypeAlias = FlagState | Annotated[tuple[FlagState, ...], Meta(min_length=1)]


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of the vendor.

    ``sha256`` is that of the text the clauses were read in, empty where no copy is kept.
    ``severities_stated`` is true for the one page whose words name the severities that may be filed.
    """

    id: Name
    title: Sentence
    source: Sentence
    version: str = ""
    date: str = ""
    sha256: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")] = ""
    severities_stated: bool = False
    note: str = ""


class ClauseText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words quoted from a document, letter for letter but for white space.

    ``grants`` is false for words that deny support, limit it or only describe: they explain a verdict, but no
    ticket is filed under them.
    """

    id: Name
    document: Name
    words: Sentence
    grants: bool = True


class FactType(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fact that findings carry and rows may test: the values it can have, and what it says."""

    values: Annotated[tuple[Value, ...], Meta(min_length=1)]
    says: Sentence


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The conditions of a row, all of which must hold; one that is left out always holds.

    Each takes a value or a list of values. ``outcome`` alone has a default, because a row speaks of what
    went wrong unless it says otherwise. ``platform_version`` and ``conductor_version`` are MAJOR.MINOR, empty
    where not known. ``window`` is where the platform's release stands in the N-2 window, ``environment`` what
    the operator says the cluster is for. ``flags`` is the heaviest flag that the run's other findings raise
    (see ``Row.flag``); a row that tests it also shows the flags. ``facts`` are the finding's own.
    """

    outcome: Outcomes = (Outcome.FAIL, Outcome.WARN)
    owner: Owners | None = None
    platform: Platforms | None = None
    platform_version: Values | None = None
    conductor_version: Values | None = None
    window: Windows | None = None
    environment: Environments | None = None
    flags: FlagStates | None = None
    facts: Mapping[Name, Values] = {}


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the decision table.

    ``severities`` is the set that may be filed: a list, empty for none, or ``not stated`` where the clause
    leaves it to the Support Terms; for a bug they are those for finding its cause, and ``fix_severities``
    those for the fix. ``step`` says at which step of the order of decision the row decides. ``flag`` makes a
    finding that matches this row known to the rows that test flags: ``unmet`` (a prerequisite that binds is
    proven unmet), ``doubtful`` (one may be), ``alteration`` (weighs like ``doubtful`` on findings about the
    same subject, and is context to all others) or ``context`` (shown, decides nothing). ``{flags}`` in
    ``why`` is replaced by the flags that weigh.
    """

    id: Name = msgspec.field(name="row")
    topic: Names
    when: When = msgspec.field(default_factory=When)
    scope: Scope
    clauses: tuple[Name, ...] = ()
    severities: Literal["not stated"] | tuple[Severity, ...]
    fix_severities: tuple[Severity, ...] | None = None
    step: Step | None = None
    why: Sentence
    would_change: Sentence
    flag: FlagKind | None = None


class Silence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said where no row matches."""

    why: Sentence
    would_change: Sentence


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contract's own words: what severities 1-4 mean, and what each support level promises.

    Both stay empty until somebody who holds the contract fills them in.
    """

    document: Name
    severity_definitions: Mapping[Literal["1", "2", "3", "4"], Sentence] = {}
    service_levels: Mapping[Name, Sentence] = {}


class PolicyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    schema: Literal["conductor-diag/support-policy/v1"]
    id: Name
    version: Name
    documents: Annotated[tuple[Document, ...], Meta(min_length=1, max_length=100)]
    clauses: Annotated[tuple[ClauseText, ...], Meta(min_length=1, max_length=500)]
    terms: Terms
    facts: Mapping[Name, FactType] = {}
    silence: Silence
    rows: Annotated[tuple[Row, ...], Meta(min_length=1, max_length=1000)]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy that was read and found free of contradictions.

    Attributes:
        info: what reports and manifests say of it.
        source: the file's bytes, for the bundle.
        clauses: by id, each with its document's title, as classifications quote them.
    """

    info: PolicyInfo
    source: bytes = field(repr=False)
    documents: tuple[Document, ...]
    clauses: Mapping[str, Clause]
    terms: Terms
    facts: Mapping[str, FactType]
    silence: Silence
    rows: tuple[Row, ...]
