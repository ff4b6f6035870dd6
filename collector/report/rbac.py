"""Writes Roles and ClusterRoles for a set of rights: exactly those, and grouped to be read by a person."""

from __future__ import annotations

import re
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from collector.records.rights import Right

WIDTH = 80
# Names come from a server that may be hostile, and an administrator is to apply what is written here.
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(/[a-z0-9]+)?")
_PATH = re.compile(r"/[A-Za-z0-9/_.-]*\*?")
# What YAML takes for a word and not for a number, a truth or nothing.
_PLAIN = re.compile(r"(?!(true|false|yes|no|on|off|y|n|null)$)[a-z/][A-Za-z0-9/_.-]*")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")

Rule = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def rules(rights: Iterable[Right]) -> tuple[Rule, ...]:
    """Returns (groups, resources, verbs) that grant these rights and nothing else; paths are left out.

    Groups with the same resources, and resources with the same verbs, share a rule.
    """
    verbs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for right in rights:
        if not right.is_path and _acceptable(right):
            verbs[right.group, right.resource].add(right.verb)
    resources: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
    for (group, resource), granted in verbs.items():
        resources[group, tuple(sorted(granted))].add(resource)
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], set[str]] = defaultdict(set)
    for (group, shared), named in resources.items():
        groups[tuple(sorted(named)), shared].add(group)
    return tuple(sorted((tuple(sorted(of)), *shared) for shared, of in groups.items()))


def paths(rights: Iterable[Right]) -> tuple[str, ...]:
    """Returns the paths among these rights; all of them are only ever read."""
    return tuple(
        sorted({right.resource for right in rights if right.is_path and _PATH.fullmatch(right.resource)})
    )


def role(rights: Iterable[Right], *, name: str, namespace: str = "") -> str:
    """Returns a ClusterRole as YAML, or a Role if ``namespace`` is given; empty if it would grant nothing.

    Rights are taken whatever their own namespace is; what could not stand in a Role is left out.
    """
    wanted = tuple(rights)
    lines = [*_rules(rules(wanted)), *(() if namespace else _paths(paths(wanted)))]
    if not lines or (namespace and not _NAMESPACE.fullmatch(namespace)):
        return ""
    head = [
        "apiVersion: rbac.authorization.k8s.io/v1",
        f"kind: {'Role' if namespace else 'ClusterRole'}",
        "metadata:",
        f"  name: {name}",
        *([f"  namespace: {namespace}"] if namespace else []),
        "rules:",
    ]
    return "\n".join([*head, *lines]) + "\n"


def _acceptable(right: Right) -> bool:
    return bool(_NAME.fullmatch(right.resource) and (not right.group or _NAME.fullmatch(right.group)))


def _rules(found: Sequence[Rule]) -> Iterator[str]:
    for groups, resources, verbs in found:
        yield from _wrapped(f"  - apiGroups: {_flow(groups)}")
        yield from _wrapped(f"    resources: {_flow(resources)}")
        yield f"    verbs: {_flow(verbs)}"


def _paths(found: Sequence[str]) -> Iterator[str]:
    if found:
        yield f"  - nonResourceURLs: {_flow(found)}"
        yield "    verbs: [get]"


def _flow(names: Iterable[str]) -> str:
    shown = (name if _PLAIN.fullmatch(name) else f'"{name}"' for name in names)
    return f"[{', '.join(shown)}]"


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(
        line,
        WIDTH,
        subsequent_indent=" " * 8,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
