"""Which Helm releases there are, which one is Conductor, and which objects belong to whom.

Nothing about Conductor's chart is public, so its parts are found through the release record and labels;
a name alone proves nothing (see the traps in the policy's sources: other products are called Conductor).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collector.bundle import layout
from collector.collectors import helm2, helm3
from collector.collectors.base import Collector, Context, Need, Reread, gap_of
from collector.collectors.digest import ObjectDigest
from collector.collectors.helm3_names import name_needs, own_records, record_needs, release_names
from collector.collectors.named import absent_gap, absent_namespaces
from collector.collectors.release import ReleaseError
from collector.collectors.release_entry import entry_of
from collector.kube.discovery import ApiResource
from collector.kube.errors import ApiError, ForbiddenError
from collector.kube.lists import ListRead
from collector.records import Document, Gap, Json, Record, Status
from collector.records.access import mapping, string
from collector.spec import Spec

CHART = "conductor"
_RECORDS = {"labelSelector": "OWNER=TILLER"}
_RECORDS_3 = {"labelSelector": "owner=helm"}
_TILLER_NAMESPACE = "kube-system"
_RECORDS_A_PAGE = 20
_OWNED = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job")
_INSTANCE_LABELS = ("release", "app.kubernetes.io/instance")
_CHART_LABELS = ("helm.sh/chart", "chart")
_ADDON_LABEL = "kubeaddons.mesosphere.io/name"
_FLUX_LABEL = "helm.toolkit.fluxcd.io/name"


def collect(context: Context) -> Iterator[Record]:
    """Yields helm/releases.json and conductor/release-objects.json, and any gap in reading them."""
    absent = absent_namespaces(context)
    yield from (absent_gap(context, name) for name in sorted(absent))
    known: dict[str, Json] = {}
    for found in _releases(context, known, absent):
        if isinstance(found, Gap):
            yield found
        else:
            known[found["record"]] = found
    releases = sorted(known.values(), key=lambda r: (r["namespace"], r["name"], r["revision"]))
    context.digest.releases = releases
    current = conductor_release(releases)
    context.digest.conductor_namespaces = tuple(sorted(_namespaces(context, releases, absent)))
    objects = list(_owned_objects(context, current))
    context.digest.ownership = {(o["kind"], o["namespace"], o["name"]): o["owner"] for o in objects}
    yield Document(path=layout.RELEASES, value={"releases": releases})
    yield Document(
        path=layout.CONDUCTOR,
        value={
            "namespaces": list(context.digest.conductor_namespaces),
            "release": {key: current[key] for key in current if key != "objects"} if current else None,
            "objects": objects,
        },
    )


def conductor_release(releases: list[Json]) -> Json | None:
    """Returns Conductor's newest deployed revision, else its newest; None if there is no record."""
    own = [release for release in releases if release["chart"] == CHART]
    deployed = [release for release in own if release["status"] == "DEPLOYED"]
    # After a migration the records of Helm 2 stay, so one of Helm 3 is the live one.
    return max(deployed or own, key=lambda release: (release["helm"], release["revision"]), default=None)


def _releases(context: Context, known: Mapping[str, Json], absent: frozenset[str]) -> Iterator[Json | Gap]:
    """Yields releases; of two entries for one record the later one says more. ``known``: those so far."""
    charts = _labelled_releases(context)
    yield from _release_records(context)
    yield from release_names(context, charts)
    yield from own_records(context, charts, _namespaces(context, list(known.values()), absent))


def _namespaces(context: Context, releases: list[Json], absent: frozenset[str]) -> set[str]:
    """Returns where Conductor runs, as far as the spec, a release, an Addon or labels say.

    ``absent`` are namespaces that the spec names and the cluster has not.
    """
    current = conductor_release(releases)
    found = set(context.spec.conductor_namespaces) - absent
    found |= {current["namespace"] or "default"} if current else set()
    found |= {item.namespace for item in context.digest.of(*_OWNED) if _labelled_chart(item) == CHART}
    return found | {addon.namespace for addon in context.digest.of("Addon") if addon.name == CHART}


def _release_records(context: Context) -> Iterator[Json | Gap]:
    resource = context.discovery.find("configmaps")
    if resource is None:
        yield Gap(
            subject="Helm 2 release records", status=Status.ABSENT, reason="the server offers no configmaps"
        )
        return
    try:
        yield from _decoded(context, _records(context, resource, None))
        yield from _decoded(context, _records(context, resource, None, _RECORDS_3))
    except ForbiddenError as error:
        yield gap_of(
            error, "Helm 2 release records in all namespaces", needs="ClusterRole: verb list on configmaps"
        )
        try:
            yield from _decoded(context, _records(context, resource, _TILLER_NAMESPACE))
        except ApiError as inner:
            yield gap_of(inner, "Helm 2 release records", namespace=_TILLER_NAMESPACE)
    except ApiError as error:
        yield gap_of(error, "Helm 2 release records")


def _records(
    context: Context, resource: ApiResource, namespace: str | None, params: Mapping[str, str] = _RECORDS
) -> ListRead:
    return ListRead(context.api, resource, namespace, params=params, page=_RECORDS_A_PAGE)


