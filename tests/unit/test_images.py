from __future__ import annotations

import pytest

from collector.releases.images import Image, parse_image, running_image, same_repository, tag_version


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("traefik:1.7.23", Image("traefik", "traefik", "1.7.23", "")),
        ("localhost:5000/team/app", Image("localhost:5000/team/app", "app", "", "")),
        ("r.example.com:5000/a/b:v1@sha256:ab", Image("r.example.com:5000/a/b", "b", "v1", "sha256:ab")),
        ("postgres@sha256:ab", Image("postgres", "postgres", "", "sha256:ab")),
        ("", Image("", "", "", "")),
    ],
)
def test_references_come_apart(reference: str, parts: Image) -> None:
    assert parse_image(reference) == parts


@pytest.mark.parametrize(
    ("tag", "parts", "version"),
    [
        ("1.7.23", 3, "1.7.23"),
        ("v1.7.24-alpine", 3, "1.7.24"),
        ("v1.7.30_d2iq.0", 3, "1.7.30"),
        ("v1.7", 3, ""),
        ("maroilles", 3, ""),
        ("latest", 3, ""),
        ("11.7", 2, "11.7"),
        ("11", 2, ""),
        ("", 3, ""),
    ],
)
def test_a_floating_tag_states_no_version(tag: str, parts: int, version: str) -> None:
    assert tag_version(tag, parts) == version


@pytest.mark.parametrize(
    ("image_id", "repository", "digest"),
    [
        ("nginx@sha256:ab", "nginx", "sha256:ab"),
        ("docker-pullable://r.example.com:5000/a/b@sha256:ab", "r.example.com:5000/a/b", "sha256:ab"),
        ("docker://sha256:ab", "", ""),
        ("sha256:ab", "", ""),
        ("", "", ""),
    ],
)
def test_what_a_node_says_it_runs(image_id: str, repository: str, digest: str) -> None:
    found = running_image(image_id)
    assert (found.repository, found.digest) == (repository, digest)


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("nginx", "docker.io/library/nginx", True),
        ("bitnami/redis", "index.docker.io/bitnami/redis", True),
        ("bitnami/redis", "quay.io/bitnami/redis", False),
        ("localhost/app", "docker.io/localhost/app", False),
        ("r:5000/app", "r:5001/app", False),
        ("nginx", "nginx2", False),
    ],
)
def test_short_names_are_dockers(ours: str, theirs: str, same: bool) -> None:
    assert same_repository(ours, theirs) == same
