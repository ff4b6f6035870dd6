"""Who has sessions in Conductor's database, by the addresses they come from; names and numbers only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from collector.analysis.context import RuleContext
from collector.analysis.evidence import Item
from collector.analysis.foreign import key_of, others_of
from collector.bundle import layout
from collector.findings import Evidence, Owner, Subject
from collector.postgres.clients import load_tolerated
from collector.records import Json
from collector.records.access import integer, mapping, sequence, string

_OWN = (Owner.CONDUCTOR, Owner.PLATFORM, Owner.PLATFORM_APPLICATION)
_LOOPBACK = ("127.", "::1")
_MOST = 5


@dataclass(kw_only=True)
class Sessions:
    """Sessions of one user of the database.

    ``subject`` is the workload they come from. Where no pod has their address it is the database, and
    ``accounted`` is False.
    """

    subject: Subject
    accounted: bool
    evidence: Evidence
    count: int = 0
    applications: dict[str, None] = field(default_factory=dict)
    roles: dict[str, None] = field(default_factory=dict)
    addresses: dict[str, None] = field(default_factory=dict)

    def add(self, client: Json) -> None:
        """Counts the sessions of one kind in."""
        self.count += integer(client, "count")
        for names, key in (
            (self.applications, "application"),
            (self.roles, "role"),
            (self.addresses, "address"),
        ):
            if value := string(client, key):
                names[value] = None

    @property
    def words(self) -> str:
        """Who they say they are."""
        said = [f"calls itself {_some(self.applications)}"] if self.applications else []
        return ", ".join([*said, f"role {_some(self.roles) or 'not known'}"])


def _some(names: Mapping[str, None]) -> str:
    shown = list(names)[:_MOST]
    return ", ".join(shown) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")


@dataclass(frozen=True, kw_only=True)
class _Place:
    """The pod that has an address: its workload and its images."""

    subject: Subject
    pod: str
    images: tuple[str, ...]


def foreign_sessions(context: RuleContext) -> Iterator[Sessions]:
    """Yields each user of Conductor's database but Conductor, and who is there for the database's sake."""
    document = context.view.document(layout.CLUSTERS)
    for at, cluster in enumerate(sequence(document, "clusters")):
        if string(cluster, "owner") != Owner.CONDUCTOR:
            continue
        clients = [client for client in _clients(cluster) if not _tolerated(client)]
        if clients:
            yield from _users(context, cluster, f"/clusters/{at}", clients)


def _clients(cluster: Json) -> Iterator[Json]:
    for server in sequence(cluster, "servers"):
        yield from sequence(server, "clients")


def _tolerated(client: Json) -> bool:
    address = string(client, "address")
    inside = not address or address.startswith(_LOOPBACK)
    return inside or load_tolerated().application(string(client, "application"))


def _users(context: RuleContext, cluster: Json, root: str, clients: list[Json]) -> Iterator[Sessions]:
    places = _places(context, {string(client, "address") for client in clients})
    own = {string(client, "role") for client in clients if _is_own(places.get(_of(client)), cluster)}
    nodes = _node_addresses(context)
    found: dict[Subject, Sessions] = {}
    for client in clients:
        place = places.get(_of(client))
        if _is_own(place, cluster):
            continue
        # Traffic that crosses nodes may come with a node's address, Conductor's own as well.
        if place is None and _of(client) in nodes and (not own or string(client, "role") in own):
            continue
        subject = place.subject if place else _database(cluster)
        evidence = Evidence(path=layout.CLUSTERS, pointer=f"{root}/servers")
        sessions = Sessions(subject=subject, accounted=place is not None, evidence=evidence)
        found.setdefault(subject, sessions).add(client)
    yield from found.values()


def _of(client: Json) -> str:
    return string(client, "address")


def _is_own(place: _Place | None, cluster: Json) -> bool:
    if place is None:
        return False
    beside = place.subject.namespace == string(cluster, "namespace")
    member = beside and f"{place.pod}-".startswith(f"{string(cluster, 'name')}-")
    return (
        member or place.subject.owner in _OWN or any(load_tolerated().image(image) for image in place.images)
    )


def _database(cluster: Json) -> Subject:
    return Subject(
        kind=string(cluster, "kind") or "Database",
        namespace=string(cluster, "namespace"),
        name=string(cluster, "name"),
        owner=Owner.CONDUCTOR,
    )


def _places(context: RuleContext, addresses: set[str]) -> Mapping[str, _Place]:
    """Returns who has which address. One that two running pods have says nothing, and is left out."""
    others = others_of(context)
    found: dict[str, _Place | None] = {}
    for pod in context.view.objects("pods"):
        for address in _addresses(pod) & addresses:
            subject = context.view.workload_of(pod)
            if subject.owner is Owner.UNKNOWN and key_of(subject) in others:
                subject = replace(subject, owner=Owner.CUSTOMER)
            images = [string(c, "image") for c in sequence(mapping(pod.body, "spec"), "containers")]
            place = _Place(subject=subject, pod=pod.name, images=tuple(images))
            found[address] = None if address in found else place
    return {address: place for address, place in found.items() if place}


def _addresses(pod: Item) -> set[str]:
    spec, status = mapping(pod.body, "spec"), mapping(pod.body, "status")
    if spec.get("hostNetwork") is True or string(status, "phase") in ("Succeeded", "Failed"):
        return set()  # the node's address, or one that another pod may have by now
    listed = {string(one, "ip") for one in sequence(status, "podIPs")}
    return (listed | {string(status, "podIP")}) - {""}


def _node_addresses(context: RuleContext) -> set[str]:
    return {
        string(one, "address")
        for node in context.view.objects("nodes")
        for one in sequence(mapping(node.body, "status"), "addresses")
    }
