"""Rights to ask the API server for something: what a plan needs, and what an authorizer says about it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from collector.records.model import Gap


@dataclass(frozen=True, kw_only=True, order=True)
class Right:
    """One right. Empty ``group``: the core group; empty ``namespace``: everywhere, or not in any namespace.

    Attributes:
        resource: plural, such as ``pods``; with a subresource ``pods/log``; or a path such as ``/version``.
    """

    group: str = ""
    resource: str
    verb: str
    namespace: str = ""

    @property
    def name(self) -> str:
        """Returns ``pods/log`` or ``backups.velero.io``, as RBAC messages write it."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    @property
    def is_path(self) -> bool:
        """True for the right to a path that is no resource."""
        return self.resource.startswith("/")


class Allowed(enum.StrEnum):
    """What is known about a right. ``PARTLY``: not everywhere, but in namespaces that a run falls back to."""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class PlannedRight:
    """A right that a plan needs, and what came of asking for it.

    Attributes:
        right: cluster-wide, or in one namespace if the plan names namespaces.
        collector: who needs it.
        namespaced: it could be granted in namespaces one by one.
        allowed: whether the user has it.
        inside: for ``PARTLY``, the namespaces in which the user has it.
        reason: why it could not be asked for; hostile text.
    """

    right: Right
    collector: str
    namespaced: bool
    allowed: Allowed
    inside: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class RightsPlan:
    """All rights that a plan needs on one server.

    Attributes:
        server: address.
        context: of the kubeconfig.
        user: as the kubeconfig calls it.
        rights: in the order in which they are used.
        fallback: the namespaces that a run reads where it may not read all of them.
        gaps: what the server offers but could not describe; rights to it were not asked for.
    """

    server: str
    context: str
    user: str
    rights: tuple[PlannedRight, ...]
    fallback: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def complete(self) -> bool:
        """True if nothing is missing."""
        return all(planned.allowed is Allowed.YES for planned in self.rights)

    @property
    def missing(self) -> tuple[PlannedRight, ...]:
        """Returns what the user has not, or has in some namespaces only, or what could not be found out."""
        return tuple(planned for planned in self.rights if planned.allowed is not Allowed.YES)
