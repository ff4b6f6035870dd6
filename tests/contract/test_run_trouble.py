"""Whatever the cluster does, the run ends with a valid bundle that says what is missing."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from collector.bundle.reader import BundleReader
from collector.collectors import COLLECTORS, Collector, Context
from collector.demo.apiserver import Rule
from collector.demo.recording import Answer, Recording
from collector.records import Document, Record
from collector.spec import Limits, load_spec
from tests.lib import faulty
from tests.lib.crowd import crowd, with_pods
from tests.lib.faulty import Fault
from tests.lib.recordings import recording
from tests.lib.runs import collect, entry, problems, verdicts

PODS = "/api/v1/pods?*"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (faulty.forbidden(), "denied"),
        (faulty.not_found(), "absent"),
        (faulty.server_error(), "failed"),
        (faulty.unavailable(), "failed"),
        (faulty.half_body(), "failed"),
        (faulty.half_chunked(), "failed"),
        (faulty.reset(), "failed"),
        (faulty.wrong_json(), "failed"),
        (faulty.redirect("http://127.0.0.1:9/"), "failed"),
        (faulty.silent(), "timeout"),
    ],
)
def test_a_list_that_fails_is_a_gap_and_an_unknown(tmp_path: Path, fault: Fault, status: str) -> None:
    result = collect(
        recording(),
        tmp_path,
        faults=lambda api: api.on(PODS, fault).on("/api/v1/namespaces/*/pods?*", fault),
        request_timeout=0.3,
    )
    assert problems(result.bundle.path) == ()
    gaps = {(gap.subject, str(gap.status)) for gap in result.report.run.gaps}
    assert ("list pods", status) in gaps
    assert ("container logs", "skipped") in gaps
    found = verdicts(result)
    assert found["CND-RUN-001 list pods"][:2] == ("unknown", "undetermined")
    assert not any(key.startswith("CND-APP-001") for key in found)
    assert found["CND-PRE-003 traefik"][0] == "fail"


def test_an_unknown_says_what_it_blinds_and_what_would_settle_it(tmp_path: Path) -> None:
    result = collect(recording(), tmp_path, deny=[Rule(resource="pods", group="")])
    (finding,) = (j.finding for j in result.report.findings if j.finding.subject.name == "list pods")
    assert "CND-APP-001" in finding.summary
    assert "verb list on pods" in finding.needs


def test_throttling_costs_nothing_but_time(tmp_path: Path) -> None:
    result = collect(recording(), tmp_path, faults=lambda api: api.on(PODS, faulty.throttled(1), times=3))
    assert result.report.run.complete or all(gap.subject != "list pods" for gap in result.report.run.gaps)
    assert entry(result.bundle.path, "run/api.json")["throttled"] == 3


@pytest.mark.parametrize(
    ("resource", "namespaces", "entry_path", "where"),
    [
        ("pods", (), "pods/shop.json", ""),
        ("pods", ("conductor", "shop"), "pods/shop.json", "shop"),
        ("persistentvolumes", (), "pvs.json", ""),
    ],
)
def test_an_expired_continue_token_keeps_the_rest_and_says_so(
    tmp_path: Path, resource: str, namespaces: tuple[str, ...], entry_path: str, where: str
) -> None:
    asked: list[str] = []
    known = with_many_volumes(with_pods(recording(), crowd(0, 700)), 700)
    result = collect(
        known,
        tmp_path,
        spec=msgspec.structs.replace(load_spec(), namespaces=namespaces),
        faults=lambda api: api.on(f"/api/v1/*{resource}?*continue=*", faulty.gone()),
        requests=asked,
    )
    assert problems(result.bundle.path) == ()
    assert sum(f"{resource}?" in line and "continue=" in line for line in asked) >= 2
    items = entry(result.bundle.path, f"cluster-resources/{entry_path}")
    assert len(items["items"] if isinstance(items, dict) else items) >= 700
    (gap,) = (gap for gap in result.report.run.gaps if gap.subject == f"list {resource}")
    assert (str(gap.status), gap.namespace) == ("partial", where)
    assert "expired its snapshot while paging" in gap.reason
    assert verdicts(result)[f"CND-RUN-001 list {resource}"][0] == "unknown"


def with_many_volumes(known: Recording, count: int) -> Recording:
    """Returns a recording with more volumes than stand on one page."""
    path = "/api/v1/persistentvolumes"
    document = copy.deepcopy(known.answers[path].json)
    model = document["items"][0]
    for number in range(count):
        copied = copy.deepcopy(model)
        copied["metadata"] |= {"name": f"more-{number:04}", "uid": f"uid-{number}"}
        document["items"].append(copied)
    document["items"].sort(key=lambda item: item["metadata"]["name"])
    return known.with_answers({path: Answer.of(document)})


def test_half_of_the_resources_denied(tmp_path: Path) -> None:
    rules = [Rule(group=g) for g in ("apps", "batch", "velero.io", "certmanager.k8s.io")]
    result = collect(recording(), tmp_path, deny=[*rules, Rule(group="", resource="nodes")])
    found = verdicts(result)
    assert problems(result.bundle.path) == ()
    assert found["CND-RUN-001 list apps"][0] == "unknown"
    assert found["CND-RUN-001 list batch"][0] == "unknown"
    assert result.report.facts.platform == "konvoy_1"
    assert not any(key.startswith("CND-PG") for key in found)


def test_rights_in_one_namespace_only(tmp_path: Path) -> None:
    result = collect(recording(), tmp_path, deny=[Rule(namespace="")])
    manifest = entry(result.bundle.path, "manifest.json")
    names = {e["path"] for e in manifest["entries"]}
    assert "cluster-resources/pods/conductor.json" in names
    assert "cluster-resources/pods/traefik.json" not in names
    assert any(key.startswith("CND-APP-001") for key in verdicts(result))


@pytest.mark.parametrize(
    ("key", "name", "hint"),
    [
        ("conductor_namespaces", "conducter", "-n conductor"),
        ("namespaces", "conducter", "-n conductor"),
        ("conductor_namespaces", "qqq", "kubectl get namespaces"),
    ],
)
def test_a_named_namespace_that_is_not_there_is_told(tmp_path: Path, key: str, name: str, hint: str) -> None:
    spec = msgspec.structs.replace(load_spec(), **{key: (name,)})
    result = collect(recording(), tmp_path, spec=spec)
    (gap,) = (gap for gap in result.report.run.gaps if gap.subject == f"namespace {name}")
    assert str(gap.status) == "absent"
    assert hint in gap.needs
    assert verdicts(result)[f"CND-RUN-001 namespace {name}"][0] == "unknown"
    assert name not in result.report.facts.conductor_namespaces


@pytest.mark.parametrize("deny", [(), (Rule(group="", resource="namespaces"),)])
def test_a_namespace_that_is_there_or_may_not_be_seen_is_not_called_absent(
    tmp_path: Path, deny: tuple[Rule, ...]
) -> None:
    name = "secret-place" if deny else "conductor"
    spec = msgspec.structs.replace(load_spec(), conductor_namespaces=(name,))
    result = collect(recording(), tmp_path, spec=spec, deny=deny)
    assert not any(gap.subject.startswith("namespace ") for gap in result.report.run.gaps)


def test_a_log_that_stalls_is_kept_as_far_as_it_came(tmp_path: Path) -> None:
    result = collect(
        recording(),
        tmp_path,
        faults=lambda api: api.on("*/log?container=nginx*", faulty.stalled(0.5)),
        request_timeout=0.3,
    )
    entries = {e["path"]: e for e in entry(result.bundle.path, "manifest.json")["entries"]}
    cut = [e for path, e in entries.items() if path.endswith("/nginx.log")]
    assert problems(result.bundle.path) == ()
    assert len(cut) == 2
    assert all(e["status"] == "partial" and e["size"] > 0 for e in cut)


def boom(context: Context) -> Iterator[Record]:
    yield Document(path="extra/before.json", value={"kept": True})
    raise RuntimeError("a defect in this collector")


def test_a_collector_that_raises_costs_only_what_it_had_not_delivered(tmp_path: Path) -> None:
    result = collect(recording(), tmp_path, collectors=(*COLLECTORS, Collector(name="broken", collect=boom)))
    run = {r.name: r for r in result.report.run.collectors}
    assert run["broken"].status == "failed"
    assert entry(result.bundle.path, "extra/before.json") == {"kept": True}
    assert verdicts(result)["CND-RUN-001 collector broken"][0] == "unknown"
    assert run["workloads"].status == "ok"


def test_a_collector_that_hangs_is_left_behind(tmp_path: Path) -> None:
    released = threading.Event()

    def hang(context: Context) -> Iterator[Record]:
        yield Document(path="extra/before.json", value={"kept": True})
        released.wait(30)
        yield Document(path="extra/late.json", value={"kept": False})

    slow = Collector(name="slow", collect=hang, seconds=0.3)
    try:
        result = collect(recording(), tmp_path, collectors=(*COLLECTORS, slow))
    finally:
        released.set()
    names = {e["path"] for e in entry(result.bundle.path, "manifest.json")["entries"]}
    assert {r.name: str(r.status) for r in result.report.run.collectors}["slow"] == "timeout"
    assert "extra/before.json" in names
    assert "extra/late.json" not in names
    assert verdicts(result)["CND-RUN-001 collector slow"][0] == "unknown"
    assert problems(result.bundle.path) == ()


def test_the_runs_deadline_ends_a_cluster_that_answers_nothing_more(tmp_path: Path) -> None:
    spec = msgspec.structs.replace(load_spec(), limits=Limits(run="4s", reserve="2s"))
    result = collect(
        recording(),
        tmp_path,
        spec=spec,
        faults=lambda api: api.on("/api/v1/events*", faulty.silent()),
        request_timeout=30,
    )
    assert problems(result.bundle.path) == ()
    run = {r.name: r for r in result.report.run.collectors}
    assert run["itself"].status == "ok"
    assert any(gap.status == "timeout" for gap in result.report.run.gaps)
    assert (result.report.run.finished - result.report.run.started).total_seconds() < 4


@pytest.mark.parametrize("pattern", ["/api", "/apis"])
@pytest.mark.parametrize(
    "fault", [faulty.silent(), faulty.reset(), faulty.wrong_type(), faulty.server_error(), faulty.forbidden()]
)
def test_a_server_that_does_not_say_what_it_offers_is_asked_for_what_all_have(
    tmp_path: Path, pattern: str, fault: Fault
) -> None:
    result = collect(recording(), tmp_path, faults=lambda api: api.on(pattern, fault), request_timeout=0.3)
    assert result.unreachable is None
    assert problems(result.bundle.path) == ()
    assert any(gap.subject == "API discovery" for gap in result.report.run.gaps)
    assert any(key.startswith("CND-APP-001") for key in verdicts(result))


@pytest.mark.parametrize("fault", [faulty.silent(), faulty.server_error(), faulty.forbidden()])
def test_a_server_that_states_no_version_is_read_all_the_same(tmp_path: Path, fault: Fault) -> None:
    result = collect(
        recording(), tmp_path, faults=lambda api: api.on("/version*", fault), request_timeout=0.3
    )
    assert result.unreachable is None
    assert ("get /version", "failed") in {(g.subject, str(g.status)) for g in result.report.run.gaps}
    assert any(key.startswith("CND-APP-001") for key in verdicts(result))


def test_a_group_whose_document_cannot_be_had_is_asked_for_what_all_servers_have_in_it(
    tmp_path: Path,
) -> None:
    result = collect(recording(), tmp_path, faults=lambda api: api.on("/apis/apps/v1", faulty.server_error()))
    names = {e["path"] for e in entry(result.bundle.path, "manifest.json")["entries"]}
    assert "cluster-resources/deployments/conductor.json" in names


def test_an_unwell_server_says_so_at_once(tmp_path: Path) -> None:
    sick = faulty.server_error("[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed")
    result = collect(recording(), tmp_path, faults=lambda api: api.on("/readyz*", sick))
    with BundleReader(result.bundle.path) as reader:
        log = reader.read("run/agent.log").decode()
    assert "not well" in log
    assert '"reason":"etcd"' in log.replace(" ", "")
