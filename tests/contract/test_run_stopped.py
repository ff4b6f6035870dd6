"""A run that is asked to stop keeps what it has, says what it has not, and sends nothing more."""

from __future__ import annotations

from pathlib import Path

from collector.delivery import ErrbitSettings, Secret
from collector.pipeline.interrupt import Interrupt
from tests.lib.faulty import Exchange, Fault
from tests.lib.recordings import recording
from tests.lib.runs import collect, entry, problems, verdicts


def asking(interrupt: Interrupt) -> Fault:
    """Answers as ever, and the operator presses Ctrl-C meanwhile."""

    def fault(exchange: Exchange) -> bool:
        interrupt.stop.ask("the run was interrupted by Ctrl-C")
        return exchange.send(exchange.normal())

    return fault


def test_what_was_read_is_judged_and_the_rest_is_a_gap(tmp_path: Path) -> None:
    interrupt = Interrupt()
    result = collect(
        recording(),
        tmp_path,
        faults=lambda api: api.on("/api/v1/persistentvolumeclaims*", asking(interrupt)),
        interrupt=interrupt,
    )
    assert problems(result.bundle.path) == ()
    names = {e["path"] for e in entry(result.bundle.path, "manifest.json")["entries"]}
    assert "cluster-resources/pods/conductor.json" in names
    assert "run/api.json" in names
    found = verdicts(result)
    assert any(key.startswith("CND-APP-001") for key in found)
    assert found["CND-RUN-001 collectors"][0] == "unknown"
    assert "CND-CON-001 conductor" not in found
    skipped = {run.name for run in result.report.run.collectors if run.status == "skipped"}
    assert {"conductor", "logs", "versions"} <= skipped
    assert not result.report.run.complete


def test_no_collector_begins_after_the_wish_to_stop(tmp_path: Path) -> None:
    interrupt = Interrupt()
    seen: list[str] = []
    collect(
        recording(),
        tmp_path,
        faults=lambda api: api.on("/api/v1/pods*", asking(interrupt)),
        interrupt=interrupt,
        requests=seen,
    )
    assert not any("/log" in request for request in seen)


def test_notices_of_a_stopped_run_wait_in_the_spool(tmp_path: Path) -> None:
    interrupt = Interrupt()
    result = collect(
        recording(),
        tmp_path,
        faults=lambda api: api.on("/api/v1/pods*", asking(interrupt)),
        interrupt=interrupt,
        errbit=ErrbitSettings(
            url="http://127.0.0.1:9",
            key=Secret("0123456789abcdef"),
            environment="test",
            hostname="test",
            spool_dir=tmp_path / "spool",
        ),
    )
    assert result.delivery is not None
    assert str(result.delivery.state) == "spooled"
    assert len(list((tmp_path / "spool").iterdir())) > 1
