from __future__ import annotations

import re

import pytest

from collector.findings import CollectorRun, Outcome, Report, Scope
from collector.records import Status
from collector.report.plain import cells
from collector.report.summary import summary_md
from collector.report.terminal import MAX_LINES, delivery, verdict
from tests.lib import reports

GOOD = """\
context prod-eu · namespace conductor · last 48h · read-only
collected 6 of 7 collectors, 1 denied · 6.0 MiB · 318 values redacted
FAIL  supported C1     conductor-api restarted 14 times in 1 h, last OOMKilled
      (limit 512Mi)
      → Read its last words: kubectl logs -n conductor deployment/conductor-api
        --previous
FAIL  secondary S2c    traefik has 1 of 2 replicas available
      → Look at its pods and events: kubectl describe -n kubeaddons
        deployment/traefik
FAIL  supported C3     The newest good backup is 3d4h old; the objective is 24h
      → Take one now: kubectl create job -n conductor
        --from=cronjob/conductor-backup now
WARN  unsupported C2b  Kubernetes 1.19.7 is above 1.17, the newest that
      Conductor is supported on
      → Run Conductor on Kubernetes 1.13 to 1.17.
???   undetermined     The Helm 2 release records could not be read: denied
      → get,list configmaps in kube-system (conductor-diag preflight -o rbac)
You may file  2 findings under C1, C3: severity not stated; your Support Terms
              decide
              1 finding under S2c: severity 1-4
Bundle  cnd20201120t220041z7f3a09c2
File    out/conductor-diag-acme-prod.tar.zst
sha256  9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e
Ticket  out/conductor-diag-acme-prod.summary.md
"""

HEALTHY = """\
context prod-eu · namespace conductor · last 48h · read-only
collected 7 of 7 collectors · 6.0 MiB · 318 values redacted
No failures, warnings or unknowns: 1 check passed.
You may file  nothing: no failures or warnings were found
Bundle  cnd20201120t220041z7f3a09c2
File    out/conductor-diag-acme-prod.tar.zst
sha256  9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e9c1e
Ticket  out/conductor-diag-acme-prod.summary.md
"""

EMPTY = """\
https://k8s.example.com:6443 · last 48h · read-only
collected 0 of 0 collectors · 0 B · 0 values redacted
Nothing was judged: there are no findings. This says nothing about the product.
You may file  nothing: nothing was judged
Bundle  cnd20201120t220041z7f3a09c2
"""


def shown(report: Report, *, width: int = 80, color: bool = False, files: bool = True) -> str:
    return verdict(
        report,
        width=width,
        color=color,
        bundle_path="out/conductor-diag-acme-prod.tar.zst" if files else "",
        summary_path="out/conductor-diag-acme-prod.summary.md" if files else "",
        bundle_sha256=reports.BUNDLE.sha256,
    )


def test_a_bad_night_in_80_columns() -> None:
    assert shown(reports.good()) == GOOD


def test_a_healthy_night_in_80_columns() -> None:
    assert shown(reports.healthy()) == HEALTHY


def test_nothing_at_all_in_80_columns() -> None:
    assert shown(reports.empty(), files=False) == EMPTY


def test_unknowns_alone_are_not_fine() -> None:
    unknown = tuple(j for j in reports.findings() if j.finding.outcome is Outcome.UNKNOWN)
    text = shown(reports.good(findings=unknown))
    assert "No failures or warnings.\n???   undetermined  The Helm 2 release records" in text
    assert "You may file  nothing: no failures or warnings were found; 1 unknown remains\n" in text


def test_what_was_not_looked_at_does_not_read_as_fine() -> None:
    seen = CollectorRun(name="logs", status=Status.OK, seconds=1, requests=2, entries=3, size=4)
    left = [CollectorRun.skipped(name, "left out (only, skip)") for name in ("workloads", "postgres")]
    report = reports.good(run=reports.run_info(collectors=(seen, *left)), findings=reports.healthy().findings)
    text = shown(report)
    assert "No failures, warnings or unknowns: 1 check passed. Not looked at: workloads,\npostgres.\n" in text
    assert "found in what was looked at" in text
    assert "(1 of 1 collector, 2 skipped)" in text
    unknown = tuple(j for j in reports.findings() if j.finding.outcome is Outcome.UNKNOWN)
    text = summary_md(reports.good(run=report.run, findings=unknown), None)
    assert "No failures or warnings, but not looked at: workloads, postgres.\n" in text


def proper(text: str) -> list[str]:
    """Returns the lines of the verdict without the result block."""
    return text.partition("\nYou may file")[0].split("\n")


