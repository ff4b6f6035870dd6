"""The verb ``policy``: what a person reads, at 80 columns, and what a changed policy changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collector.cli.main import main
from collector.core.errors import ExitStatus
from collector.core.resources import config_path
from tests.lib.policies import DATA
from tests.lib.recordings import recording
from tests.lib.runs import collect

SHIPPED = config_path("policy", "support-policy.yaml").read_text("utf-8")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(collect(recording(), tmp_path_factory.mktemp("bundle")).bundle.path)


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["policy", *arguments]) == ExitStatus.OK
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines())
    return out


def test_explain(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "explain", bundle, "CND-APP-001")
    assert out.index("Facts") < out.index("Rows tried") < out.index("Verdict: supported")
    assert 'C1 "We support Conductor application failures' in out
    assert "cause is unknown, not altered_code" in " ".join(out.split())
    assert "What would change it" in out
    assert "if cause were altered_code" in out
    assert "conductor_version" in out


def test_explain_folds_rows_that_fail_for_one_reason_and_offers_no_other_owner(
    bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = said(capsys, "explain", bundle, "CND-APP-001")
    tried = out[out.index("Rows tried") : out.index("Verdict")]
    assert tried.count("owner is conductor") == out.count("Rows tried")
    assert len(tried.splitlines()) < 12
    assert "if owner were" not in out


def test_explain_says_which_versions_a_row_asks_for(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = " ".join(said(capsys, "explain", bundle, "CND-PG-003").split())
    assert "conductor_version is 4.2, not 0.8, 1.0 or unknown: 14, 14-unknown" in out


def test_explain_as_of_another_day(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "window is outside" in said(capsys, "explain", bundle, "CND-PLT-001")
    early = said(capsys, "explain", bundle, "CND-PLT-001", "--as-of", "2021-04-01")
    assert "Verdict: undetermined" in early
    assert "1.7 is current" in early
    assert "2.2 is current" in said(capsys, "explain", bundle, "CND-PLT-001", "--current-ga", "2.2")


def test_explain_by_fingerprint_and_by_subject(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", bundle, "-o", "json"]) == ExitStatus.OK
    finding = json.loads(capsys.readouterr().out)["findings"][0]
    assert finding["id"] in said(capsys, "explain", bundle, finding["fingerprint"][:12])
    assert "CND-APP-001" in said(capsys, "explain", bundle, "conductor-web")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["C2d"], ["Traefik: V1.7.x", "row 23"]),
        (["71"], ["row 71", "severity 1, 2, 3, 4", "RCA supported"]),
        (["backup.none"], ["row 36", "C3"]),
        ([], ["Conductor 1.1, Support", "Konvoy 2.2, Version Support Policy", "V1"]),
    ],
)
def test_show(capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]) -> None:
    out = said(capsys, "show", *arguments)
    assert all(word in out for word in words)


def test_lint_of_the_shipped_policy(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "lint")
    assert " 0 problems" in out.splitlines()[-1]


def test_lint_names_every_contradiction(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "ours.yaml"
    broken.write_text(SHIPPED.replace("clauses: [C1]", "clauses: [C9]"), "utf-8")
    assert main(["policy", "lint", str(broken)]) == ExitStatus.USAGE
    out, err = capsys.readouterr()
    assert out.count("PROBLEM ") > 5
    assert "there is no clause 'C9'" in out
    assert " problems" in err


def test_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = DATA / "cases.yaml"
    assert said(capsys, "test", str(cases)).endswith(" cases, 0 failed\n")
    wrong = tmp_path / "cases.yaml"
    wrong.write_text(
        cases.read_text("utf-8").replace('row: "1", scope: supported', 'row: "2", scope: supported', 1)
    )
    assert main(["policy", "test", str(wrong)]) == ExitStatus.USAGE
    assert "row: expected 2, got 1" in capsys.readouterr().out


def test_one_changed_clause_changes_what_quotes_it_in_an_old_bundle_and_nothing_else(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = tmp_path / "ours.yaml"
    old = (
        "topic: backup.failed\n    when: {owner: conductor, facts: {tool: release}}\n    step: conductor\n"
        "    scope: supported\n    clauses: [C3, R3, I1]\n    severities: not stated"
    )
    assert SHIPPED.count(old) == 1
    ours.write_text(SHIPPED.replace(old, old.replace("scope: supported", "scope: undetermined")), "utf-8")
    judged = []
    for flags in ([], ["--policy", str(ours)]):
        assert main(["analyze", bundle, "-o", "json", *flags]) == ExitStatus.OK
        judged.append(json.loads(capsys.readouterr().out)["findings"])
    by_print = [{f["fingerprint"]: f for f in findings} for findings in judged]
    changed = {p for p in by_print[0] if by_print[0][p] != by_print[1][p]}
    assert {by_print[0][p]["row"] for p in changed} == {"38-release"}
    assert {by_print[1][p]["scope"] for p in changed} == {"undetermined"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "Z9"], "no clause, row or topic 'Z9'"),
        (["test", "/nowhere.yaml"], "cannot read /nowhere.yaml"),
        (["lint", "/nowhere.yaml"], "cannot read /nowhere.yaml"),
        (["explain", "{bundle}", "CND-NO-001"], "no finding 'CND-NO-001'"),
        (["explain", "{bundle}", "x", "--as-of", "tomorrow"], "'tomorrow' is no day"),
        (["explain", "{bundle}", "x", "--current-ga", "new"], "'new' is no release"),
    ],
)
def test_wrong_input_gets_a_sentence(
    bundle: str, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["policy", *(a.replace("{bundle}", bundle) for a in arguments)]) == ExitStatus.USAGE
    err = capsys.readouterr().err
    assert words in err
    assert "Traceback" not in err
