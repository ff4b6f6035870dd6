"""Helm 3 releases in Secrets: their names and states if the operator wants those, Conductor's own whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from collector.collectors import helm3
from collector.collectors.base import Context, Need, gap_of
from collector.collectors.release import ReleaseError
from collector.collectors.release_entry import entry_of, named_only, revision_of
from collector.kube.api import HelmRecord, RefusedRequestError
from collector.kube.errors import ApiError
from collector.kube.lists import ListRead
from collector.records import Gap, Json, Status
from collector.records.access import mapping, string
from collector.releases import load_conductor
from collector.spec import Spec

_OF_HELM = {"labelSelector": "owner=helm"}
_WHAT = "Helm 3 release Secrets (metadata)"
_RECORDS = "Helm 3 release records"
_MOST_READ = 4
_MOST_NAMED = 10_000
NEEDS = "Role in Conductor's namespace: configs/kubernetes/helm-secrets.yaml"

Charts = Mapping[tuple[str, str], str]
"""The chart of a release by (namespace, name), as labels of its objects state it."""


def record_needs(spec: Spec) -> tuple[Need, ...]:
    """Returns the rights that reading Conductor's records takes in its namespaces, if it is switched on."""
    if not spec.read_helm_secrets:
        return ()
    return (
        Need(verb="get", group="", resource="secrets"),
        Need(verb="list", group="", resource="secrets"),
    )


def name_needs(spec: Spec) -> tuple[Need, ...]:
    """Returns the right that listing all of Helm's records by their metadata takes, if it is switched on."""
    return (Need(verb="list", group="", resource="secrets"),) if _names_wanted(spec) else ()


def _names_wanted(spec: Spec) -> bool:
    return spec.helm3_secrets or spec.secret_objects == "metadata"


def release_names(context: Context, charts: Charts) -> Iterator[Json | Gap]:
    """Yields one entry for each record, in the form of ``helm/releases.json``.

    Nothing is asked for unless the operator switched it on.
    """
    resource = context.discovery.find("secrets")
    if resource is None or not _names_wanted(context.spec):
        return
    try:
        for item in ListRead(context.api, resource, params=_OF_HELM, metadata_only=True):
            yield named_only(mapping(item, "metadata"), charts)
    except ApiError as error:
        yield gap_of(error, _WHAT, needs="ClusterRole: verb list on secrets (a broad grant; think twice)")


def own_records(context: Context, charts: Charts, namespaces: Iterable[str]) -> Iterator[Json | Gap]:
    """Yields an entry for each of Conductor's Helm 3 releases in these namespaces, read from its Secret.

    Of a release the newest deployed revision is read and what is newer. Only with ``readHelmSecrets``. A
    record of a chart that is not Conductor's is dropped, and told by its metadata.
    """
    if not context.spec.read_helm_secrets:
        return
    places = sorted(set(namespaces))
    if not places:
        yield Gap(
            subject=_RECORDS,
            status=Status.SKIPPED,
            reason="in which namespace Conductor runs is not known, and no other one's Secrets are read",
            needs="the namespace of Conductor: conductor-diag collect -n NAMESPACE",
        )
    for namespace in places:
        try:
            for record, metadata in _worth_reading(context, charts, namespace):
                yield _read(context, charts, record, metadata)
        except ApiError as error:
            yield gap_of(error, _RECORDS, needs=NEEDS, namespace=namespace)


def _worth_reading(context: Context, charts: Charts, namespace: str) -> Iterator[tuple[HelmRecord, Json]]:
    resource = context.discovery.find("secrets")
    if resource is None:
        return
    listed = ListRead(context.api, resource, namespace, params=_OF_HELM, metadata_only=True)
    found: list[tuple[HelmRecord, Json]] = []
    for item in listed:
        metadata = mapping(item, "metadata")
        record = _record(metadata, namespace)
        if record and _may_be_ours(record, charts) and len(found) < _MOST_NAMED:
            found.append((record, metadata))
    found.sort(key=lambda pair: (pair[0].release, pair[0].revision))
    for _, group in groupby(found, key=lambda pair: pair[0].release):
        revisions = list(group)
        deployed = [at for at, (_, metadata) in enumerate(revisions) if _deployed(metadata)]
        yield from revisions[max(deployed, default=len(revisions) - 1) :][-_MOST_READ:]


def _record(metadata: Json, namespace: str) -> HelmRecord | None:
    """Returns the record whose labels and name agree; None for any other Secret that carries the label."""
    labels = mapping(metadata, "labels")
    try:
        record = HelmRecord(namespace=namespace, release=string(labels, "name"), revision=revision_of(labels))
    except RefusedRequestError:
        return None
    return record if string(metadata, "name") == record.name else None


def _may_be_ours(record: HelmRecord, charts: Charts) -> bool:
    ours = load_conductor().releases
    return record.release in ours.names or charts.get((record.namespace, record.release), "") in ours.charts


def _deployed(metadata: Json) -> bool:
    return string(mapping(metadata, "labels"), "status") == "deployed"


def _read(context: Context, charts: Charts, record: HelmRecord, metadata: Json) -> Json | Gap:
    place = f"{record.namespace}/{record.name}"
    try:
        release = helm3.decode_release(context.api.get_helm_record(record), secret=True)
    except ReleaseError as error:
        return Gap(subject=f"Helm 3 release record {place}", status=Status.FAILED, reason=str(error))
    except ApiError as error:
        return gap_of(error, f"Helm 3 release record {place}", needs=NEEDS, namespace=record.namespace)
    own = load_conductor().releases.charts
    stated = release.namespace, release.name, release.revision
    if release.chart not in own or stated != (record.namespace, record.release, record.revision):
        return named_only(metadata, charts)
    if release.chart == own[0]:
        context.digest.keep_record(release)
    return entry_of(release, f"Secret {place}")
