"""Which file of a directory holds the objects of which resource: in a dump by kubectl, and in a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from collector.bundle import layout
from collector.imports.tree import Tree, UnreadableFileError
from collector.kube.discovery import ApiResource
from collector.kube.wellknown import well_known
from collector.records import Json
from collector.records.access import sequence, string

_LISTS = 8 * 1024 * 1024
_ENDING = ".json"
_CUSTOM = "cluster-resources/custom-resources/"
_VERBS = frozenset({"get", "list"})
# The most files looked at to learn what resource a dump's file name stands for.
_SAMPLES = 200


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """One resource and its files, by namespace; those of the whole cluster under an empty one."""

    resource: ApiResource
    files: Mapping[str, str] = field(default_factory=dict)


class _Head(msgspec.Struct, rename="camel"):
    """What a list says of itself; everything else is skipped without being kept."""

    kind: str = ""
    api_version: str = ""


def read_json(tree: Tree, path: str) -> Json:
    """Returns a small document, None if it is not there or cannot be read."""
    try:
        return msgspec.json.decode(tree.read(path, _LISTS)) if path in tree.files else None
    except (UnreadableFileError, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def bundle_shelves(tree: Tree) -> list[Shelf]:
    """Returns what lies below ``cluster-resources``: everything that discovery names and that has a file."""
    documented = list(_documented(tree))
    known: dict[tuple[str, str], ApiResource] = {}
    for resource in documented or (*well_known(), *_custom(tree)):
        known.setdefault((resource.group, resource.plural), resource)
    paths = list(tree.files)
    shelves = []
    for (group, plural), resource in known.items():
        whole = layout.objects_path(group, plural, None)
        files = {
            "" if path == whole else layout.namespace_of(path): path
            for path in layout.objects_of(paths, group, plural)
        }
        if files:
            shelves.append(Shelf(resource=resource, files=files))
    return shelves


def dump_shelves(tree: Tree) -> list[Shelf]:
    """Returns what ``kubectl cluster-info dump`` wrote: NAME.json and NAMESPACE/NAME.json."""
    found: dict[str, dict[str, str]] = {}
    for path in tree.files:
        namespace, _, name = path.rpartition("/")
        if "/" not in namespace and name.endswith(_ENDING):
            found.setdefault(name.removesuffix(_ENDING), {})[namespace] = path
    named = ((_resource(tree, name, files), files) for name, files in found.items())
    return [Shelf(resource=resource, files=files) for resource, files in named if resource]


def _resource(tree: Tree, name: str, files: Mapping[str, str]) -> ApiResource | None:
    """Returns the resource of a file name such as ``replication-controllers``, by what the lists say."""
    for path in list(files.values())[:_SAMPLES]:
        try:
            head = msgspec.json.decode(tree.read(path), type=_Head)
        except (UnreadableFileError, msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            continue
        group, _, version = head.api_version.rpartition("/")
        if head.kind.endswith("List") and version:
            return ApiResource(
                group=group,
                version=version,
                plural=name.replace("-", ""),
                kind=head.kind.removesuffix("List"),
                namespaced="" not in files,
                verbs=_VERBS,
            )
    return None


def _documented(tree: Tree) -> Iterator[ApiResource]:
    """Yields what the bundle's discovery documents list, each resource in its first version."""
    seen: set[tuple[str, str]] = set()
    for document in _dicts(read_json(tree, layout.RESOURCES)):
        group, _, version = string(document, "groupVersion").rpartition("/")
        for entry in sequence(document, "resources"):
            name, kind, verbs = string(entry, "name"), string(entry, "kind"), entry.get("verbs")
            listable = isinstance(verbs, list) and "list" in verbs and "/" not in name
            if name and kind and listable and (group, name) not in seen:
                seen.add((group, name))
                namespaced = entry.get("namespaced") is True
                yield ApiResource(
                    group=group,
                    version=version,
                    plural=name,
                    kind=kind,
                    namespaced=namespaced,
                    verbs=_VERBS,
                )


def _custom(tree: Tree) -> Iterator[ApiResource]:
    """Yields custom resources by their directories, for bundles without discovery documents."""
    for path in tree.files:
        if not path.startswith(_CUSTOM) or not path.endswith(_ENDING):
            continue
        first, slash, _ = path.removeprefix(_CUSTOM).partition("/")
        plural, _, group = first.removesuffix("" if slash else _ENDING).partition(".")
        head = next(iter(_dicts(read_json(tree, path))), {})
        version, kind = string(head, "apiVersion").rpartition("/")[2], string(head, "kind")
        if plural and group and version and kind:
            yield ApiResource(
                group=group,
                version=version,
                plural=plural,
                kind=kind,
                namespaced=bool(slash),
                verbs=_VERBS,
            )


def _dicts(value: Json) -> Iterable[dict[str, Json]]:
    return (entry for entry in value if isinstance(entry, dict)) if isinstance(value, list) else ()
