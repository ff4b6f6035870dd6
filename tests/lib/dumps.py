"""Directories as other tools leave them, made of a recorded cluster: a kubectl dump, an unpacked bundle."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import zstandard

from collector.demo.recording import Json, LogKey, Recording

# File name and list path, as `kubectl cluster-info dump --output-directory` has them.
DUMPED = {
    "daemonsets": "/apis/apps/v1/daemonsets",
    "deployments": "/apis/apps/v1/deployments",
    "events": "/api/v1/events",
    "pods": "/api/v1/pods",
    "replicasets": "/apis/apps/v1/replicasets",
    "replication-controllers": "/api/v1/replicationcontrollers",
    "services": "/api/v1/services",
}


def kubectl_dump(known: Recording, folder: Path) -> Path:
    """Writes what ``kubectl cluster-info dump -A`` writes to a directory, and returns the folder."""
    _write(folder / "nodes.json", known.answers["/api/v1/nodes"].json)
    namespaces = [item["metadata"]["name"] for item in known.answers["/api/v1/namespaces"].json["items"]]
    for name, path in DUMPED.items():
        whole = known.answers[path].json
        for namespace in namespaces:
            items = [item for item in whole["items"] if item["metadata"]["namespace"] == namespace]
            _write(folder / namespace / f"{name}.json", {**whole, "items": items})
    for pod in known.answers["/api/v1/pods"].json["items"]:
        place, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        sections = [
            _section(known, LogKey(namespace=place, pod=name, container=container["name"]))
            for container in pod["spec"]["containers"]
        ]
        path = folder / place / name / "logs.txt"
        path.parent.mkdir()
        path.write_bytes(b"".join(sections))
    return folder


def _section(known: Recording, key: LogKey) -> bytes:
    title = f"logs for container {key.container} of pod {key.namespace}/{key.pod} ====\n".encode()
    answer = known.logs.get(key)
    if answer is None:
        content = b""
    elif answer.is_json:
        content = f"Request log error: {answer.json['message']}\n".encode()
    else:
        content = answer.body
    return b"==== START " + title + content + b"==== END " + title


def _write(path: Path, value: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=4))


def unpacked(bundle: Path, folder: Path) -> Path:
    """Unpacks a bundle of ours, made in the same test, and returns its top directory."""
    with bundle.open("rb") as stream, zstandard.ZstdDecompressor().stream_reader(stream) as plain:
        content = plain.read()
    archive = folder / "plain.tar"
    archive.write_bytes(content)
    with tarfile.open(archive) as members:
        members.extractall(folder, filter="data")
    archive.unlink()
    (top,) = folder.iterdir()
    return top
