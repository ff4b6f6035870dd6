"""Shows the rights that a plan needs: for a person, for a machine, and as Roles that grant the rest."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from collector.core.text import counted, display
from collector.records import Json
from collector.records.rights import Allowed, PlannedRight, Right, RightsPlan
from collector.report.rbac import role

ROLE = "conductor-diag-extra"
_WORDS = {Allowed.YES: "ok", Allowed.PARTLY: "partly", Allowed.NO: "missing", Allowed.UNKNOWN: "unknown"}
_REASON = 200
_NAME = 300
_BIND = """\
# What conductor-diag needs and its account lacks. To bind it to the account
# (add --serviceaccount=NAMESPACE:NAME or --user=NAME):
# kubectl create {kind}binding {role} \\
#   --{kind}={role}{scope}
"""
_SECRETS = """\
# Who may list Secrets may read their values too; conductor-diag asks for their
# names and labels alone.
"""
_RECORDS = """\
# Whoever has this may read every Secret of the namespace; conductor-diag reads
# those in which Helm 3 keeps Conductor's own releases, by name.
"""
_ADVICE = (
    "A run goes on without these and says what it could not see. An administrator can grant them with what "
    "follows (preflight -o rbac prints it alone):"
)


def rights_text(plan: RightsPlan, *, namespaces: Sequence[str] = (), width: int = 80) -> str:
    """Returns the table, one line for each collector, and below it what is missing with the Roles for it.

    ``namespaces`` are those the operator named; see ``rights_yaml``.
    """
    lines = [
        display(f"context {plan.context} · {plan.server} · user {plan.user}", width),
        "What a run with these flags needs, and whether this user has it:",
        "",
        *_table(plan.rights, width),
        "",
    ]
    lines += [display(f"not asked for: {gap.subject}: {gap.reason}", width) for gap in plan.gaps]
    if plan.complete:
        return "\n".join(
            [*lines, f"Nothing is missing; {counted(len(plan.rights), 'right')} were asked for."]
        )
    lines += _missing(plan.missing, width)
    found = f"{len(plan.missing)} of {counted(len(plan.rights), 'right')} missing. {_ADVICE}"
    lines += [*textwrap.wrap(found, width), "", rights_yaml(plan, namespaces=namespaces).rstrip("\n")]
    return "\n".join(lines)


def rights_json(plan: RightsPlan) -> bytes:
    """Returns ``rights_value`` as JSON and a newline."""
    return msgspec.json.format(msgspec.json.encode(rights_value(plan)), indent=2) + b"\n"


def rights_value(plan: RightsPlan) -> dict[str, Json]:
    """Returns ``{server, context, user, complete, rights: [...], not_asked: [...]}``."""
    return {
        "server": plan.server,
        "context": plan.context,
        "user": plan.user,
        "complete": plan.complete,
        "rights": [
            {
                "verb": planned.right.verb,
                "group": planned.right.group,
                "resource": planned.right.resource,
                "namespace": planned.right.namespace,
                "collector": planned.collector,
                "allowed": planned.allowed,
                "allowed_in": planned.inside,
                "reason": planned.reason,
            }
            for planned in plan.rights
        ],
        "not_asked": [{"subject": gap.subject, "reason": gap.reason} for gap in plan.gaps],
    }


def rights_yaml(plan: RightsPlan, *, namespaces: Sequence[str] = ()) -> str:
    """Returns the smallest Roles and ClusterRoles that grant what is missing; empty if nothing is.

    Rights inside namespaces are granted by Roles in those that the operator named (``namespaces``) or the
    plan reads, by a ClusterRole if there are none.
    """
    places: dict[str, list[Right]] = {}
    for planned in plan.missing:
        for namespace in _places(planned, namespaces):
            places.setdefault(namespace, []).append(planned.right)
    documents = [_document(namespace, rights) for namespace, rights in sorted(places.items())]
    return "---\n".join(document for document in documents if document)


def _places(planned: PlannedRight, namespaces: Sequence[str]) -> Iterable[str]:
    """Returns where to grant a right: namespaces, or "" for everywhere."""
    if planned.right.namespace or not planned.namespaced or not namespaces:
        return (planned.right.namespace,)
    return [namespace for namespace in namespaces if namespace not in planned.inside]


def _document(namespace: str, rights: Sequence[Right]) -> str:
    made = role(rights, name=ROLE, namespace=namespace)
    if not made:
        return ""
    kind, scope = ("role", f" --namespace={namespace}") if namespace else ("clusterrole", "")
    verbs = {right.verb for right in rights if right.resource == "secrets"}
    warning = _RECORDS if "get" in verbs else _SECRETS if verbs else ""
    return _BIND.format(kind=kind, role=ROLE, scope=scope) + warning + made


def _table(rights: Sequence[PlannedRight], width: int) -> Iterator[str]:
    for (collector, verb), members in groupby(rights, key=lambda p: (p.collector, p.right.verb)):
        found = tuple(members)
        had = [planned for planned in found if planned.allowed is Allowed.YES]
        head = f"  {_word(found):<8} {display(collector, 12):<12} {verb:<5} "
        if len(had) == len(found):
            yield head + fitting([planned.right.name for planned in found], width - len(head))
        else:
            inside = sum(planned.allowed is Allowed.PARTLY for planned in found)
            rest = f", {inside} in some namespaces" if inside else ""
            yield f"{head}{len(had)} of {counted(len(found), 'right')}{rest}"


def _word(found: Sequence[PlannedRight]) -> str:
    states = {planned.allowed for planned in found}
    if len(states) == 1:
        return _WORDS[states.pop()]
    return _WORDS[Allowed.UNKNOWN if states == {Allowed.YES, Allowed.UNKNOWN} else Allowed.PARTLY]


def fitting(names: Sequence[str], width: int) -> str:
    """Returns as many names as fit, and how many more there are; made safe to show."""
    names = [display(name, _NAME) for name in names]
    for shown in range(len(names), 0, -1):
        rest = f" and {len(names) - shown} more" if shown < len(names) else ""
        text = ", ".join(names[:shown]) + rest
        if len(text) <= width:
            return text
    return counted(len(names), "right")


def _missing(missing: Sequence[PlannedRight], width: int) -> Iterator[str]:
    """Yields every right that is missing, those of one kind together."""
    ordered = sorted(missing, key=lambda planned: (_heading(planned), planned.right))
    for heading, members in groupby(ordered, key=_heading):
        names = ", ".join(display(planned.right.name) for planned in members)
        yield display(heading, width)
        yield from textwrap.wrap(
            names,
            width,
            initial_indent="    ",
            subsequent_indent="    ",
            break_on_hyphens=False,
        )
        yield ""


def _heading(planned: PlannedRight) -> str:
    verb, place = planned.right.verb, planned.right.namespace
    where = f" in {place}" if place else ""
    if planned.allowed is Allowed.UNKNOWN:
        return f"  {verb}{where}, could not be asked ({display(planned.reason, _REASON)}):"
    if planned.inside:
        return f"  {verb}, granted only in {', '.join(planned.inside)}:"
    return f"  {verb}{where}, not granted:"
