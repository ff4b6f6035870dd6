"""Component versions, each with its proof, and the signs of the platform that hosts Conductor.

Whose version it is follows from ownership and images, never from object names. The recognition facts
(image names, labels, API groups) come from the components' public charts and manifests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from collector.bundle import layout
from collector.collectors.base import Collector, Context
from collector.collectors.conductor import CHART, conductor_release
from collector.collectors.digest import ObjectDigest
from collector.collectors.platform import stated_version
from collector.records import Document, Json, Record
from collector.records.access import mapping, string
from collector.releases import load_components
from collector.releases.images import parse_image, tag_version

_CONTROLLERS = ("Deployment", "StatefulSet", "DaemonSet")
_KONVOY_LABEL = "konvoy.mesosphere.com/"
_KONVOY_GROUP = "kubeaddons.mesosphere.io"
_KONVOY_NAMESPACE = "kubeaddons"
_DKP_GROUPS = ("apps.kommander.d2iq.io", "infrastructure.cluster.konvoy.d2iq.io")
_DKP_LABEL = "konvoy.d2iq.io/"
_DKP_NAMESPACES = ("kommander-flux",)
_CERT_MANAGER_GROUPS = ("certmanager.k8s.io", "cert-manager.io")
_MAX_IMAGES = 5000


def collect(context: Context) -> Iterator[Record]:
    """Yields versions/components.json."""
    yield Document(
        path=layout.VERSIONS,
        value={
            "platform": _platform(context),
            "helm": _helm(context),
            "cert_manager_api_groups": [g for g in _CERT_MANAGER_GROUPS if context.discovery.has_group(g)],
            "components": list(_components(context)),
            "images": _images(context),
            "not_read": [
                name for name in ("pods", "deployments.apps", "nodes") if name not in context.digest.listed
            ],
        },
    )


def _components(context: Context) -> Iterator[Json]:
    git_version = string(context.version, "gitVersion")
    if git_version:
        yield _component(
            "kubernetes",
            git_version.removeprefix("v"),
            "what the API server answers at /version",
            subject={"kind": "Cluster", "namespace": "", "name": "kubernetes", "owner": "platform"},
            evidence=[{"path": layout.CLUSTER_VERSION, "pointer": "/info/gitVersion"}],
        )
    release = conductor_release(context.digest.releases)
    if release:
        at = context.digest.releases.index(release)
        yield _component(
            "conductor",
            release["app_version"] or release["chart_version"],
            f"Helm {release['helm']} release record, chart {release['chart']} {release['chart_version']}",
            subject={
                "kind": "Release",
                "namespace": release["namespace"],
                "name": release["name"],
                "owner": "conductor",
            },
            evidence=[{"path": layout.RELEASES, "pointer": f"/releases/{at}"}],
        )
    for item in context.digest.of(*_CONTROLLERS):
        yield from _from_images(context, item)


def _from_images(context: Context, item: ObjectDigest) -> Iterator[Json]:
    seen: set[str] = set()
    for container in item.containers:
        image = parse_image(container.image)
        component = load_components().of(image.repository)
        if component is None or component.name in seen:
            continue
        seen.add(component.name)
        version = tag_version(image.tag, component.parts)
        yield _component(
            component.name,
            version,
            f"image tag {image.tag}" if version else "the image reference states no exact version",
            subject=_subject(context, item),
            evidence=[{"path": item.path, "pointer": item.pointer}],
            serves=_serves_conductor(context) if component.name == "traefik" else None,
        )


def _component(
    name: str,
    version: str,
    source: str,
    *,
    subject: Json,
    evidence: list[Json],
    serves: bool | None = None,
) -> dict[str, Any]:
    return {
        "component": name,
        "version": version,
        "confidence": "proven" if version else "unknown",
        "source": source,
        "subject": subject,
        "evidence": evidence,
        "serves_conductor": serves,
    }


def _subject(context: Context, item: ObjectDigest) -> Json:
    return {
        "kind": item.kind,
        "namespace": item.namespace,
        "name": item.name,
        "owner": context.digest.ownership.get(item.key, "unknown"),
    }


def _serves_conductor(context: Context) -> bool | None:
    """True if Conductor's Ingresses name the class traefik and there is one Traefik; None if not known."""
    classes = set()
    for ingress in context.digest.of("Ingress"):
        if ingress.namespace in context.digest.conductor_namespaces:
            annotations = mapping(mapping(ingress.body, "metadata"), "annotations")
            spec = mapping(ingress.body, "spec")
            classes.add(
                string(annotations, "kubernetes.io/ingress.class") or string(spec, "ingressClassName")
            )
    traefiks = [
        item
        for item in context.digest.of(*_CONTROLLERS)
        if any(parse_image(container.image).name == "traefik" for container in item.containers)
    ]
    if not classes:
        return None
    if not any("traefik" in name or not name for name in classes):
        return False
    return True if len(traefiks) == 1 else None


