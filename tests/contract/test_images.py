"""Running digests of a recorded Conductor against its release: the same, another, and what none tells."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.analysis import rules_images
from collector.collectors import COLLECTORS
from collector.demo.recording import Answer, Recording
from collector.releases import load_conductor
from tests.lib.helm import helm2_record
from tests.lib.recordings import VERSIONS, recording
from tests.lib.runs import collect, verdicts

CORE = tuple(
    c for c in COLLECTORS if c.name in ("workloads", "cluster", "conductor", "versions", "alterations")
)
KNOWN = recording()
REPOSITORY = "registry.example.com/conductor/app"
TAG = f"{REPOSITORY}:4.2.1"
OURS, OTHER = ("sha256:" + digit * 64 for digit in "ab")
CONFIGMAPS, PODS, DEPLOYMENTS = "/api/v1/configmaps", "/api/v1/pods", "/apis/apps/v1/deployments"

Verdict = tuple[str, str, str]
DOUBTFUL = {"CND-ALT-009 conductor-worker": ("unknown", "undetermined", "C4")}
MIRRORED = {"CND-ALT-001 conductor-worker": ("unknown", "undetermined", "C4")}
REPLACED = {"CND-ALT-001 conductor-worker": ("warn", "unsupported", "C4")}


def worker(shipped: str, live: str, *running: str) -> Recording:
    """Returns a recording whose release names ``shipped``, whose worker asks for ``live`` and runs these."""

    def manifest(item: Any) -> None:
        text = (
            "kind: Deployment\nmetadata: {name: conductor-worker, namespace: conductor}\n"
            "spec: {replicas: 2, template: {spec: {containers: "
            f"[{{name: worker, image: '{shipped}'}}]}}}}}}\n"
        )
        item["data"]["release"] = helm2_record(revision=11, manifest=text)

    def template(item: Any) -> None:
        item["spec"]["template"]["spec"]["containers"][0]["image"] = live

    ids = iter(running)

    def pod(item: Any) -> None:
        item["spec"]["containers"][0]["image"] = live
        item["status"]["containerStatuses"][0]["imageID"] = next(ids, running[-1])

    known = changed(KNOWN, CONFIGMAPS, "conductor.v11", manifest)
    known = changed(known, DEPLOYMENTS, "conductor-worker", template)
    return changed(known, PODS, "conductor-worker-", pod)


def changed(known: Recording, path: str, start: str, change: Callable[[Any], None]) -> Recording:
    listing = copy.deepcopy(known.answers[path].json)
    for item in listing["items"]:
        if item["metadata"]["name"].startswith(start):
            change(item)
    return known.with_answers({path: Answer.of(listing)})


def shown(known: Recording, folder: Path) -> dict[str, Verdict]:
    found = verdicts(collect(known, folder, collectors=CORE))
    return {key: value for key, value in found.items() if key.startswith(("CND-ALT-001", "CND-ALT-009"))}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recorded_conductor_runs_what_its_release_names(tmp_path: Path, version: str) -> None:
    assert shown(recording(version), tmp_path) == {}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (worker(TAG, TAG, f"{REPOSITORY}@{OURS}"), {}),
        (worker(TAG, TAG, f"docker-pullable://{REPOSITORY}@{OURS}"), {}),
        (worker("nginx:1", "nginx:1", f"docker.io/library/nginx@{OURS}"), {}),
        (worker(TAG, TAG, f"{REPOSITORY}@{OURS}", f"{REPOSITORY}@{OTHER}"), DOUBTFUL),
        (worker(TAG, TAG, f"mirror.example.com/app@{OURS}"), DOUBTFUL),
        (worker(TAG, TAG, OURS), DOUBTFUL),
        (worker(TAG, TAG, f"docker://{OURS}"), DOUBTFUL),
        (worker(TAG, TAG, ""), {}),
        (worker(f"{TAG}@{OURS}", f"{TAG}@{OURS}", f"{REPOSITORY}@{OURS}"), {}),
        (worker(f"{TAG}@{OURS}", f"{TAG}@{OURS}", f"mirror.example.com/app@{OURS}"), {}),
        (worker(f"{TAG}@{OURS}", f"{TAG}@{OURS}", f"{REPOSITORY}@{OTHER}"), DOUBTFUL),
    ],
    ids=[
        *("tag", "docker", "short name", "two digests", "another registry", "loaded", "built", "not started"),
        *("pinned", "pinned, mirrored", "pinned, another part"),
    ],
)
def test_an_unchanged_reference(tmp_path: Path, known: Recording, expected: dict[str, Verdict]) -> None:
    assert shown(known, tmp_path) == expected


MIRROR = "mirror.example.com/conductor/app:4.2.1"


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (worker(TAG, MIRROR, f"mirror.example.com/conductor/app@{OURS}"), MIRRORED),
        (worker(f"{TAG}@{OURS}", MIRROR, f"mirror.example.com/conductor/app@{OURS}"), {}),
        (worker(f"{TAG}@{OURS}", MIRROR, f"mirror.example.com/conductor/app@{OTHER}"), REPLACED),
        (worker(f"{TAG}@{OURS}", MIRROR, OURS), MIRRORED),
        (worker(f"{TAG}@{OURS}", f"{MIRROR}@{OURS}", f"mirror.example.com/conductor/app@{OURS}"), {}),
        (worker(f"{TAG}@{OURS}", f"{TAG}@{OTHER}", f"{REPOSITORY}@{OTHER}"), REPLACED),
        (worker(TAG, f"{REPOSITORY}:mine", f"{REPOSITORY}@{OTHER}"), REPLACED),
    ],
    ids=["tags", "mirror", "mirror of another", "no digest", "both pinned", "pinned anew", "another tag"],
)
def test_a_changed_reference(tmp_path: Path, known: Recording, expected: dict[str, Verdict]) -> None:
    assert shown(known, tmp_path) == expected


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (worker(TAG, TAG, f"mirror.example.com/app@{OURS}"), {}),
        (worker(TAG, MIRROR, f"mirror.example.com/conductor/app@{OURS}"), {}),
        (
            worker(TAG, TAG, f"{REPOSITORY}@{OURS}", f"{REPOSITORY}@{OTHER}"),
            {"CND-ALT-009 conductor-worker": ("warn", "unsupported", "C4")},
        ),
        (worker(TAG, MIRROR, f"mirror.example.com/conductor/app@{OTHER}"), REPLACED),
    ],
    ids=["elsewhere", "mirror", "another image", "mirror of another"],
)
def test_with_a_list_of_the_vendors_digests_a_tag_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: Recording, expected: dict[str, Verdict]
) -> None:
    row = {"image": "conductor/app", "tag": "4.2.1", "digests": [OURS], "source": "setup"}
    table = msgspec.to_builtins(load_conductor())
    listed = msgspec.convert({**table, "images": [row]}, type(load_conductor()))
    monkeypatch.setattr(rules_images, "load_conductor", lambda: listed)
    assert shown(known, tmp_path) == expected


def test_the_finding_says_what_runs_and_what_would_settle_it(tmp_path: Path) -> None:
    result = collect(worker(TAG, TAG, f"mirror.example.com/app@{OURS}"), tmp_path, collectors=CORE)
    (finding,) = (j.finding for j in result.report.findings if j.finding.rule == "CND-ALT-009")
    assert f"came as mirror.example.com/app; it runs {OURS[:19]}" in finding.summary
    assert TAG in finding.needs
    assert finding.evidence[0].pointer.endswith("/imageID")