@pytest.mark.parametrize("width", [1, 40, 57, 80, 100, 200])
@pytest.mark.parametrize("payload", reports.HOSTILE, ids=range(len(reports.HOSTILE)))
def test_never_wider_longer_or_able_to_act(payload: str, width: int) -> None:
    text = verdict(
        reports.hostile(payload),
        width=width,
        color=False,
        bundle_path=payload,
        summary_path="",
        bundle_sha256="",
    )
    lines, file = text.removesuffix("\n").split("\nFile")
    assert len(proper(lines)) <= MAX_LINES
    assert max(map(cells, lines.split("\n"))) <= max(width, 40)
    assert len(file) <= 4200
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", text)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_500_findings_keep_to_a_screen_and_say_what_is_left_out(width: int) -> None:
    text = shown(reports.many(500), width=width)
    assert len(proper(text)) <= MAX_LINES
    assert re.search(r"and \d+ more, \d+ more unknown", text)
    assert "FAIL" in text
    assert "???" in text
    assert text.count("→") == 5


def test_of_many_findings_the_first_five_stand_whole_with_what_to_do() -> None:
    summary = "conductor-web: web has restarted 94 times; last words: connection refused by " + "x" * 30
    findings = tuple(reports.judged(f"CND-APP-{n:03}", summary=f"{summary} {n} end") for n in range(16))
    lines = proper(shown(reports.good(findings=findings)))
    whole = re.sub(r"\n +", " ", "\n".join(lines))
    assert [n for n in range(16) if f"{n} end" in whole] == [0, 1, 2, 3, 4]
    assert whole.count("→ Read its last words: kubectl logs -n conductor deployment/conductor-api") == 5
    assert sum(line.endswith("…") for line in lines) == 7
    assert lines[-1] == "      and 4 more: see the report"


@pytest.mark.parametrize("width", [40, 80])
def test_a_path_is_never_cut_and_stands_alone_where_it_is_long(width: int) -> None:
    long = "/var/tmp/" + "diagnostics/" * 8 + "conductor-diag-acme-prod.summary.md"
    text = verdict(
        reports.good(),
        width=width,
        color=False,
        bundle_path="b.tar.zst",
        summary_path=long,
        bundle_sha256=reports.BUNDLE.sha256,
    )
    assert text.endswith(f"\nTicket\n{long}\n")
    assert "\nFile    b.tar.zst\n" in text
    assert reports.BUNDLE.sha256 in text


def test_what_became_of_the_delivery_is_a_row_of_the_block() -> None:
    text = delivery(
        "spooled", "0 of 16 notices delivered, " + "the server is away " * 5, "later: " * 9, width=80
    )
    lines = text.removesuffix("\n").split("\n")
    assert lines[0].startswith("Errbit  spooled: 0 of 16")
    assert len(lines) > 2
    assert all(line.startswith(" " * 8) for line in lines[1:])
    assert max(map(cells, lines)) <= 80


def test_a_command_in_a_hint_is_never_broken() -> None:
    command = "conductor-diag upload --dest-dir /var/tmp/diagnostics --errbit-key-file '/etc/keys/errbit key'"
    text = delivery("spooled", "no answer", f"deliver what was kept: {command}", width=80)
    assert text == f"Errbit  spooled: no answer\n        deliver what was kept:\n  {command}\n"


def test_many_scopes_leave_room_for_the_findings() -> None:
    findings = tuple(
        reports.judged(
            given=reports.classification(
                Scope.SECONDARY, reports.S2C, severities=allowed, severities_stated=True
            ),
            summary=f"problem {len(allowed)}",
        )
        for allowed in ((1,), (1, 2), (1, 2, 3), (1, 2, 3, 4))
    )
    text = shown(reports.good(findings=findings))
    assert "more sets of clauses" in text
    assert text.count("FAIL") == 4


def test_colour_only_repeats_what_the_word_says() -> None:
    coloured = shown(reports.good(), color=True)
    assert "\x1b[1;31mFAIL\x1b[0m  supported C1" in coloured
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == GOOD


def test_without_verified_tls_and_in_the_demo_the_first_line_says_so() -> None:
    first = shown(reports.good(run=reports.run_info(tls_verified=False, demo=True))).split("\n")[0]
    assert "TLS NOT VERIFIED" in first
    assert "recorded demo" in first


@pytest.mark.parametrize(("skew", "words"), [(259200.0, "3d ahead of"), (-3700.0, "1h1m behind")])
def test_clocks_that_differ_are_told_on_one_line(skew: float, words: str) -> None:
    line = next(
        line
        for line in shown(reports.good(run=reports.run_info(clock_skew_seconds=skew))).splitlines()
        if "clock" in line
    )
    assert line == f"The cluster's clock is {words} this machine's; logs and ages go by it."


@pytest.mark.parametrize("skew", [None, 0.4, -20.0, 1e300, float("nan")])
def test_of_clocks_that_agree_nothing_is_said(skew: float | None) -> None:
    assert "clock" not in shown(reports.good(run=reports.run_info(clock_skew_seconds=skew)))
