"""A pen writes what redaction lets through, says what it does not, and leaves nothing once taken away."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from collector.bundle.reader import BundleReader
from collector.bundle.writer import BundleWriter
from collector.core.errors import OutputError
from collector.pipeline.budget import Budget
from collector.pipeline.pen import Pen, RevokedError
from collector.records import (
    Batch,
    ContentError,
    Document,
    EntryStatus,
    Gap,
    Json,
    Lines,
    Objects,
    Record,
    Status,
)
from collector.redaction import Ledger, RedactionError, Redactor
from tests.lib.bundles import NAME, STARTED, log_text, manifest_of, piece
from tests.lib.planted import shipped_redactor

MIB = 1024 * 1024
PATIENCE = 5.0
PODS = "cluster-resources/pods/default.json"
LOG = "cluster-resources/pods/logs/default/web/app.log"
GAP = Gap(subject="log of web/app", status=Status.TIMEOUT, reason="no answer within the time limit")
UNREDACTABLE = {"metadata": {"name": "web"}, "spec": object()}


class Desk:
    """A writer with as many pens as a test wants, and what came of it."""

    def __init__(self, folder: Path, budget: int = 100 * MIB) -> None:
        self.folder = folder
        self.budget = Budget(budget)
        self.ledger = Ledger(apart="canary")
        self.writer = BundleWriter(folder / NAME, mtime=STARTED)

    def pen(self, *, vital: bool = True) -> Pen:
        return Pen(
            "test",
            redactor=shipped_redactor(),
            writer=self.writer,
            ledger=self.ledger,
            budget=self.budget,
            vital=vital,
        )

    def sealed(self) -> BundleReader:
        return BundleReader(self.writer.seal(manifest_of).path)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    with made.writer:
        yield made


def pod(name: str) -> Json:
    return {"metadata": {"name": name, "namespace": "default"}}


def pods(items: Iterable[Json], path: str = PODS) -> Objects:
    return Objects(path=path, kind="PodList", api_version="v1", item_kind="Pod", items=items)


def lines(chunks: Iterable[bytes], *, limit: int = MIB, share: float = 1.0) -> Lines:
    return Lines(
        path=LOG, chunks=chunks, limit=limit, share=share, subject="log of web/app", namespace="default"
    )


def ending(chunks: Iterable[bytes], gap: Gap = GAP) -> Iterator[bytes]:
    yield from chunks
    raise ContentError(gap)


def test_every_kind_of_record_becomes_its_entry(desk: Desk) -> None:
    pen = desk.pen()
    pen.take(Document(path="versions/components.json", value={"components": []}))
    pen.take(Batch(records=[pods([pod("web")]), lines([b"hello\n"])]))
    pen.take(GAP)
    with desk.sealed() as reader:
        assert set(reader.names()) >= {"versions/components.json", PODS, LOG}
        assert reader.read(LOG) == b"hello\n"
        assert b'"web"' in reader.read(PODS)
        assert reader.verify().problems == ()
    assert (pen.entries, pen.gaps) == (3, [GAP])
    assert pen.size == sum(entry.size for entry in desk.writer.entries)


def test_what_redaction_cannot_do_is_withheld_and_said(desk: Desk) -> None:
    pen = desk.pen()
    pen.take(pods([pod("first"), UNREDACTABLE]))
    pen.take(lines([b"hello\n"]))
    entries = {entry.path: entry for entry in desk.writer.entries}
    assert (entries[PODS].status, entries[PODS].size) == (EntryStatus.WITHHELD, 0)
    assert "could not be redacted" in entries[PODS].note
    assert entries[LOG].status is EntryStatus.OK
    assert pen.withheld == 1
    (gap,) = pen.gaps
    assert (gap.subject, gap.status) == (PODS, Status.FAILED)
    with desk.sealed() as reader:
        assert b"first" not in reader.read(PODS)


def test_the_name_of_an_entry_is_redacted_and_its_content_is_kept(desk: Desk) -> None:
    secret = "ghp_hunter2hunter2hunter2hunter2hunter2h"
    pen = desk.pen()
    pen.take(Lines(path=f"cluster-resources/pods/logs/{secret}/web/app.log", chunks=[b"hello\n"], limit=MIB))
    (entry,) = desk.writer.entries
    assert secret not in entry.path
    assert entry.path.startswith("cluster-resources/pods/logs/redacted~token~")
    assert entry.path.endswith("/web/app.log")
    with desk.sealed() as reader:
        assert reader.read(entry.path) == b"hello\n"
        assert reader.verify().problems == ()
    assert desk.ledger.content()["entries"] == {entry.path: {"forge-token": 1}}


def test_a_name_that_cannot_be_redacted_is_not_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> str:
        raise RedactionError("broken")

    monkeypatch.setattr(Redactor, "name", broken)
    pen = desk.pen()
    pen.take(lines([b"hello\n"]))
    assert (desk.writer.entries, pen.withheld) == ((), 1)
    (gap,) = pen.gaps
    assert LOG not in gap.subject + gap.reason


def test_what_was_hidden_is_counted_by_rule_and_entry(desk: Desk) -> None:
    pen = desk.pen()
    pen.take(lines([b"password=hunter2 --token hunter2\n"]))
    pen.take(pods([{"metadata": {"name": "web"}, "spec": {"password": "hunter2"}}]))
    ledger = desk.ledger.content()
    assert ledger["entries"] == {
        LOG: {"assignment": 1, "flag": 1},
        PODS: {"structure:telling-key": 1},
    }
    assert ledger["kinds"] == {"password": 2, "token": 1}
    assert "hunter2" not in json.dumps(ledger)


def test_the_words_of_a_gap_are_redacted_too(desk: Desk) -> None:
    pen = desk.pen()
    secret = "postgres://conductor:hunter2@db:5432/conductor"
    pen.take(Gap(subject=secret, status=Status.FAILED, reason=secret, needs=secret))
    (gap,) = pen.gaps
    assert "hunter2" not in gap.subject + gap.reason + gap.needs
    assert "db:5432" in gap.reason


def test_content_that_ends_early_is_kept_and_its_reason_noted(desk: Desk) -> None:
    pen = desk.pen()
    pen.take(lines(ending([b"one\n", b"two\n"])))
    (entry,) = desk.writer.entries
    assert (entry.status, entry.size) == (EntryStatus.PARTIAL, 8)
    assert "timeout" in entry.note
    assert pen.gaps == [GAP]


def test_content_that_never_began_leaves_its_gap_and_no_entry(desk: Desk) -> None:
    pen = desk.pen()
    pen.take(lines(ending([])))
    assert desk.writer.entries == ()
    assert pen.gaps == [GAP]
    pen.take(lines([b"a second attempt\n"]))
    assert len(desk.writer.entries) == 1


def test_objects_that_end_early_are_still_json(desk: Desk) -> None:
    pen = desk.pen()

    def items() -> Iterator[Json]:
        yield pod("first")
        raise ContentError(GAP)

    pen.take(pods(items()))
    with desk.sealed() as reader:
        text = reader.read(PODS).decode()
    assert text.rstrip().endswith("]}")
    assert [entry.status for entry in desk.writer.entries] == [EntryStatus.PARTIAL]


def test_a_log_that_was_empty_is_an_entry(desk: Desk) -> None:
    pen = desk.pen()
    pen.take(lines([]))
    assert [(entry.path, entry.size) for entry in desk.writer.entries] == [(LOG, 0)]
    assert pen.gaps == []


def test_of_a_long_log_the_end_is_kept_and_the_cut_is_stated(desk: Desk) -> None:
    pen = desk.pen()
    data = log_text(3 * MIB)
    pen.take(lines([data], limit=MIB))
    (entry,) = desk.writer.entries
    with desk.sealed() as reader:
        kept = reader.read(LOG)
        assert reader.verify().problems == ()
    assert data.endswith(kept)
    assert MIB // 2 < len(kept) <= MIB
    assert entry.status is EntryStatus.TRUNCATED
    assert entry.note == f"cut: the newest {len(kept)} bytes of {len(data)} are kept"


def test_a_log_that_is_cut_and_ends_early_says_both(desk: Desk) -> None:
    pen = desk.pen()
    pen.take(lines(ending([log_text(3 * MIB)]), limit=MIB))
    (entry,) = desk.writer.entries
    assert entry.status is EntryStatus.PARTIAL
    assert entry.note.startswith("ends early: timeout; cut: the newest ")


def test_an_error_of_the_source_passes_and_leaves_no_trace(desk: Desk) -> None:
    pen = desk.pen()

    def chunks() -> Iterator[bytes]:
        yield b"one\n"
        raise LookupError("a defect")

    with pytest.raises(LookupError):
        pen.take(lines(chunks()))
    assert desk.writer.entries == ()
    assert pen.reading == 0
    pen.take(lines([b"again\n"]))
    assert pen.entries == 1


def test_without_room_texts_and_lists_become_gaps_and_vital_lists_do_not(desk: Desk) -> None:
    desk.budget.note(200 * MIB)
    spare, vital = desk.pen(vital=False), desk.pen()
    spare.take(lines([b"hello\n"]))
    spare.take(pods([pod("web")]))
    vital.take(pods([pod("web")]))
    assert [entry.path for entry in desk.writer.entries] == [PODS]
    assert [(gap.subject, gap.status, gap.namespace) for gap in spare.gaps] == [
        ("log of web/app", Status.TRUNCATED, "default"),
        (PODS, Status.TRUNCATED, ""),
    ]
    assert all("--max-size" in gap.needs for gap in spare.gaps)
    assert vital.gaps == []


def test_a_list_ends_as_whole_json_when_the_room_ends(desk: Desk) -> None:
    pen = desk.pen(vital=False)

    def items() -> Iterator[Json]:
        yield pod("first")
        desk.budget.note(200 * MIB)
        yield pod("second")

    pen.take(pods(items()))
    (entry,) = desk.writer.entries
    with desk.sealed() as reader:
        text = reader.read(PODS).decode()
    assert entry.status is EntryStatus.TRUNCATED
    assert "budget" in entry.note
    assert "first" in text
    assert "second" not in text
    assert text.rstrip().endswith("]}")
    assert [(gap.subject, gap.status) for gap in pen.gaps] == [(f"the rest of {PODS}", Status.TRUNCATED)]


def test_lists_under_way_count_for_the_room(tmp_path: Path) -> None:
    desk = Desk(tmp_path, budget=2 * MIB)
    noise = random.Random(1)
    with desk.writer:
        pen = desk.pen(vital=False)
        pen.take(pods({**pod(f"{n}"), "note": noise.randbytes(10_000).hex()} for n in range(400)))
        (entry,) = desk.writer.entries
        sealed = desk.writer.seal(manifest_of)
    assert entry.status is EntryStatus.TRUNCATED
    # What is in no frame yet is only foreseen: at most a frame, and this content is hard to compress.
    assert 1.5 * MIB < sealed.size < 2.5 * MIB


def test_many_entries_left_out_are_named_up_to_a_number_and_then_counted(desk: Desk) -> None:
    desk.budget.note(200 * MIB)
    pen = desk.pen(vital=False)
    for _ in range(250):
        pen.take(lines([]))
    pen.revoke()
    pen.revoke()
    subjects = Counter(gap.subject for gap in pen.gaps)
    assert subjects == {"log of web/app": 200, "50 more entries": 1}


def test_a_bundle_never_has_more_entries_than_readers_accept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.pipeline.budget.MAX_MEMBERS", 110)
    monkeypatch.setattr("collector.bundle.writer.MAX_MEMBERS", 110)
    desk = Desk(tmp_path)
    with desk.writer:
        pen = desk.pen()
        for number in range(15):
            pen.take(pods([pod("web")], path=f"cluster-resources/pods/n{number}.json"))
        assert len(desk.writer.entries) == 10
        for number in range(99):  # the run's own account finds its place
            desk.writer.add(f"run/{number}.json", piece(b"{}"), collector="agent")
        desk.writer.seal(manifest_of)
    assert [gap.status for gap in pen.gaps] == [Status.TRUNCATED] * 5


def test_a_pen_that_was_taken_away_refuses_everything(desk: Desk) -> None:
    pen = desk.pen()
    pen.take(lines([b"kept\n"]))
    pen.revoke()
    for record in (GAP, Document(path="x.json", value=1), pods([pod("web")]), lines([b"late\n"])):
        with pytest.raises(RevokedError):
            pen.take(record)
    assert pen.gaps == []
    assert [entry.path for entry in desk.writer.entries] == [LOG]


def test_entries_that_are_open_when_the_pen_is_taken_away_leave_no_trace(desk: Desk) -> None:
    pen = desk.pen()
    opened, released = threading.Event(), threading.Event()
    ends: list[BaseException] = []

    def chunks() -> Iterator[bytes]:
        yield log_text(2 * MIB)
        opened.set()
        released.wait(PATIENCE)
        yield b"late\n"

    def work() -> None:
        try:
            pen.take(lines(chunks(), limit=20 * MIB))
        except (RevokedError, OutputError) as error:
            ends.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert opened.wait(PATIENCE)
    assert pen.reading > MIB
    pen.revoke()
    released.set()
    thread.join(PATIENCE)
    assert len(ends) == 1
    assert pen.reading == 0
    with desk.sealed() as reader:
        assert LOG not in reader.names()
        assert reader.verify().problems == ()


def test_what_is_promised_to_a_text_comes_back_when_it_ends(desk: Desk) -> None:
    pen = desk.pen()
    pen.take(lines([b"one\n"], limit=10**12))
    assert desk.budget.grant(10**12, 1.0) > 5 * 97 * MIB


def test_two_entries_of_one_path_cost_the_second_alone(desk: Desk) -> None:
    pen = desk.pen()
    pen.take(pods([pod("first")]))
    pen.take(pods([pod("second")]))
    pen.take(lines([b"hello\n"]))
    with desk.sealed() as reader:
        assert b"first" in reader.read(PODS)
        assert reader.read(LOG) == b"hello\n"
    (gap,) = pen.gaps
    assert (gap.subject, gap.status) == (PODS, Status.FAILED)


def test_a_log_never_grows_beyond_what_an_entry_may_hold(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.pipeline.pen._LARGEST", MIB)
    pen = desk.pen()
    pen.take(lines([log_text(3 * MIB)], limit=10**12))
    (entry,) = desk.writer.entries
    assert entry.status is EntryStatus.TRUNCATED
    assert entry.size <= MIB


def test_a_list_larger_than_an_entry_is_cut_between_two_objects(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.pipeline.pen._LARGEST", 1000)
    pen = desk.pen()
    pen.take(pods(pod(f"{number:010}") for number in range(1000)))
    (entry,) = desk.writer.entries
    with desk.sealed() as reader:
        names = [item["metadata"]["name"] for item in json.loads(reader.read(PODS))["items"]]
    assert entry.status is EntryStatus.TRUNCATED
    assert names == [f"{number:010}" for number in range(len(names))]
    assert 5 < len(names) < 30
    assert [gap.status for gap in pen.gaps] == [Status.TRUNCATED]


def test_a_document_that_no_reader_would_accept_becomes_a_gap(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.bundle.entry.MAX_ENTRY", 1000)
    pen = desk.pen()
    pen.take(Document(path="versions/images.json", value=["x" * 2000]))
    pen.take(Document(path="versions/components.json", value=[]))
    assert [entry.path for entry in desk.writer.entries] == ["versions/components.json"]
    assert [(gap.subject, gap.status) for gap in pen.gaps] == [("versions/images.json", Status.FAILED)]


def test_pens_of_many_threads_share_one_writer(desk: Desk) -> None:
    pen = desk.pen()

    def work(number: int) -> None:
        pen.take(pods([pod("web")], path=f"cluster-resources/pods/n{number}.json"))
        pen.take(Gap(subject=str(number), status=Status.ABSENT, reason="x"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert pen.entries == len(pen.gaps) == 30
    assert len(desk.writer.entries) == 30


@pytest.mark.parametrize("record", [lines([b"x\n"]), pods([])])
def test_the_disks_refusal_passes(desk: Desk, record: Record) -> None:
    desk.writer.abort()
    with pytest.raises(OutputError):
        desk.pen().take(record)
