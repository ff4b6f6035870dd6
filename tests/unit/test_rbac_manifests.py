"""The shipped RBAC is what the generator gives: what the collectors declare, and nothing beyond reading."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from collector.collectors import COLLECTORS
from collector.core.resources import config_path
from collector.records.rights import Right
from collector.spec import load_catalog, load_spec
from scripts import rbacfile
from tests.lib.granted import shipped

FOLDER = config_path("kubernetes")
NEVER = {"secrets", "nodes/proxy", "pods/exec", "pods/portforward", "serviceaccounts/token", "*"}


def documents(path: Path) -> Iterator[dict[str, Any]]:
    return (document for document in yaml.safe_load_all(path.read_text()) if document)


def test_the_file_is_what_the_generator_gives() -> None:
    assert rbacfile.FILE.read_text(encoding="utf-8") == rbacfile.text(), "run scripts/rbac"


def test_every_declared_need_is_granted_and_nothing_else() -> None:
    catalog = load_catalog()
    needs = {need for collector in COLLECTORS for need in collector.needs_by(catalog)}
    rights = {Right(verb=need.verb, group=need.group, resource=need.resource) for need in needs}
    rules = shipped().rules
    given = {
        Right(verb=verb, group=group, resource=resource)
        for rule in rules
        for verb in rule["verbs"]
        for group in rule.get("apiGroups", [""])
        for resource in (rule.get("resources") or rule["nonResourceURLs"])
    }
    assert given == rights
    assert len(given) > 90


def test_the_role_for_helms_secrets_grants_what_the_switch_needs_and_nothing_else() -> None:
    spec = msgspec.structs.replace(load_spec(), read_helm_secrets=True)
    wanted = {need for collector in COLLECTORS for need in collector.where_conductor_runs(spec)}
    (rule,) = shipped("helm-secrets.yaml").rules
    assert {(rule["apiGroups"][0], "secrets", verb) for verb in rule["verbs"]} == {
        (need.group, need.resource, need.verb) for need in wanted
    }
    assert rule["resources"] == ["secrets"]
    assert not any(collector.where_conductor_runs(load_spec()) for collector in COLLECTORS)
    found = {document["kind"]: document for document in documents(FOLDER / "helm-secrets.yaml")}
    assert set(found) == {"Role", "RoleBinding"}
    assert found["RoleBinding"]["roleRef"]["name"] == found["Role"]["metadata"]["name"]
    account = next(d for d in documents(rbacfile.FILE) if d["kind"] == "ServiceAccount")["metadata"]
    (subject,) = found["RoleBinding"]["subjects"]
    assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])


def test_nothing_but_reading_is_granted() -> None:
    for rule in shipped().rules:
        assert set(rule["verbs"]) <= {"get", "list"}
        assert not set(rule.get("resources", ())) & NEVER
        assert "*" not in rule.get("apiGroups", ())
        assert not any(url in {"*", "/*"} for url in rule.get("nonResourceURLs", ()))


def test_the_role_is_bound_to_the_account_that_the_cronjobs_use() -> None:
    found = {document["kind"]: document for document in documents(rbacfile.FILE)}
    account = found["ServiceAccount"]["metadata"]
    (subject,) = found["ClusterRoleBinding"]["subjects"]
    assert found["ClusterRoleBinding"]["roleRef"]["name"] == found["ClusterRole"]["metadata"]["name"]
    assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])
    (job,) = documents(FOLDER / "cronjob-batch-v1.yaml")
    assert job["metadata"]["namespace"] == account["namespace"]
    assert job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["serviceAccountName"] == account["name"]


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
