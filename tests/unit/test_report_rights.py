"""Rights and outlines are shown in 80 columns, say everything that is missing, and trust no text."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml

from collector.records import Gap, Status
from collector.records.outline import Outline, Step
from collector.records.rights import Allowed, PlannedRight, Right, RightsPlan
from collector.report.outline import outline_json, outline_text
from collector.report.rights import rights_json, rights_text, rights_yaml

EVIL = "\x1b[31mred\u202e\r\nnew line"


def planned(
    resource: str,
    allowed: Allowed = Allowed.YES,
    *,
    collector: str = "workloads",
    verb: str = "list",
    namespaced: bool = True,
    inside: tuple[str, ...] = (),
    namespace: str = "",
    reason: str = "",
) -> PlannedRight:
    return PlannedRight(
        right=Right(verb=verb, resource=resource, namespace=namespace),
        collector=collector,
        namespaced=namespaced,
        allowed=allowed,
        inside=inside,
        reason=reason,
    )


def plan(*rights: PlannedRight) -> RightsPlan:
    return RightsPlan(server="https://10.0.0.1:6443", context="prod-eu", user="ops", rights=rights)


def roles(text: str) -> dict[tuple[str, str], set[str]]:
    documents = [document for document in yaml.safe_load_all(text) if document]
    return {
        (document["kind"], document["metadata"].get("namespace", "")): {
            name for rule in document["rules"] for name in rule["resources"]
        }
        for document in documents
    }


def test_a_collector_with_all_its_rights_is_one_line() -> None:
    many = [planned(f"resource{n}") for n in range(60)]
    text = rights_text(plan(*many, planned("pods/log", collector="logs", verb="get")))
    lines = [line for line in text.splitlines() if line.startswith("  ok ")]
    assert len(lines) == 2
    assert "and 57 more" in lines[0] or " more" in lines[0]
    assert max(map(len, text.splitlines())) <= 80


def test_each_state_has_its_own_word_and_each_missing_right_is_named() -> None:
    text = rights_text(
        plan(
            planned("pods", Allowed.PARTLY, inside=("conductor",)),
            planned("nodes", Allowed.NO, collector="cluster", namespaced=False),
            planned("leases", Allowed.UNKNOWN, collector="resources", reason="webhook timed out"),
            planned("secrets", Allowed.NO, collector="resources", namespace="velero"),
        )
    )
    for words in (
        "partly   workloads",
        "missing  cluster",
        "list, granted only in conductor:",
        "list, not granted:",
        "list in velero, not granted:",
        "list, could not be asked (webhook timed out):",
        "4 of 4 rights missing.",
    ):
        assert words in text, words


def test_roles_lie_where_they_are_needed() -> None:
    found = plan(
        planned("pods", Allowed.PARTLY, inside=("conductor",)),
        planned("services", Allowed.YES),
        planned("nodes", Allowed.NO, namespaced=False),
        planned("configmaps", Allowed.NO, namespace="velero"),
    )
    assert roles(rights_yaml(found)) == {
        ("ClusterRole", ""): {"pods", "nodes"},
        ("Role", "velero"): {"configmaps"},
    }
    assert roles(rights_yaml(found, namespaces=("conductor", "tiller"))) == {
        ("ClusterRole", ""): {"nodes"},
        ("Role", "tiller"): {"pods"},
        ("Role", "velero"): {"configmaps"},
    }


def test_with_every_right_there_is_no_role() -> None:
    assert rights_yaml(plan(planned("pods"))) == ""


def test_a_role_that_opens_secrets_says_so() -> None:
    assert "may read their values" in rights_yaml(plan(planned("secrets", Allowed.NO)))
    assert "may read their values" not in rights_yaml(plan(planned("pods", Allowed.NO)))


def test_what_could_not_be_discovered_is_not_passed_over() -> None:
    gap = Gap(subject="API group version metrics.k8s.io/v1beta1", status=Status.FAILED, reason="unavailable")
    found = replace(plan(planned("pods")), gaps=(gap,))
    assert "not asked for: API group version metrics.k8s.io/v1beta1: unavailable" in rights_text(found)
    assert json.loads(rights_json(found))["not_asked"] == [{"subject": gap.subject, "reason": "unavailable"}]


def outlined(*rights: PlannedRight, skipped: dict[str, tuple[str, ...]] | None = None) -> Outline:
    return Outline(
        plan=replace(plan(*rights), context=EVIL, user=EVIL),
        steps=(Step(collector="workloads", rights=rights, requests=len(rights), note=EVIL),),
        where=EVIL,
        bundle_bytes=1 << 20,
        run_seconds=300,
        requests_per_second=50,
        parallel_requests=8,
        folder=EVIL,
        notices_to=EVIL,
        skipped=skipped or {},
    )


def test_no_text_of_a_server_reaches_the_terminal_unchanged() -> None:
    bad = planned(EVIL, Allowed.UNKNOWN, collector=EVIL, inside=(EVIL,), namespace=EVIL, reason=EVIL)
    gap = Gap(subject=EVIL, status=Status.FAILED, reason=EVIL)
    shown = [
        rights_text(replace(plan(bad, planned("pods")), context=EVIL, server=EVIL, user=EVIL, gaps=(gap,))),
        outline_text(outlined(bad, planned("pods"), skipped={EVIL: (EVIL,)})),
    ]
    for text in shown:
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert not any(line.startswith("new line") for line in text.splitlines())


@pytest.mark.parametrize("count", [1, 40])
def test_an_outline_says_how_many_requests_at_least(count: int) -> None:
    answer = json.loads(outline_json(outlined(*(planned(f"r{n}") for n in range(count)))))
    assert answer["steps"][0]["requests_at_least"] == count
    assert f" {count}+ " in outline_text(outlined(*(planned(f"r{n}") for n in range(count))))
