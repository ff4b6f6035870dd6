"""Compares a database's catalogue with a baseline: digests on both sides, and only names as a result."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Mapping

import msgspec

from collector.postgres.decode import name
from collector.postgres.model import Drift
from collector.postgres.psql import Answers
from collector.records.access import string

_MOST_NAMES = 200
_SERVER_WIDE = frozenset({"database", "role", "extension", "version"})
# Where the same definition is written differently: trigger and view texts changed in 12 and 16.
_GROUPS = ((160000, "16+"), (120000, "12-15"), (0, "to 11"))
_OURS = frozenset({"postgres"})


class Baseline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the product's database looks like. ``objects`` maps ``kind:name`` to a digest.

    ``group`` is the family of server versions whose definitions read alike; ``patterns`` are names (with
    ``*``) of objects that the product makes and removes by itself.
    """

    product_version: str
    database: str
    group: str
    objects: dict[str, str]
    databases: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


def read_baseline(data: bytes) -> Baseline:
    """Returns the baseline in a file. Raises ValueError."""
    try:
        return msgspec.json.decode(data, type=Baseline)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"it is no baseline: {error}") from error


def make_baseline(
    answers: Answers, *, product_version: str, database: str, patterns: tuple[str, ...] = ()
) -> Baseline:
    """Returns a baseline of what a session answered. Raises ValueError when it was not answered in full."""
    if reason := _unread(answers):
        raise ValueError(reason)
    return Baseline(
        product_version=product_version,
        database=database,
        group=_group(answers),
        objects=dict(sorted(_objects(answers).items())),
        databases=_names(answers, "database"),
        roles=_names(answers, "role"),
        extensions=_names(answers, "extension"),
        patterns=patterns,
    )


def compare(baseline: Baseline, answers: Answers) -> Drift:
    """Returns the difference; ``compared`` is False when it could not be told."""
    objects = _objects(answers)
    digest = hashlib.sha256(json.dumps(sorted(objects.items())).encode()).hexdigest()[:16]
    reason = _unread(answers)
    if not reason and _group(answers) != baseline.group:
        reason = f"the baseline is of a server {baseline.group}, and this one is {_group(answers)}"
    if reason:
        return Drift(compared=False, objects=len(objects), digest=digest, reason=reason)

    def kept(names: set[str]) -> tuple[str, ...]:
        own = [one for one in names if not any(fnmatch.fnmatchcase(one, p) for p in baseline.patterns)]
        return tuple(sorted(own)[:_MOST_NAMES])

    known = baseline.objects
    both = objects.keys() & known.keys()
    return Drift(
        compared=True,
        objects=len(objects),
        digest=digest,
        added=kept(objects.keys() - known.keys()),
        removed=kept(known.keys() - objects.keys()),
        changed=kept({one for one in both if objects[one] != known[one]}),
        extra_databases=kept(set(_names(answers, "database")) - set(baseline.databases) - _OURS),
        extra_roles=kept(set(_names(answers, "role")) - set(baseline.roles)),
        extra_extensions=kept(set(_names(answers, "extension")) - set(baseline.extensions)),
    )


def _unread(answers: Answers) -> str:
    """Returns why the answers are not the whole catalogue, empty if they are."""
    if answers.failed:
        said = ", ".join(f"{query} {state}" for query, state in sorted(answers.failed.items()))
        return f"the catalogue was not read in full: {said}"
    if not answers.complete:
        return "the catalogue was not read in full: it is too large, or the session broke off"
    return ""


def _objects(answers: Answers) -> Mapping[str, str]:
    return {
        f"{kind}:{name(row.get('name'))}": hashlib.sha256(string(row, "digest").encode()).hexdigest()[:16]
        for kind, rows in answers.rows.items()
        if kind not in _SERVER_WIDE
        for row in rows
    }


def _names(answers: Answers, kind: str) -> tuple[str, ...]:
    return tuple(sorted({name(row.get("name")) for row in answers.rows.get(kind, ())} - {""}))


def _group(answers: Answers) -> str:
    stated = string(answers.one("version"), "name")
    version = int(stated) if stated.isascii() and stated.isdecimal() else 0
    return next(words for least, words in _GROUPS if version >= least)
