"""Old bundles go, new ones and those that are still to be sent stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.cli import collect, demo
from collector.cli.parser import Parser
from collector.core.errors import UsageError
from collector.delivery.chunks import Parcel
from collector.delivery.notice import Origin
from collector.delivery.uploadlog import UploadLog, header
from collector.kube.config import ConnectionOptions
from collector.pipeline.deliver import prune_bundles
from collector.pipeline.options import RunOptions
from collector.pipeline.retention import prune
from collector.spec import load_spec
from tests.lib.receivers import FakeClock, settings


def bundles(folder: Path, count: int, label: str = "prod") -> list[Path]:
    """Makes bundles of following days, newest first, each with its text for the ticket."""
    made = []
    for day in range(count, 0, -1):
        path = folder / f"conductor-diag-{label}-202611{day:02}T030000Z-00ab.tar.zst"
        path.write_bytes(b"")
        path.with_name(path.name.replace(".tar.zst", ".summary.md")).write_text("")
        made.append(path)
    return made


def test_the_newest_stay_and_the_texts_of_the_others_go_with_them(tmp_path: Path) -> None:
    newest, second, *_ = bundles(tmp_path, 5)
    assert prune(tmp_path, "prod", 2) == 3
    assert sorted(tmp_path.glob("*.zst")) == sorted([newest, second])
    assert len(list(tmp_path.glob("*.md"))) == 2


@pytest.mark.parametrize("keep", [0, -1, -5])
def test_no_count_means_that_all_stay(tmp_path: Path, keep: int) -> None:
    made = bundles(tmp_path, 3)
    assert prune(tmp_path, "prod", keep) == 0
    assert sorted(tmp_path.glob("*.zst")) == sorted(made)


def test_what_is_still_to_be_sent_stays(tmp_path: Path) -> None:
    newest, _, oldest = bundles(tmp_path, 3)
    assert prune(tmp_path, "prod", 1, awaited={oldest}) == 1
    assert sorted(tmp_path.glob("*.zst")) == sorted([newest, oldest])


@pytest.mark.parametrize(("days", "left"), [(1, 2), (8, 1)])
def test_a_bundle_stays_while_its_upload_may_still_be_finished(tmp_path: Path, days: int, left: int) -> None:
    newest, oldest = bundles(tmp_path, 2)
    spool = tmp_path / "spool"
    parcel = Parcel(bundle_id="cnd1", sha256="ab" * 32, size=1, encryption="none", plain_sha256="ab" * 32)
    origin = Origin(bundle_id="cnd1", label="l", case="", policy_id="p", agent_version="1.0")
    begun = header(parcel, oldest, scratch=False, endpoint="e", origin=origin, clock=FakeClock())
    UploadLog.begin(spool, begun, cut=45_000)
    later = FakeClock()
    later.sleep(days * 86400)
    prune_bundles(
        RunOptions(
            connection=ConnectionOptions(),
            spec=load_spec(),
            dest_dir=tmp_path,
            label="prod",
            keep_last=1,
            errbit=settings("https://errbit.example.com", spool),
        ),
        later,
    )
    assert sorted(tmp_path.glob("*.zst")) == sorted([newest, oldest][:left])


def test_other_labels_and_other_files_are_not_touched(tmp_path: Path) -> None:
    bundles(tmp_path, 2)
    others = bundles(tmp_path, 2, label="prod-eu")
    note = tmp_path / "conductor-diag-prod-notes.tar.zst"
    note.write_bytes(b"")
    assert prune(tmp_path, "prod", 1) == 1
    assert {*others, note} < set(tmp_path.iterdir())


@pytest.mark.parametrize("made", [collect.parser("collect"), demo.parser("demo")])
def test_a_count_below_zero_is_wrong_usage(made: Parser) -> None:
    with pytest.raises(UsageError, match="no number of bundles"):
        collect.check_output(made.parse_args(["--keep-last", "-1"]))
    collect.check_output(made.parse_args(["--keep-last", "0"]))