def _helm(context: Context) -> Json:
    """Returns which Helm generations name Conductor; ``readable`` is False when records were denied."""
    live = [r for r in context.digest.releases if r["chart"] == CHART and r["status"] == "DEPLOYED"]
    two = [r for r in live if r["helm"] == "2"]
    three = [
        item
        for item in context.digest.of(*_CONTROLLERS)
        if item.labels.get("app.kubernetes.io/managed-by") == "Helm"
        and item.labels.get("helm.sh/chart", "").startswith(f"{CHART}-")
    ]
    return {
        "conductor_v2_records": len(two),
        "conductor_v3_records": len(live) - len(two),
        "conductor_v3_objects": [{"path": item.path, "pointer": item.pointer} for item in three[:20]],
        "readable": "configmaps" in context.digest.listed,
    }


def _platform(context: Context) -> Json:
    """Returns the platform by its signs; ``none`` only when the places where signs stand could be read."""
    konvoy, dkp = list(_konvoy_signs(context)), list(_dkp_signs(context))
    kind, confidence = "none", "inferred"
    if dkp:
        kind, signs = "dkp_2", dkp
        confidence = "proven" if len(dkp) > 1 else "inferred"
    elif konvoy:
        kind, signs = "konvoy_1", konvoy
        confidence = "proven" if any(sign["sign"].startswith("node label") for sign in konvoy) else "inferred"
    else:
        signs = []
        if not {"nodes", "namespaces"} <= context.digest.listed.keys():
            kind, confidence = "unknown", "unknown"
    version, how = stated_version(context.digest, kind)
    return {
        "kind": kind,
        "version": version,
        "version_source": how,
        "confidence": confidence,
        "signs": signs,
    }


def _konvoy_signs(context: Context) -> Iterator[Json]:
    for node in context.digest.of("Node"):
        label = next((name for name in node.labels if name.startswith(_KONVOY_LABEL)), None)
        if label:
            yield {"sign": f"node label {label}", "path": node.path, "pointer": node.pointer}
            break
    if context.discovery.has_group(_KONVOY_GROUP):
        yield {"sign": f"API group {_KONVOY_GROUP}", "path": layout.GROUPS, "pointer": ""}
    for item in context.digest.of("Namespace"):
        if item.name == _KONVOY_NAMESPACE:
            yield {"sign": f"namespace {item.name}", "path": item.path, "pointer": item.pointer}


def _dkp_signs(context: Context) -> Iterator[Json]:
    for group in _DKP_GROUPS:
        if context.discovery.has_group(group):
            yield {"sign": f"API group {group}", "path": layout.GROUPS, "pointer": ""}
    for item in context.digest.of("Cluster"):
        label = next((name for name in item.labels if name.startswith(_DKP_LABEL)), None)
        if label:
            yield {"sign": f"cluster label {label}", "path": item.path, "pointer": item.pointer}
            break
    for item in context.digest.of("Namespace"):
        if item.name in _DKP_NAMESPACES:
            yield {"sign": f"namespace {item.name}", "path": item.path, "pointer": item.pointer}


def _images(context: Context) -> list[Json]:
    """Returns every image with the digests it runs as and how many containers use it."""
    found: dict[str, dict[str, Any]] = {}
    for pod in context.digest.of("Pod"):
        for container in pod.containers:
            if container.image not in found and len(found) >= _MAX_IMAGES:
                continue
            entry = found.setdefault(
                container.image, {"image": container.image, "ids": [], "namespaces": [], "containers": 0}
            )
            entry["containers"] += 1
            for key, value in (("ids", container.image_id), ("namespaces", pod.namespace)):
                if value and value not in entry[key]:
                    entry[key].append(value)
    return [found[image] for image in sorted(found)]


VERSIONS = Collector(name="versions", collect=collect, after=("cluster", "workloads", "conductor"))
