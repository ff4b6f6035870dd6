"""What of a live workload differs from the manifests of its release, with a server's defaulting understood.

Three sides: the manifest of the live revision, those of newer revisions that did not finish, and the object.
A field that agrees with any of the manifests, or that a server fills in, is no difference. Secrets may stand
in any value, so only the names of fields leave this module, and the values of images and figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from collector.collectors.additions import Additions
from collector.core import quantity
from collector.records import Json
from collector.records.access import mapping
from collector.releases import ServerDefaults, load_defaults

# What tells the members of a list apart, by the list's name.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ports": ("containerPort", "protocol"),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
_AREAS = (
    ("image", re.compile(r"ontainers\[[^\]]*\]\.image$")),
    ("command", re.compile(r"\.(?:env|envFrom|command|args|workingDir)(?:\[|\.|$)")),
    ("resources", re.compile(r"\.resources(?:\.|$)")),
)
_SHOWN = ("image", "resources")
_MAX = 50
_MAX_DEPTH = 20


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One field, with its values where they may be seen.

    ``area`` is image, command, resources or placement, or one of what is mounted and added
    (see ``additions``): code, mount, container or known.
    """

    area: str
    field: str
    shipped: str = ""
    live: str = ""


def differences(manifests: Iterable[Json], live: Json, *, scaled: bool = False) -> list[Difference]:
    """Returns what differs from every one of the manifests, at most 50 fields.

    Args:
        manifests: of the same object, the live revision's first.
        live: the object as the server has it.
        scaled: an autoscaler sets its replicas.
    """
    rounds = [dict(_compared(_essence(doc, scaled), _essence(live, scaled))) for doc in manifests]
    if not rounds:
        return []
    common = [name for name in rounds[0] if all(name in found for found in rounds)]
    return [rounds[0][name] for name in common[:_MAX]]


def _essence(document: Json, scaled: bool) -> dict[str, Json]:
    """Returns what of a workload a person can alter to effect: its pods and how many there are."""
    spec = mapping(document, "spec")
    pods = mapping(mapping(spec, "jobTemplate"), "spec") if "jobTemplate" in spec else spec
    essence: dict[str, Json] = {"pods": mapping(mapping(pods, "template"), "spec")}
    essence |= {key: spec[key] for key in ("schedule", "suspend") if key in spec}
    if "template" in spec and not scaled:
        essence["replicas"] = spec.get("replicas", 1)
    return essence


def _compared(shipped: Json, live: Json) -> Iterator[tuple[str, Difference]]:
    additions = Additions(mapping(shipped, "pods"), mapping(live, "pods"))
    for field, ours, theirs in _walk(shipped, live, "", load_defaults(), 0):
        name = field.removeprefix("pods.")
        area = additions.area(name) or next(
            (area for area, pattern in _AREAS if pattern.search(name)), "placement"
        )
        shown = area in _SHOWN or name == "replicas"
        yield (
            name,
            Difference(area=area, field=name, shipped=_said(ours, shown), live=_said(theirs, shown)),
        )


def _said(value: Json, shown: bool) -> str:
    return str(value)[:300] if shown and isinstance(value, (str, int, float)) else ""


def _walk(
    shipped: Json, live: Json, field: str, defaults: ServerDefaults, depth: int
) -> Iterator[tuple[str, Json, Json]]:
    if depth > _MAX_DEPTH or _same(shipped, live):
        return
    if isinstance(shipped, dict) or isinstance(live, dict):
        ours, theirs = _dict(shipped), _dict(live)
        if ours is None or theirs is None:
            yield field, shipped, live
            return
        for key in sorted({*ours, *theirs}):
            if key in ours or not _filled_in(key, theirs[key], theirs, defaults):
                place = f"{field}.{key}" if field else key
                yield from _walk(ours.get(key), theirs.get(key), place, defaults, depth + 1)
        return
    keys = _KEYS.get(field.rpartition(".")[2])
    if keys and isinstance(shipped or [], list) and isinstance(live or [], list):
        yield from _members(shipped or [], live or [], field, keys, defaults, depth)
        return
    yield field, shipped, live


def _members(
    shipped: list[Json],
    live: list[Json],
    field: str,
    keys: tuple[str, ...],
    defaults: ServerDefaults,
    depth: int,
) -> Iterator[tuple[str, Json, Json]]:
    ours, theirs = ({_name(item, keys): item for item in items} for items in (shipped, live))
    for name in sorted({*ours, *theirs}):
        place = f"{field}[{name}]"
        if name in ours and name in theirs:
            yield from _walk(ours[name], theirs[name], place, defaults, depth + 1)
        else:
            yield place, None, None


def _name(item: Json, keys: tuple[str, ...]) -> str:
    found = item if isinstance(item, dict) else {}
    return "/".join(str(found.get(key, "TCP" if key == "protocol" else "")) for key in keys)[:200]


def _filled_in(key: str, value: Json, around: Mapping[str, Json], defaults: ServerDefaults) -> bool:
    """True if a server put the value there: a default, or requests taken over from limits."""
    if not isinstance(value, (dict, list)) and defaults.fills_in(key, value):
        return True
    if key == "requests":
        return _same(value, around.get("limits"))
    inside = value.items() if isinstance(value, dict) else ()
    return _empty(value) or (bool(inside) and all(_filled_in(k, v, {}, defaults) for k, v in inside))


def _dict(value: Json) -> dict[str, Json] | None:
    return value if isinstance(value, dict) else {} if value is None else None


def _empty(value: Json) -> bool:
    return value is None or value in ({}, [], "")


def _same(shipped: Json, live: Json) -> bool:
    if shipped == live or (_empty(shipped) and _empty(live)):
        return True
    scalars = (str, int, float)
    if not (isinstance(shipped, scalars) and isinstance(live, scalars)):
        return False
    if str(shipped) == str(live):
        return True
    ours, theirs = quantity.amount(str(shipped)), quantity.amount(str(live))
    return ours is not None and ours == theirs