def _decoded(context: Context, records: ListRead) -> Iterator[Json | Gap]:
    """Yields what the records say. Helm 3 keeps its own in ConfigMaps only where it was told to."""
    generation = "2" if records.params is _RECORDS else "3"
    for item in records:
        metadata = mapping(item, "metadata")
        place = f"{string(metadata, 'namespace')}/{string(metadata, 'name')}"
        encoded = string(mapping(item, "data"), "release")
        try:
            if generation == "2":
                record = helm2.decode_release(encoded)
            else:
                record = helm3.decode_release(encoded, secret=False)
        except ReleaseError as error:
            subject = f"Helm {generation} release record {place}"
            yield Gap(subject=subject, status=Status.FAILED, reason=str(error))
        else:
            if record.chart == CHART:
                context.digest.keep_record(record)
            yield entry_of(record, f"ConfigMap {place}")


def _labelled_chart(item: ObjectDigest) -> str:
    """Returns the chart's name from a label such as ``conductor-1.1.0``, or an empty string."""
    label = next((item.labels[key] for key in _CHART_LABELS if key in item.labels), "")
    name, _, version = label.rpartition("-")
    return name if version[:1].isdigit() or version[:2].lower() == "v1" else ""


def _labelled_releases(context: Context) -> dict[tuple[str, str], str]:
    """Returns the chart of each release, by (namespace, name), as the labels of its objects state both."""
    return {
        (item.namespace, item.labels[label]): chart
        for item in context.digest.of(*_OWNED)
        for label in _INSTANCE_LABELS
        if label in item.labels and (chart := _labelled_chart(item))
    }


def _owned_objects(context: Context, conductor: Json | None) -> Iterator[Json]:
    """Yields each workload that a release or addon accounts for, with the way we know."""
    newest: dict[tuple[str, str], Json] = {}
    for release in context.digest.releases:
        if release["status"] == "DEPLOYED":
            newest[release["namespace"], release["name"]] = release
    addons = {_addon_chart(addon): addon.name for addon in context.digest.of("Addon", "ClusterAddon")}
    applications = frozenset(item.name for item in context.digest.of("AppDeployment"))
    for item in context.digest.of(*_OWNED):
        if item.owner is not None:
            continue
        owner, how, release = _owner(item, conductor, newest, addons, applications)
        if owner:
            yield {
                "kind": item.kind,
                "namespace": item.namespace,
                "name": item.name,
                "owner": owner,
                "how": how,
                "release": release,
                "images": [container.image for container in item.containers],
                "path": item.path,
                "pointer": item.pointer,
            }


def _owner(
    item: ObjectDigest,
    conductor: Json | None,
    releases: dict[tuple[str, str], Json],
    addons: dict[tuple[str, str], str],
    applications: frozenset[str],
) -> tuple[str, str, str]:
    """Returns (owner word, how we know, release name); empty strings when nothing accounts for the object."""
    release, how = _release_of(item, conductor, releases)
    if release is not None and conductor is not None and release["name"] == conductor["name"]:
        return "conductor", how, release["name"]
    if release is None and _labelled_chart(item) == CHART:
        return "conductor", "its chart label names the chart conductor", ""
    if release is not None and (release["chart"], release["chart_version"]) in addons:
        addon = addons[release["chart"], release["chart_version"]]
        return "platform_application", f"{how}; an Addon ships this chart", addon
    if _ADDON_LABEL in item.labels:
        return "platform_application", f"its label {_ADDON_LABEL} names an addon", item.labels[_ADDON_LABEL]
    if item.labels.get(_FLUX_LABEL) in applications:
        name = item.labels[_FLUX_LABEL]
        return "platform_application", f"its label {_FLUX_LABEL} names an AppDeployment", name
    return ("unknown", how, release["name"]) if release is not None else ("", "", "")


def _release_of(
    item: ObjectDigest, conductor: Json | None, releases: dict[tuple[str, str], Json]
) -> tuple[Json | None, str]:
    candidates = [*releases.values(), *([conductor] if conductor else [])]
    for release in candidates:
        if any(
            (entry["kind"], entry["namespace"], entry["name"]) == item.key for entry in release["objects"]
        ):
            return release, "it stands in the release's manifest"
    for label in _INSTANCE_LABELS:
        for release in candidates:
            if item.labels.get(label) == release["name"] and item.namespace == release["namespace"]:
                return release, f"its label {label} names the release"
    return None, ""


def _addon_chart(addon: ObjectDigest) -> tuple[str, str]:
    reference = mapping(mapping(addon.body, "spec"), "chartReference")
    return string(reference, "chart").rpartition("/")[2], string(reference, "version")


def _rereads(spec: Spec) -> tuple[Reread, ...]:
    labels = f"{_RECORDS['labelSelector']} or {_RECORDS_3['labelSelector']}"
    found = [Reread(resource="configmaps", part=f"Helm's records, with {labels}")]
    if name_needs(spec):
        found.append(Reread(resource="secrets", part="metadata of Helm's records"))
    if spec.conductor_namespaces or spec.namespaces:
        found.append(Reread(resource="namespaces", part="those named, if they were not seen"))
    return tuple(found)


CONDUCTOR = Collector(
    name="conductor",
    collect=collect,
    needs=(
        Need(verb="list", group="", resource="configmaps"),
        Need(verb="list", group="", resource="namespaces"),
    ),
    needs_with=name_needs,
    where_conductor_runs=record_needs,
    rereads=_rereads,
    after=("workloads", "cluster"),
)
