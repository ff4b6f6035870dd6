"""Reads a policy file and refuses one that would judge wrongly: misspelt, contradictory or too large."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from collector.core.errors import PolicyError
from collector.core.resources import config_path
from collector.core.yamlfile import YamlFile
from collector.findings import Clause, PolicyInfo
from collector.support.checks import contradictions
from collector.support.model import Policy, PolicyFile

_SHOWN = 5


def load_policy(path: Path | None = None) -> Policy:
    """Returns the policy in ``path``, or the shipped one.

    Raises:
        PolicyError: the file cannot be read, breaks the schema, or contradicts itself.
    """
    file = _file(path)
    content = file.decode(PolicyFile)
    problems = list(contradictions(content))
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise PolicyError(
            f"{file.path} contradicts itself",
            why="; ".join(problems[:_SHOWN]) + more,
            hint=f"try: conductor-diag policy lint {file.path}, which names them all",
        )
    titles = {document.id: document.title for document in content.documents}
    return Policy(
        info=PolicyInfo(id=content.id, version=content.version, sha256=file.sha256),
        source=file.data,
        documents=content.documents,
        clauses={
            clause.id: Clause(
                id=clause.id,
                document=titles[clause.document],
                words=clause.words,
                grants=clause.grants,
            )
            for clause in content.clauses
        },
        terms=content.terms,
        facts=content.facts,
        silence=content.silence,
        rows=content.rows,
    )


def read_policy_file(path: Path | None = None) -> tuple[Path, PolicyFile]:
    """Returns the file as its schema has it, contradictions and all, with its path. Raises PolicyError."""
    file = _file(path)
    return file.path, file.decode(PolicyFile)


def load_unseen() -> Unseen:
    """Returns what no rule states, each with the reason. Raises PolicyError."""
    return YamlFile(config_path("policy", "unseen.yaml"), PolicyError).decode(Unseen)


class Unseen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Topics, and values of facts as ``fact=value``, that no rule states, each with the reason."""

    schema: Literal["conductor-diag/unseen-topics/v1"]
    topics: Mapping[str, str]
    facts: Mapping[str, str]


def _file(path: Path | None) -> YamlFile:
    return YamlFile(path or config_path("policy", "support-policy.yaml"), PolicyError)
