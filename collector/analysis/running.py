"""Which images the containers of Conductor's workloads really run, as their nodes report them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from collector.analysis.compared import entries
from collector.analysis.context import RuleContext
from collector.analysis.evidence import Item
from collector.analysis.workloads import containers
from collector.findings import Evidence
from collector.records import Json
from collector.records.access import mapping, sequence, string
from collector.releases.images import running_image

_MOST_OF_ONE = 20

Key = tuple[str, str, str, str]
"""Kind, namespace, name and container."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """One image that a container runs. ``reference`` is what its pod asks for.

    ``repository`` and ``digest`` are what came; both are empty for an image that no registry delivered.
    """

    reference: str
    repository: str
    digest: str
    evidence: Evidence


def running_images(context: RuleContext) -> Mapping[Key, tuple[Running, ...]]:
    """Returns the images that run, each once, by the workload and container that was compared."""
    wanted = {(string(e, "kind"), string(e, "namespace"), string(e, "name")) for e in entries(context)}
    found: dict[Key, dict[tuple[str, str, str], Running]] = {}
    for pod in context.view.objects("pods") if wanted else ():
        above = context.view.workload_of(pod)
        workload = above.kind, above.namespace, above.name
        if workload not in wanted:
            continue
        for container, running in _of_pod(pod):
            known = found.setdefault((*workload, container), {})
            if len(known) < _MOST_OF_ONE:
                known.setdefault((running.reference, running.repository, running.digest), running)
    return {key: tuple(known.values()) for key, known in found.items()}


def _of_pod(pod: Item) -> Iterator[tuple[str, Running]]:
    asked = _references(pod)
    for where, at, status in containers(pod):
        name, image_id = string(status, "name"), string(status, "imageID")
        if image_id and name in asked:
            image = running_image(image_id)
            yield (
                name,
                Running(
                    reference=asked[name],
                    repository=image.repository,
                    digest=image.digest,
                    evidence=pod.at(f"/status/{where}/{at}/imageID", image_id),
                ),
            )


def _references(pod: Item) -> dict[str, str]:
    spec: Json = mapping(pod.body, "spec")
    return {
        string(container, "name"): string(container, "image")
        for key in ("initContainers", "containers")
        for container in sequence(spec, key)
    }
