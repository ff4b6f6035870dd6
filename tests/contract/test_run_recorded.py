"""The whole run on recorded servers 1.13, 1.17 and 1.36: same entries, right verdicts, stable over runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collector.collectors import COLLECTORS
from collector.core.ids import stamp
from collector.delivery import ErrbitSettings, Secret
from collector.demo.stage import DENIED
from collector.pipeline.reopen import reopen
from collector.receiver import Receiver, Store, serve
from collector.report.findings_json import findings_json
from tests.lib import edits
from tests.lib.recordings import VERSIONS, StoppedClock, recording
from tests.lib.runs import collect, entry, problems, verdicts, whole

NAMESPACES = re.compile(r"/(?:cert-manager|conductor|default|kube-[\w-]+|kubeaddons|traefik|velero)\.json$")
LOGS = re.compile(r"pods/logs/.*")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {v: collect(recording(v), tmp_path_factory.mktemp(v)).bundle.path for v in VERSIONS}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_bundle_is_whole(bundles: dict[str, Path], version: str) -> None:
    assert problems(bundles[version]) == ()
    manifest = entry(bundles[version], "manifest.json")
    run = manifest["run"]
    assert run["entries"] == len(manifest["entries"])
    assert stamp(run["bundle_id"]) in bundles[version].name
    assert run["policy"]["sha256"]
    assert run["spec_sha256"]
    assert {c["name"] for c in run["collectors"]} == {c.name for c in COLLECTORS}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_incident_is_found_on_every_server(bundles: dict[str, Path], version: str) -> None:
    rules = {finding["id"] for finding in entry(bundles[version], "findings.json")["findings"]}
    assert {"CND-APP-001", "CND-APP-003", "CND-APP-004", "CND-NODE-001", "CND-REL-001"} <= rules
    assert {"CND-PRE-003", "CND-PG-003", "CND-PG-004"} <= rules
    assert ("CND-PRE-001" in rules) == (version == "v1.36")


def test_the_demo_cluster_is_judged_as_the_decision_table_says(tmp_path: Path) -> None:
    found = verdicts(collect(recording(), tmp_path, deny=DENIED))
    assert found["CND-APP-001 conductor-web"] == ("fail", "supported", "C1")
    assert found["CND-PRE-003 traefik"][:2] == ("fail", "unsupported")
    assert "C2d" in found["CND-PRE-003 traefik"][2]
    assert found["CND-PG-004 conductor-backup"][:2] == ("fail", "supported")
    assert "C3" in found["CND-PG-004 conductor-backup"][2]
    assert found["CND-RUN-001 list velero.io"][:2] == ("unknown", "undetermined")
    assert not any(key.startswith("CND-PRE-006") for key in found)


def test_without_its_konvoy_signs_it_is_judged_as_another_cluster(tmp_path: Path) -> None:
    found = verdicts(collect(edits.without_konvoy(recording()), tmp_path, deny=DENIED))
    assert found["CND-APP-001 conductor-web"] == ("fail", "undetermined", "C1")
    assert found["CND-PRE-003 traefik"] == ("fail", "unsupported", "C2d C2a")
    assert found["CND-PRE-006 cert-manager"] == ("warn", "undetermined", "C2f")
    assert found["CND-PG-004 conductor-backup"][:2] == ("fail", "supported")
    node = next(verdict for key, verdict in found.items() if key.startswith("CND-NODE-001"))
    assert node[:2] == ("fail", "out_of_scope")


def test_a_second_run_gives_the_same_findings_with_the_same_fingerprints(tmp_path: Path) -> None:
    first, second = (collect(recording(), tmp_path / name) for name in ("a", "b"))
    identities = [
        [(j.finding.fingerprint, j.finding.rule, j.classification.scope) for j in result.report.findings]
        for result in (first, second)
    ]
    assert identities[0] == identities[1]
    assert len({fingerprint for fingerprint, _, _ in identities[0]}) == len(identities[0]) > 8


def test_every_finding_points_at_evidence_that_is_there(tmp_path: Path) -> None:
    path = collect(recording(), tmp_path).bundle.path
    findings = entry(path, "findings.json")["findings"]
    names = {e["path"] for e in entry(path, "manifest.json")["entries"]}
    for finding in findings:
        assert finding["evidence"]
        for evidence in finding["evidence"]:
            assert evidence["path"] in names
            if evidence.get("pointer"):
                target = entry(path, evidence["path"])
                for part in evidence["pointer"].strip("/").split("/"):
                    target = target[int(part)] if isinstance(target, list) else target[part]
                assert target is not None


def test_judging_the_sealed_bundle_again_gives_the_identical_findings(tmp_path: Path) -> None:
    path = collect(recording(), tmp_path, deny=DENIED).bundle.path
    again = reopen(path)
    stored = entry(path, "findings.json")["findings"]
    assert stored
    assert entry_of(findings_json(again)) == stored


def entry_of(data: bytes) -> object:
    import json  # noqa: PLC0415 - used by this helper alone

    return json.loads(data)["findings"]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("traefik:1.7.22", None),
        ("traefik:v1.7.24-alpine", None),
        ("traefik:2.2.1", ("CND-PRE-004 traefik", "fail", "unsupported")),
        ("traefik:maroilles", ("CND-PRE-005 traefik", "unknown", "undetermined")),
    ],
)
def test_other_traefiks(tmp_path: Path, image: str, expected: tuple[str, str, str] | None) -> None:
    changed = edits.with_image(edits.without_konvoy(recording()), "traefik", "traefik", image)
    found = {key: value for key, value in verdicts(collect(changed, tmp_path)).items() if "traefik" in key}
    wanted = {expected[0]: expected[1:]} if expected else {}
    assert {key: value[:2] for key, value in found.items()} == wanted


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("quay.io/jetstack/cert-manager-controller:v0.9.1", None),
        ("quay.io/jetstack/cert-manager-controller:v0.10.0", None),
        ("quay.io/jetstack/cert-manager-controller:v0.11.0", "unsupported"),
        ("quay.io/jetstack/cert-manager-controller:v1.0.3", "unsupported"),
    ],
)
def test_other_cert_managers(tmp_path: Path, image: str, expected: str | None) -> None:
    changed = edits.with_image(edits.without_konvoy(recording()), "cert-manager", "cert-manager", image)
    found = verdicts(collect(changed, tmp_path)).get("CND-PRE-006 cert-manager")
    assert (found[1] if found else None) == expected


@pytest.mark.parametrize(("version", "expected"), [("v1.12.10", "unsupported"), ("v1.18.20", "unsupported")])
def test_other_kubernetes_versions(tmp_path: Path, version: str, expected: str) -> None:
    changed = edits.with_server_version(edits.without_konvoy(recording()), version)
    found = verdicts(collect(changed, tmp_path))
    assert found["CND-PRE-001 kubernetes"] == ("fail", expected, "C2b C2a")


def test_notices_reach_errbit_once_a_day_and_group_over_runs(tmp_path: Path) -> None:
    receiver = Receiver("0123456789abcdef", store=Store(), clock=StoppedClock(recording().recorded_at))
    with serve(receiver) as url:
        settings = [
            ErrbitSettings(url=url, key=Secret("0123456789abcdef"), spool_dir=tmp_path / name)
            for name in ("one", "one", "another")
        ]
        results = [collect(recording(), tmp_path / str(n), errbit=s) for n, s in enumerate(settings)]
    assert all(result.delivery and result.delivery.complete for result in results)
    sent = len(results[0].report.findings) + 1
    assert [result.delivery.sent for result in results if result.delivery] == [sent, 1, sent]
    assert len(receiver.notices()) == 2 * sent + 1
    announced = [
        problem.count for problem in receiver.problems() if problem.error_class == "diagnostic.bundle"
    ]
    assert announced == [3]
    assert len(receiver.problems()) <= sent
    for result in results:
        assert b"0123456789abcdef" not in whole(result.bundle.path)
