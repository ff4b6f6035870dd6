"""The shipped RBAC grants what the collectors declare, and nothing beyond reading."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.collectors import COLLECTORS
from collector.core.resources import config_path

FOLDER = config_path("kubernetes")
NEVER = {"secrets", "nodes/proxy", "pods/exec", "pods/portforward", "serviceaccounts/token", "*"}


def documents(path: Path) -> Iterator[dict[str, Any]]:
    return (document for document in yaml.safe_load_all(path.read_text()) if document)


def rules() -> list[dict[str, Any]]:
    found = [d for d in documents(FOLDER / "rbac.yaml") if d["kind"] == "ClusterRole"]
    return [rule for role in found for rule in role["rules"]]


def granted(verb: str, group: str, resource: str) -> bool:
    if resource.startswith("/"):
        return any(resource in rule.get("nonResourceURLs", ()) and verb in rule["verbs"] for rule in rules())
    return any(
        verb in rule["verbs"] and group in rule["apiGroups"] and resource in rule["resources"]
        for rule in rules()
        if "resources" in rule
    )


def test_every_declared_need_is_granted() -> None:
    needs = [need for collector in COLLECTORS for need in collector.needs]
    missing = [need for need in needs if not granted(need.verb, need.group, need.resource)]
    assert len(needs) > 30
    assert missing == []


def test_nothing_but_reading_is_granted() -> None:
    for rule in rules():
        assert set(rule["verbs"]) <= {"get", "list"}
        assert not set(rule.get("resources", ())) & NEVER
        assert "*" not in rule.get("apiGroups", ())


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_the_cronjobs_run_restricted_and_bounded(version: str) -> None:
    (job,) = documents(FOLDER / f"cronjob-batch-{version}.yaml")
    assert job["apiVersion"] == f"batch/{version}"
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["restartPolicy"] == "Never"
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"]["memory"] == "512Mi"
    keys = [entry for entry in container["env"] if entry["name"].endswith("_KEY")]
    assert [entry["valueFrom"]["secretKeyRef"]["name"] for entry in keys] == ["conductor-diag-errbit"]


def test_the_two_cronjobs_differ_in_their_version_only() -> None:
    new, old = ((FOLDER / f"cronjob-batch-{v}.yaml").read_text().splitlines() for v in ("v1", "v1beta1"))
    differing = [line for pair in zip(new, old, strict=True) if pair[0] != pair[1] for line in pair]
    assert len(differing) == 4
    assert all("apiVersion: batch/" in line or line.startswith("#") for line in differing)
