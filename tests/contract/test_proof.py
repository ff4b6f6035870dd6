"""A bundle in which anything secret is left is never published, whatever let it through."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from collector.bundle import layout
from collector.bundle.reader import BundleReader
from collector.cli import main as cli
from collector.core.errors import ExitStatus, WithheldError
from collector.demo.recording import Recording
from collector.pipeline import clean
from collector.records import EntryStatus, Json, Objects, Redacted
from collector.redaction import Redactor
from collector.redaction.canary import LOG
from tests.lib.edits import with_log
from tests.lib.recordings import recording
from tests.lib.runs import collect, entry, problems, whole

TOKEN = "q7-agents-own-credential-84c1"  # no rule would know it by its form


def with_words(words: str) -> Recording:
    known = recording()
    key = next(key for key in known.logs if key.container == "web" and not key.previous)
    return with_log(known, key.namespace, key.pod, key.container, f"2026-11-20T15:00:00Z {words}\n")


def test_the_canaries_are_in_the_bundle_and_none_is_readable(tmp_path: Path) -> None:
    result = collect(recording(), tmp_path)
    with BundleReader(result.bundle.path) as reader:
        log = reader.read(LOG).decode()
    assert log.count("[REDACTED:") > 8
    assert b"cnry" not in whole(result.bundle.path)
    assert "canary" not in {run.name for run in result.report.run.collectors}


def test_what_hides_canaries_is_not_counted_as_the_clusters(tmp_path: Path) -> None:
    result = collect(recording(), tmp_path)
    manifest = entry(result.bundle.path, "manifest.json")["entries"]
    own = sum(sum(e.get("redactions", {}).values()) for e in manifest if e["collector"] == "canary")
    others = sum(
        sum(e.get("redactions", {}).values()) for e in manifest if e["collector"] not in ("canary", "agent")
    )
    assert own > 10
    assert sum(result.report.run.redactions.values()) <= others


@pytest.mark.parametrize("writing", [TOKEN, TOKEN[::-1], TOKEN.encode().hex(), json.dumps({"a": [TOKEN]})])
def test_the_agents_own_credential_withholds_the_bundle(tmp_path: Path, writing: str) -> None:
    with pytest.raises(WithheldError) as caught:
        collect(with_words(f"seen {writing} today"), tmp_path, headers={"Authorization": f"Bearer {TOKEN}"})
    assert caught.value.status is ExitStatus.WITHHELD
    assert "web.log" in caught.value.why
    assert TOKEN not in caught.value.why
    assert list(tmp_path.iterdir()) == []


def test_without_it_the_same_words_pass(tmp_path: Path) -> None:
    result = collect(with_words(f"seen {TOKEN} today"), tmp_path)
    assert problems(result.bundle.path) == ()


def pass_through(self: Redactor, chunks: Iterable[bytes], *_: object) -> Iterator[Redacted]:
    return (Redacted(chunk) for chunk in chunks)


def pass_document(self: Redactor, value: Json, *_: object) -> Redacted:
    return Redacted(json.dumps(value).encode())


def pass_objects(self: Redactor, record: Objects, counts: object) -> Iterator[Redacted]:
    return (Redacted(json.dumps(item).encode()) for item in record.items)


def pass_name(self: Redactor, path: str, counts: object, *, own: int) -> str:
    return path


@pytest.mark.parametrize(
    ("method", "broken"),
    [
        ("lines", pass_through),
        ("document", pass_document),
        ("objects", pass_objects),
        ("name", pass_name),
    ],
)
def test_an_engine_that_lets_everything_through_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, broken: object
) -> None:
    monkeypatch.setattr(Redactor, method, broken)
    with pytest.raises(WithheldError, match="secret was found") as caught:
        collect(recording(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert "cnry" not in caught.value.why


def run_cli(*arguments: str) -> int:
    return cli.main(list(arguments))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return collect(with_words("shipped site code ACME-7-BLUE"), tmp_path).bundle.path


def spec_with_rule(folder: Path, rule: str = "{id: site-code, literal: ACME-7-BLUE}") -> Path:
    path = folder / "spec.yaml"
    path.write_text(f"apiVersion: conductor-diag/v1\nkind: Spec\nredaction:\n  rules:\n    - {rule}\n")
    return path


def test_an_old_bundle_can_be_cleaned_under_todays_rules(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert b"ACME-7-BLUE" in whole(bundle)
    assert run_cli("clean", "--spec", str(spec_with_rule(tmp_path)), str(bundle)) == 0
    clean = Path(capsys.readouterr().out.strip())
    assert clean.name == bundle.name.replace(".tar.zst", "-clean.tar.zst")
    assert b"ACME-7-BLUE" not in whole(clean)
    assert b"[REDACTED:site-code:" in whole(clean)
    assert problems(clean) == ()
    assert run_cli("analyze", str(clean)) == 0


PLACE = "{id: node, jsonPath: spec.nodeName, kinds: [Pod], entries: ['**/pods/conductor.json']}"


def test_places_in_objects_of_an_old_bundle_are_cleaned_too(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("clean", "--spec", str(spec_with_rule(tmp_path, PLACE)), str(bundle)) == 0
    with BundleReader(Path(capsys.readouterr().out.strip())) as reader:
        assert b'"nodeName":"[REDACTED:node:' in reader.read("cluster-resources/pods/conductor.json")
        assert b"[REDACTED:node:" not in reader.read("cluster-resources/pods/kube-system.json")


def test_objects_too_large_to_be_read_whole_are_withheld_where_a_place_in_them_is_to_go(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean, "_LARGEST_DOCUMENT", 10)
    run_cli("clean", "--spec", str(spec_with_rule(tmp_path, PLACE)), str(bundle))
    with BundleReader(Path(capsys.readouterr().out.strip())) as reader:
        withheld = [entry.path for entry in reader.entries() if entry.status is EntryStatus.WITHHELD]
    assert withheld == ["cluster-resources/pods/conductor.json"]


def test_cleaning_a_clean_bundle_changes_no_evidence(
    bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("clean", str(bundle)) == 0
    clean = Path(capsys.readouterr().out.strip())
    with BundleReader(bundle) as old, BundleReader(clean) as new:
        changed = [e.path for e in old.entries() if b"".join(new.open(e.path)) != b"".join(old.open(e.path))]
    assert changed == []


def test_text_goes_through_the_filter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    text = b"port: 5432\npassword: hunter2hunter2\nsite ACME-7-BLUE\n"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=(out := io.BytesIO())))
    assert run_cli("redact", "--spec", str(spec_with_rule(tmp_path))) == 0
    clean = out.getvalue()
    assert clean.startswith(b"port: 5432\npassword: [REDACTED:password:")
    assert b"hunter2" not in clean
    assert b"ACME" not in clean
    assert b"2 values hidden" in capfdbinary.readouterr().err


def shown(bundle: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert run_cli("bundle", "show", "--redactions", str(bundle)) == 0
    return capsys.readouterr().out.splitlines()


def test_what_was_hidden_is_shown_by_rule_and_entry(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = shown(bundle, capsys)
    pods = lines.index("cluster-resources/pods/conductor.json")
    assert "structure:" in lines[pods + 1]
    assert any(line.startswith("    structure:") and "values in" in line for line in lines)
    assert next(line for line in reversed(lines) if not line.startswith(" ")).startswith("in all: ")
    assert all(len(line) < 80 for line in lines if "/" not in line)
    assert "cnry" not in "".join(lines)
    run_cli("clean", "--spec", str(spec_with_rule(tmp_path)), str(bundle))
    lines = shown(Path(capsys.readouterr().out.strip()), capsys)
    assert "    customer:site-code: 1 value in 1 entry" in lines
    assert "structure:" in lines[lines.index("cluster-resources/pods/conductor.json") + 1]


def test_without_a_ledger_the_manifest_is_asked(
    bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "REDACTION_LEDGER", "not/there.json")
    lines = shown(bundle, capsys)
    assert any(line.startswith("in all: ") for line in lines)
    assert not any("structure:" in line for line in lines)


def test_the_run_of_a_bundle_is_shown(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("bundle", "show", str(bundle)) == 0
    assert "bundle_id" in capsys.readouterr().out


def test_a_rule_in_the_spec_that_is_wrong_ends_the_run_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = spec_with_rule(tmp_path)
    path.write_text(path.read_text().replace("literal: ACME-7-BLUE", 'regex: "(?<=x)y"'))
    assert run_cli("collect", "--spec", str(path), "--kubeconfig", "none") == ExitStatus.USAGE
    assert "site-code" in capsys.readouterr().err
