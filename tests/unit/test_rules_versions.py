"""Rules on releases and alterations, on small evidence made for each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from collector.analysis import Analysis, analyse, load_rule_texts
from collector.bundle import layout
from collector.findings import Outcome, Owner, Window
from collector.records import Json
from tests.lib.evidence import MemoryEvidence

NOW = datetime(2022, 9, 1, tzinfo=UTC)
TEXTS = load_rule_texts()
NODES = "cluster-resources/nodes.json"


def judge(files: dict[str, Json]) -> Analysis:
    return analyse(MemoryEvidence(files), now=NOW, texts=TEXTS)


def rules(files: dict[str, Json], area: str) -> dict[str, str]:
    """Returns the summaries of findings by their rule."""
    return {f.rule: f.summary for f in judge(files).findings if f.rule.startswith(area)}


def versions(*components: tuple[str, str], kind: str = "dkp_2", version: str = "2.2") -> dict[str, Json]:
    made = [
        {
            "component": name,
            "version": stated,
            "confidence": "proven",
            "subject": {"kind": "Deployment", "namespace": "x", "name": name, "owner": "platform"},
        }
        for name, stated in components
    ]
    platform = {"kind": kind, "version": version, "confidence": "proven", "signs": []}
    return {layout.VERSIONS: {"platform": platform, "components": made, "not_read": []}}


def node(kubelet: str = "v1.22.8", **conditions: str) -> Json:
    info = {
        "kubeletVersion": kubelet,
        "osImage": "Ubuntu 20.04.1 LTS",
        "containerRuntimeVersion": "containerd://1.4",
    }
    stated = [{"type": kind, "status": status} for kind, status in {"Ready": "True", **conditions}.items()]
    return {"metadata": {"name": "n1"}, "status": {"nodeInfo": info, "conditions": stated}}


def nodes(*items: Json) -> dict[str, Json]:
    return {NODES: {"kind": "NodeList", "items": list(items)}}


@pytest.mark.parametrize(
    ("kubelet", "told"),
    [("v1.22.8", False), ("v1.20.1", False), ("v1.19.16", True), ("v1.23.0", True), ("odd", False)],
)
def test_kubelets_may_be_two_minors_behind_and_never_ahead(kubelet: str, told: bool) -> None:
    files = {**versions(("kubernetes", "1.22.8")), **nodes(node(kubelet))}
    assert ("CND-PLT-005" in rules(files, "CND-PLT")) == told


@pytest.mark.parametrize(("kommander", "told"), [("2.2.1", False), ("2.1.0", True), ("", False)])
def test_kommander_and_konvoy_go_together_or_not(kommander: str, told: bool) -> None:
    files = versions(("kubernetes", "1.22.8"), ("kommander", kommander))
    assert ("CND-PLT-004" in rules(files, "CND-PLT")) == told


def test_pressure_on_a_node_is_told_for_each_kind() -> None:
    found = judge(nodes(node(DiskPressure="True", MemoryPressure="False", PIDPressure="Unknown"))).findings
    assert [f.facts["condition"] for f in found if f.rule == "CND-NODE-002"] == ["DiskPressure"]


def application(name: str, owner: str = "platform_application") -> dict[str, Json]:
    entry = {
        "kind": "Deployment",
        "namespace": "kommander",
        "name": f"{name}-main",
        "owner": owner,
        "release": name,
        "path": "p",
        "pointer": "/items/0",
    }
    return {layout.CONDUCTOR: {"namespaces": ["conductor"], "objects": [entry]}}


@pytest.mark.parametrize(
    ("name", "version", "owner", "called"),
    [
        ("istio", "2.2", "platform_application", "experimental"),
        ("istio", "2.1", "platform_application", None),
        ("dkp-insights", "2.3", "platform_application", "technical_preview"),
        ("traefik", "2.2", "platform_application", None),
        ("istio", "2.2", "customer", None),
        ("istio", "", "platform_application", None),
    ],
)
def test_what_is_experimental_follows_the_release_and_the_owner(
    name: str, version: str, owner: str, called: str | None
) -> None:
    files = {**versions(version=version), **application(name, owner)}
    found = [f for f in judge(files).findings if f.rule == "CND-PLT-006"]
    assert [f.facts["application"] for f in found] == ([called] if called else [])


def helm_release(reason: str, status: str = "False") -> dict[str, Json]:
    ready = {"type": "Ready", "status": status, "reason": reason}
    release = {"metadata": {"name": "traefik", "namespace": "kommander"}, "status": {"conditions": [ready]}}
    deployment = {"metadata": {"name": "traefik", "namespace": "kommander"}}
    return {
        layout.objects_path("helm.toolkit.fluxcd.io", "helmreleases", "kommander"): [release],
        layout.objects_path("apps.kommander.d2iq.io", "appdeployments", "kommander"): [deployment],
    }


@pytest.mark.parametrize(
    ("files", "operation"),
    [
        (helm_release("UpgradeFailed"), "upgrade"),
        (helm_release("InstallFailed"), "install"),
        (helm_release("ReconciliationSucceeded", "True"), None),
        (
            {
                layout.objects_path("kubeaddons.mesosphere.io", "addons", "kubeaddons"): [
                    {"metadata": {"name": "velero", "namespace": "kubeaddons"}, "status": {"stage": "failed"}}
                ]
            },
            "install",
        ),
    ],
)
def test_failed_releases_of_the_platforms_applications(files: dict[str, Json], operation: str | None) -> None:
    found = [f for f in judge({**versions(), **files}).findings if f.rule == "CND-PLT-007"]
    assert [f.facts["operation"] for f in found] == ([operation] if operation else [])
    assert all(f.subject.owner is Owner.PLATFORM_APPLICATION for f in found)


@pytest.mark.parametrize(
    ("version", "outcome", "window"),
    [
        ("2.2", None, Window.INSIDE),
        ("1.8", Outcome.FAIL, Window.OUTSIDE),
        ("3.0", Outcome.UNKNOWN, Window.UNKNOWN),
    ],
)
def test_the_platforms_place_in_the_window(version: str, outcome: Outcome | None, window: Window) -> None:
    analysis = judge(versions(("kubernetes", "1.22.8"), version=version))
    assert analysis.facts.platform_window is window
    found = [f.outcome for f in analysis.findings if f.rule == "CND-PLT-001"]
    assert found == ([outcome] if outcome else [])


@pytest.mark.parametrize(
    ("version", "running", "says"),
    [
        ("1.5", (), ("Konvoy 1.5 is outside", "; stated)")),
        (
            "",
            (("cert-manager", "0.10.1"),),
            ("Konvoy 1.5 is outside", "; not stated, but no release other than 1.5 fits what runs)"),
        ),
        ("", (), ("Konvoy is outside", "; could be 1.5, 1.6, 1.7 by what runs)")),
    ],
)
def test_a_platform_could_be_a_release_only_where_several_fit(
    version: str, running: tuple[tuple[str, str], ...], says: tuple[str, str]
) -> None:
    files = versions(("kubernetes", "1.17.11"), *running, kind="konvoy_1", version=version)
    (finding,) = (f for f in judge(files).findings if f.rule == "CND-PLT-001")
    assert finding.summary.startswith(says[0])
    assert finding.summary.endswith(says[1])


def altered(*differences: dict[str, str], **changes: Any) -> dict[str, Json]:
    compared = {
        "kind": "Deployment",
        "namespace": "conductor",
        "name": "web",
        "differences": list(differences),
    }
    release = {"helm": "2", "name": "conductor", "namespace": "conductor", "revision": 3}
    return {layout.ALTERATIONS: {"release": release, "values": None, "compared": [compared], **changes}}


def image(shipped: str, live: str) -> dict[str, str]:
    return {"area": "image", "field": "containers[web].image", "shipped": shipped, "live": live}


A, B = "@sha256:" + "a" * 64, "@sha256:" + "b" * 64


@pytest.mark.parametrize(
    ("shipped", "live", "proof"),
    [
        ("r/app:1", "r/app:2", "reference"),
        ("r/app:1", "mirror:5000/x/app:1", "none"),
        ("r/app:1", f"r/app:1{A}", "none"),
        (f"r/app:1{A}", f"r/app:1{B}", "digest"),
        ("r/app:1", "r/other:1", "reference"),
    ],
)
def test_by_what_an_image_is_shown_to_be_another(shipped: str, live: str, proof: str) -> None:
    (found,) = (f for f in judge(altered(image(shipped, live))).findings if f.rule == "CND-ALT-001")
    assert found.facts["proof"] == proof
    assert (found.outcome is Outcome.UNKNOWN) == (proof == "none") == bool(found.needs)


def test_the_same_digest_from_a_mirror_is_no_alteration() -> None:
    found = judge(altered(image(f"r/app:1{A}", f"mirror/app:1{A}"))).findings
    assert not [f for f in found if f.rule == "CND-ALT-001"]


def test_many_altered_fields_are_counted_in_one_finding() -> None:
    many = [{"area": "command", "field": f"containers[web].env[V{n}]"} for n in range(8)]
    assert rules(altered(*many), "CND-ALT")["CND-ALT-003"].endswith("and 3 more")


@pytest.mark.parametrize(("undocumented", "documented"), [([], "yes"), (["web.debug"], "no")])
def test_changed_values_are_documented_or_not(undocumented: list[str], documented: str) -> None:
    values = {"changed": ["subClusters.sshClusters.limit", *undocumented], "undocumented": undocumented}
    (found,) = (f for f in judge(altered(values=values)).findings if f.rule == "CND-ALT-004")
    assert found.facts["documented"] == documented


@pytest.mark.parametrize(
    ("files", "limits"),
    [
        ({}, "unknown"),
        (altered(), "shipped"),
        (altered({"area": "resources", "field": "containers[web].resources.limits.memory"}), "edited"),
    ],
)
def test_whose_limits_a_killed_container_had(files: dict[str, Json], limits: str) -> None:
    killed = {"name": "web", "restartCount": 1, "lastState": {"terminated": {"reason": "OOMKilled"}}}
    above = {"kind": "ReplicaSet", "name": "web-1", "controller": True}
    top = {"kind": "Deployment", "name": "web", "controller": True}
    pod = {
        "metadata": {"name": "web-1-a", "namespace": "conductor", "ownerReferences": [above]},
        "status": {"containerStatuses": [killed]},
    }
    between = {"metadata": {"name": "web-1", "namespace": "conductor", "ownerReferences": [top]}}
    evidence = {
        **files,
        "cluster-resources/pods/conductor.json": {"items": [pod]},
        "cluster-resources/replicasets/conductor.json": {"items": [between]},
    }
    (found,) = (f for f in judge(evidence).findings if f.rule == "CND-APP-003")
    assert (found.facts["limits"], found.facts["cause"]) == (limits, "unknown")
