"""A cluster that cannot be read still gives a bundle: which step on the way fails, and no secret."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from collector.bundle.reader import BundleReader
from collector.demo import messages
from collector.demo.messages import Response
from collector.kube.config import Connection, CredentialsError
from collector.kube.identity import Credential
from collector.pipeline import RunResult
from collector.pipeline.reopen import reopen
from collector.report.terminal import verdict
from tests.lib import faulty
from tests.lib.clusters import connection
from tests.lib.faulty import Fault
from tests.lib.recordings import recording
from tests.lib.runs import collect, entry, problems, verdicts, whole

LOCAL = {"local/reach.json", "local/kubeconfig.json", "local/environment.json"}


def everywhere(
    fault: Fault,
    folder: Path,
    *,
    headers: dict[str, str] | None = None,
    change: Callable[[Connection], Connection] = lambda link: link,
) -> RunResult:
    return collect(
        recording(),
        folder,
        faults=lambda api: api.on("*", fault),
        request_timeout=0.3,
        headers=headers,
        change=change,
    )


@pytest.mark.parametrize(
    ("fault", "rule", "words"),
    [
        (faulty.refused(messages.unauthorized()), "CND-API-006", "HTTP 401"),
        (faulty.silent(), "CND-API-005", "no answer within the time limit"),
        (faulty.reset(), "CND-API-005", "reset"),
        (faulty.wrong_type(), "CND-API-005", "not JSON"),
        (faulty.redirect("http://127.0.0.1:9/"), "CND-API-005", "redirect"),
        (faulty.unavailable(), "CND-API-005", "HTTP 503"),
    ],
)
def test_the_step_that_fails_is_named(tmp_path: Path, fault: Fault, rule: str, words: str) -> None:
    result = everywhere(fault, tmp_path)
    assert result.unreachable is not None
    assert problems(result.bundle.path) == ()
    found = {judged.finding.rule: judged.finding for judged in result.report.findings}
    assert words in found[rule].summary
    assert "passed before: tcp" in found[rule].summary
    assert found[rule].remedy
    names = {e["path"] for e in entry(result.bundle.path, "manifest.json")["entries"]}
    assert names > LOCAL
    assert {"findings.json", "report.html", "summary.md", "run/api-requests.jsonl"} < names
    assert not any(name.startswith("cluster-resources/pods") for name in names)


def test_what_was_not_seen_is_one_gap_and_no_verdict_on_conductor(tmp_path: Path) -> None:
    result = everywhere(faulty.refused(messages.unauthorized()), tmp_path)
    (gap,) = result.report.run.gaps
    assert (gap.subject, str(gap.status)) == ("everything in the cluster", "denied")
    assert "kubectl auth can-i" in gap.needs
    assert sorted(verdicts(result)) == ["CND-API-006 127.0.0.1", "CND-RUN-001 everything in the cluster"]
    assert verdicts(result)["CND-API-006 127.0.0.1"] == ("fail", "undetermined", "V1")


def test_the_terminal_says_what_was_tried_and_what_to_type_next(tmp_path: Path) -> None:
    result = everywhere(faulty.silent(), tmp_path)
    shown = verdict(
        result.report, width=80, color=False, bundle_path="b", summary_path="s", bundle_sha256="c"
    )
    assert "cannot be read" in shown
    assert "kubectl get --raw '/readyz?verbose'" in shown
    assert "No failures" not in shown


def test_the_bundle_is_judged_the_same_when_it_is_opened_again(tmp_path: Path) -> None:
    result = everywhere(faulty.silent(), tmp_path)
    again = reopen(result.bundle.path)
    assert [j.finding.summary for j in again.findings] == [j.finding.summary for j in result.report.findings]


def test_a_port_where_nobody_listens_fails_at_tcp(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = everywhere(
        faulty.silent(), tmp_path, change=lambda link: replace(link, server=f"http://127.0.0.1:{port}")
    )
    (finding,) = (j.finding for j in result.report.findings if j.finding.rule == "CND-API-002")
    assert "Connection refused" in finding.summary
    assert result.unreachable is not None
    assert "Connection refused" in result.unreachable.why


def test_credentials_that_could_not_be_obtained_are_the_step_that_fails(tmp_path: Path) -> None:
    seen: list[str] = []
    refusal = CredentialsError(
        "the credentials of context 'x' could not be obtained",
        why="the kubeconfig's credential plugin failed",
        hint="",
        connection=connection("http://127.0.0.1:9"),
    )
    result = collect(recording(), tmp_path, no_login=refusal, requests=seen)
    (finding,) = (j.finding for j in result.report.findings if j.finding.rule == "CND-API-006")
    assert "credential plugin failed" in finding.summary
    assert [request for request in seen if request.startswith("GET")] == []


def test_an_expired_login_is_told_by_its_own_date(tmp_path: Path) -> None:
    login = Credential(
        kinds=("client certificate",),
        certificate={"subject": "CN=admin", "not_after": "2020-01-01T00:00:00Z"},
        token_expires="2019-01-01T00:00:00Z",
    )
    result = everywhere(
        faulty.refused(messages.unauthorized()),
        tmp_path,
        change=lambda link: replace(link, credential=login),
    )
    (finding,) = (j.finding for j in result.report.findings if j.finding.rule == "CND-API-006")
    assert "the client certificate expired on 2020-01-01" in finding.summary
    assert "the token expired on 2019-01-01" in finding.summary


def test_no_secret_of_the_way_is_in_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxyuser:proxysecret1@proxy.example.com:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://other:proxysecret2@[::1]:bad")
    monkeypatch.setenv("no_proxy", "10.0.0.0/8,.example.com")
    told = messages.failure(401, "Unauthorized", "Unauthorized: Bearer abc.tokensecret3.def is not known")
    result = everywhere(
        faulty.refused(told), tmp_path, headers={"Authorization": "Bearer abc.tokensecret3.def"}
    )
    content = whole(result.bundle.path) + (result.ticket.read_bytes() if result.ticket else b"")
    for secret in (b"proxysecret1", b"proxyuser", b"proxysecret2", b"tokensecret3"):
        assert secret not in content
    environment = entry(result.bundle.path, "local/environment.json")
    assert {"name": "https_proxy", "host": "proxy.example.com:3128"} in environment["proxies"]
    assert environment["proxy_exemptions"] == ["10.0.0.0/8", ".example.com"]


def test_notices_of_a_cluster_that_cannot_be_read_are_still_made(tmp_path: Path) -> None:
    result = everywhere(faulty.refused(Response.text("go away\n", 503)), tmp_path)
    with BundleReader(result.bundle.path) as reader:
        assert b"CND-API-005" in reader.read("findings.json")
