from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from collector.core.clock import rfc3339
from collector.core.errors import OutputError, UsageError
from collector.demo.kubeconfig import write_kubeconfig
from collector.demo.recording import Answer, Recording, log_key
from tests.lib.recordings import VERSIONS, recording


def write_recording(
    folder: Path, *requests: dict[str, Any], recorded_at: str = "2026-11-20T15:50:55Z"
) -> Path:
    index = {"recorded_at": recorded_at, "requests": requests}
    (folder / "INDEX.json").write_text(json.dumps(index))
    return folder


def entry(request: str, file: str | None, content_type: str = "application/json") -> dict[str, Any]:
    return {"request": request, "status": 200, "content_type": content_type, "file": file}


@pytest.mark.parametrize(("version", "minor"), [("v1.13", 13), ("v1.17", 17), ("v1.36", 36)])
def test_what_a_recording_knows_of_its_server(version: str, minor: int) -> None:
    known = recording(version)
    assert known.minor == minor
    pods = known.resources["", "v1"]["pods"]
    assert (pods.kind, pods.namespaced, pods.path, pods.api_version) == ("Pod", True, "/api/v1/pods", "v1")
    deployments = known.resources["apps", "v1"]["deployments"]
    assert (deployments.path, deployments.api_version) == ("/apis/apps/v1/deployments", "apps/v1")
    assert len(known.logs) > 15


def test_the_shipped_recording_states_its_time_and_holds_no_secret() -> None:
    assert rfc3339(recording().recorded_at) == "2026-11-20T15:50:55Z"
    for version in VERSIONS:
        assert not [target for target in recording(version).answers if "secrets" in target]


def test_answers_for_other_users_and_special_headers_are_left_out(tmp_path: Path) -> None:
    for name in ("a.json", "_errors.json"):
        (tmp_path / name).write_text("{}")
    folder = write_recording(
        tmp_path,
        entry("/a", "a.json"),
        entry("/openapi/v2", None),
        entry("(user viewer) /a", "a.json"),
        entry("/b", "_errors.json"),
    )
    assert list(Recording.load(folder).answers) == ["/a"]


@pytest.mark.parametrize(
    "broken", ["", "[]", "{}", '{"recorded_at":"soon","requests":[]}', '{"recorded_at":1,"requests":[]}']
)
def test_a_folder_without_a_usable_index_is_refused(tmp_path: Path, broken: str) -> None:
    (tmp_path / "INDEX.json").write_text(broken)
    with pytest.raises(UsageError, match="not a recording"):
        Recording.load(tmp_path)


def test_missing_folder_and_files_outside_it_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a recording"):
        Recording.load(tmp_path / "nowhere")
    (tmp_path / "outside.json").write_text("{}")
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(UsageError) as caught:
        Recording.load(write_recording(inside, entry("/a", "../outside.json")))
    assert "outside the recording" in caught.value.why


def test_an_edit_leaves_the_recording_it_started_from_alone() -> None:
    known = recording()
    before = dict(known.answers)
    changed = known.with_answers({"/version": None, "/new": Answer.of({"é": 1})})
    assert dict(known.answers) == before
    assert "/version" not in changed.answers
    assert changed.answers["/new"].json == {"é": 1}
    assert changed.answers["/api/v1/pods"] is known.answers["/api/v1/pods"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/api/v1/namespaces/a/pods/b/log?container=c&timestamps=true", ("a", "b", "c", False)),
        ("/api/v1/namespaces/a/pods/b/log?container=c&previous=true", ("a", "b", "c", True)),
        ("/api/v1/namespaces/a/pods/b", None),
        ("/api/v1/namespaces/a/services/b/log", None),
    ],
)
def test_log_key(target: str, expected: tuple[str, str, str, bool] | None) -> None:
    key = log_key(target)
    assert (key and (key.namespace, key.pod, key.container, key.previous)) == expected


def test_kubeconfig_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("an older one, readable by all")
    path.chmod(0o644)
    write_kubeconfig(path, "http://127.0.0.1:1234", 'a"b')
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert 'server: "http://127.0.0.1:1234"' in path.read_text()
    assert 'token: "a\\"b"' in path.read_text()


def test_kubeconfig_does_not_follow_a_link(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("keep me")
    (tmp_path / "config").symlink_to(target)
    with pytest.raises(OutputError):
        write_kubeconfig(tmp_path / "config", "http://127.0.0.1:1", "x")
    assert target.read_text() == "keep me"
