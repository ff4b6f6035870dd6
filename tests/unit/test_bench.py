"""The bench: its cluster answers as servers do, its text is what it claims to be, its verdicts are right."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collector.demo.messages import Request
from collector.kube.chunked import Unframer
from scripts.benchlib import goals, names, text
from scripts.benchlib.cluster import Reply, Shape, SyntheticCluster
from scripts.benchlib.corpus import read_text, write_corpus
from scripts.benchlib.measure import CommandError, run
from scripts.benchlib.pods import pods

START = datetime(2026, 11, 20, tzinfo=UTC)
PODS = 120
LOG_BYTES = 20_000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> SyntheticCluster:
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder, size=100_000, chunk=1000, start=START)
    return SyntheticCluster(Shape(pods=PODS, log_bytes=PODS * LOG_BYTES), folder)


def get(cluster: SyntheticCluster, target: str, **headers: str) -> Reply:
    return cluster.answer(Request(method="GET", target=target, headers=headers))


def body(reply: Reply) -> bytes:
    return b"".join(reply.body)


def decoded(reply: Reply) -> Any:
    return json.loads(body(reply))


def paged(cluster: SyntheticCluster, path: str, limit: int) -> Iterator[Any]:
    token = ""
    while True:
        page = decoded(get(cluster, f"{path}?limit={limit}&continue={token}"))
        yield page
        token = page["metadata"].get("continue", "")
        if not token:
            return


def test_pages_hold_every_pod_once_and_in_order(cluster: SyntheticCluster) -> None:
    read = list(paged(cluster, "/api/v1/pods", 50))
    names = [
        (pod["metadata"]["namespace"], pod["metadata"]["name"]) for page in read for pod in page["items"]
    ]
    assert len(names) == len(set(names)) == PODS
    assert names == sorted(names)
    assert [page["metadata"].get("remainingItemCount") for page in read] == [70, 20, None]


def test_a_namespace_has_its_own_pods_only(cluster: SyntheticCluster) -> None:
    items = decoded(get(cluster, "/api/v1/namespaces/team-0001/pods"))["items"]
    assert len(items) == names.PODS_IN_NAMESPACE
    assert {pod["metadata"]["namespace"] for pod in items} == {"team-0001"}


def test_large_lists_are_compressed_when_that_is_asked_for(cluster: SyntheticCluster) -> None:
    packed = get(cluster, "/api/v1/pods", **{"accept-encoding": "gzip"})
    assert "Content-Encoding: gzip" in packed.headers
    assert gzip.decompress(body(packed)) == body(get(cluster, "/api/v1/pods"))


def test_pods_are_as_large_as_real_ones() -> None:
    sizes = [len(names.encode(pod)) for pod in pods(50)]
    assert 7500 < sum(sizes) / len(sizes) < 9500


def test_a_log_comes_in_chunks_and_has_the_size_it_should(cluster: SyntheticCluster) -> None:
    place = f"{names.namespace_of(7)}/pods/{names.pod_name(7)}"
    reply = get(cluster, f"/api/v1/namespaces/{place}/log?container=app&timestamps=true")
    frame = Unframer()
    log = frame.feed(body(reply))
    assert frame.ended
    assert not frame.surplus
    assert len(log) == reply.log_bytes
    assert LOG_BYTES <= len(log) < LOG_BYTES + 2000
    assert all(line.startswith(b"2026-11-20T00:") for line in log.splitlines())


def test_there_is_no_log_of_an_earlier_run(cluster: SyntheticCluster) -> None:
    place = f"{names.namespace_of(7)}/pods/{names.pod_name(7)}"
    reply = get(cluster, f"/api/v1/namespaces/{place}/log?container=app&previous=true")
    assert reply.status == 400
    assert not reply.log_bytes


def test_every_right_is_granted_whatever_form_the_question_has(cluster: SyntheticCluster) -> None:
    target = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    reply = cluster.answer(Request(method="POST", target=target, body=b"k8s\x00"))
    assert reply.status == 201
    assert decoded(reply)["status"]["allowed"] is True


def test_what_is_not_synthetic_is_as_recorded(cluster: SyntheticCluster) -> None:
    assert "deployments" in {r["name"] for r in decoded(get(cluster, "/apis/apps/v1"))["resources"]}
    assert decoded(get(cluster, "/api/v1/nodes"))["items"]
    assert get(cluster, "/api/v1/nothing").status == 404


def test_text_of_every_format_comes_back_from_the_wire_form(tmp_path: Path) -> None:
    write_corpus(tmp_path, size=60_000, chunk=500, start=START)
    lines = b"".join(read_text(tmp_path)).decode().splitlines()
    stamped = re.compile(r"2026-11-20T00:\d\d:\d\d\.\d{9}Z ")
    assert all(stamped.match(line) for line in lines)
    for sign in (
        '"level":"info"',
        "level=info ts=",
        "HTTP/1.1",
        "podUID=",
        "app@conductor",
        "sweeper-thread",
    ):
        assert any(sign in line for line in lines), sign


@pytest.mark.parametrize("kind", list(text.SHARES))
def test_secrets_are_planted_and_suspicious_words_are_about_a_twentieth(kind: str) -> None:
    lines = list(itertools.islice(text.lines(kind, 1, START), 6000))
    planted = [line for line in lines if re.search(r"password=|Bearer|SECRET|://app:|api_key=|ghp_", line)]
    assert len(planted) == 4
    suspicious = [line for line in lines if re.search("token|secret|password|key|authoriz|cred|cookie", line)]
    least = 0.005 if kind in ("nginx", "java") else 0.05  # their lines seldom carry a message
    assert least < len(suspicious) / len(lines) < 0.16


def test_a_command_is_charged_for_its_children(tmp_path: Path) -> None:
    busy = "sum(range(2_000_000))"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{busy}'], check=True)"
    cost = run([sys.executable, "-c", code], env={}, log=tmp_path / "log")
    assert cost.cpu > 0.02
    assert cost.wall > 0
    assert cost.peak > 5


def test_a_command_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="out of luck"):
        run([sys.executable, "-c", "raise SystemExit('out of luck')"], env={}, log=tmp_path / "log")


def test_verdicts_turn_round_where_more_is_better() -> None:
    lines = goals.table(
        [
            goals.Reached(goal=goals.LOG_RATE, figure=100),
            goals.Reached(goal=goals.PEAK, figure=140),
            goals.Reached(goal=goals.GROWTH, figure=12),
        ]
    )
    verdicts = [re.findall(r"\b(yes|NO)\b", line) for line in lines[1:]]
    assert verdicts == [["yes", "NO"], ["yes", "yes"], ["NO", "NO"]]
