"""Names, times and other small things that the objects of a synthetic cluster have in common."""

from __future__ import annotations

import hashlib
import json
from typing import Any

PODS_IN_NAMESPACE = 50
PODS_ON_NODE = 60
REPLICAS = 5
"""Pods of one deployment."""

Object = dict[str, Any]


def uid(*words: object) -> str:
    """Returns a UUID-like digest of the words: different for each object, the same in each run."""
    digest = hashlib.sha256(repr(words).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


def namespace_of(number: int) -> str:
    """Returns the namespace of pod ``number``; names sort as their numbers do, as a server's list does."""
    return f"team-{number // PODS_IN_NAMESPACE:04d}"


def pod_name(number: int) -> str:
    """Returns the name of pod ``number``."""
    owner = number // REPLICAS
    return f"worker-{owner:05d}-{uid('set', owner)[:8]}-{number % REPLICAS}{uid('pod', number)[:4]}"


def metadata(name: str, namespace: str | None, kind: str, number: int) -> Object:
    """Returns what every object's metadata has."""
    place = {"namespace": namespace} if namespace else {}
    return {
        "name": name,
        **place,
        "uid": uid(kind, name),
        "resourceVersion": str(1_000_000 + number * 37),
        "creationTimestamp": moment(number),
    }


def moment(number: int) -> str:
    """Returns a time stamp, a second later for each number."""
    return f"2026-11-20T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"


def encode(item: Object) -> bytes:
    """Returns an object as servers write it: compact JSON."""
    return json.dumps(item, separators=(",", ":")).encode()
