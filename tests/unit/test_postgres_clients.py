"""Sessions in Conductor's database: whose they are by their addresses, and whose are nobody's business."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from collector.analysis import analyse, load_rule_texts
from collector.bundle import layout
from collector.findings import Finding
from collector.postgres.clients import load_tolerated
from collector.postgres.psql import Answers, server_of
from collector.records import Json
from tests.lib.evidence import MemoryEvidence

NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)
TEXTS = load_rule_texts()
WEB, OTHER, POSTGRES, EXPORTER = "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"
NODE, OUTSIDE = "192.0.2.10", "198.51.100.7"


def pod(
    name: str, namespace: str, address: str, image: str = "i", phase: str = "Running", **spec: Any
) -> Json:
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [{"name": "main", "image": image}], **spec},
        "status": {"phase": phase, "podIP": address, "podIPs": [{"ip": address}]},
    }


def client(address: str, *, application: str = "", role: str = "conductor", count: int = 1) -> Json:
    return {"application": application, "role": role, "address": address, "count": count}


def found(*clients: Json, owner: str = "conductor", pods: tuple[Json, ...] = ()) -> list[Finding]:
    own = ("web", "db-0")
    server = {"in_recovery": False, "version": 150000, "clients": list(clients)}
    cluster = {"namespace": "conductor", "name": "db", "kind": "StatefulSet", "owner": owner}
    running = [
        pod("web", "conductor", WEB),
        pod("billing", "default", OTHER),
        pod("db-1", "conductor", POSTGRES),
        pod("watch", "monitoring", EXPORTER, "quay.io/x/postgres-exporter:v0.15"),
        *pods,
    ]
    node = {"metadata": {"name": "n1"}, "status": {"addresses": [{"address": NODE}]}}
    files: dict[str, Json | bytes] = {
        layout.CONDUCTOR: {
            "namespaces": ["conductor"],
            "objects": [
                {"kind": "Pod", "namespace": "conductor", "name": name, "owner": "conductor"} for name in own
            ],
        },
        layout.CLUSTERS: {"clusters": [{**cluster, "servers": [server]}]},
        "cluster-resources/pods/all.json": {"kind": "List", "items": running},
        "cluster-resources/nodes.json": {"kind": "List", "items": [node]},
    }
    result = analyse(MemoryEvidence(files), now=NOW, texts=TEXTS)
    return [finding for finding in result.findings if finding.rule == "CND-ALT-006"]


def test_a_pod_of_somebody_elses_is_named_with_its_sessions() -> None:
    (one,) = found(client(OTHER, application="psql", role="app", count=2), client(OTHER, role="other"))
    assert (one.subject.kind, one.subject.namespace, one.subject.name) == ("Pod", "default", "billing")
    assert one.facts == {"user": "unknown"}
    assert one.summary == (
        "Pod default/billing has 3 sessions in Conductor's database (calls itself psql, role app, other)"
    )
    assert (one.outcome, one.confidence) == ("warn", "proven")


@pytest.mark.parametrize(
    "harmless",
    [
        client(WEB),
        client(POSTGRES, role="streaming"),
        client("127.0.0.1"),
        client("::1"),
        client(""),
        client(EXPORTER, role="exporter"),
        client(OTHER, application="postgres_exporter"),
        client(OTHER, application="pgBackRest [backup]"),
        client(OTHER, application="pg_dump"),
        client(OUTSIDE, application="conductor-diag"),
        client(NODE, role="conductor"),
    ],
    ids=lambda one: f"{one['application']}-{one['address']}-{one['role']}",
)
def test_conductor_itself_backups_monitoring_and_this_tool_are_no_foreign_use(harmless: Json) -> None:
    assert found(client(WEB), harmless) == []


def test_an_address_that_no_pod_has_is_not_determined() -> None:
    (one,) = found(client(WEB), client(OUTSIDE, application="psql", role="report"))
    assert (one.subject.name, one.outcome, one.confidence) == ("db", "unknown", "unknown")
    assert OUTSIDE in one.summary
    assert one.needs


def test_a_nodes_address_counts_only_with_a_role_that_conductor_does_not_use() -> None:
    assert found(client(NODE, role="report")) == []
    (one,) = found(client(WEB), client(NODE, role="report"))
    assert one.outcome == "unknown"


def test_an_address_that_two_pods_have_accuses_neither() -> None:
    (one,) = found(client(WEB), client(OTHER, role="app"), pods=(pod("twin", "default", OTHER),))
    assert one.outcome == "unknown"


@pytest.mark.parametrize(
    "beside",
    [pod("host", "default", OTHER, hostNetwork=True), pod("old", "default", OTHER, phase="Succeeded")],
    ids=["host network", "ended"],
)
def test_a_pod_that_only_seems_to_have_the_address_is_not_asked(beside: Json) -> None:
    (one,) = found(client(OTHER, role="app"), pods=(beside,))
    assert (one.subject.name, one.outcome) == ("billing", "warn")


def test_a_database_that_is_not_conductors_is_nobodys_business() -> None:
    assert found(client(OTHER), owner="customer") == []


def test_a_role_that_sees_no_other_session_is_told_as_a_refusal() -> None:
    rows: dict[str, tuple[Json, ...]] = {
        "sessions": ({"all_sessions": False},),
        "clients": ({"application": "x", "role": "me", "address": OTHER, "sessions": 4},),
    }
    server = server_of(Answers(rows=rows, failed={}, complete=True), instance="db-0", asked_at=None)
    assert server.denied == {"clients": "42501"}
    (one,) = server.clients
    assert (one.application, one.role, one.address, one.count) == ("x", "me", OTHER, 4)


def test_the_list_of_tolerated_clients_is_written_as_it_is_compared() -> None:
    for row in load_tolerated().tolerated:
        assert row.applications or row.images
        assert all(word == word.lower() for word in (*row.applications, *row.images))
