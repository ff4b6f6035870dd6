"""The triage page in a real browser: complete, inert whatever the data, and readable on the first screen."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.findings import Report
from collector.report.html import report_html
from tests.lib import reports

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

NAMES = ("chromium", "chromium-browser", "google-chrome")
PWNED = "data-pwned="
ATTACKS = (
    "</script><script>document.body.dataset.pwned=1</script>",
    "</title></style><script>document.body.dataset.pwned=2</script>",
    '"><img src=x onerror="document.body.dataset.pwned=3">',
    "<svg/onload=document.body.dataset.pwned=4>",
    "' onmouseover='document.body.dataset.pwned=5' autofocus onfocus='document.body.dataset.pwned=6",
    "javascript:document.body.dataset.pwned=7",
    '<iframe srcdoc="<script>parent.document.body.dataset.pwned=8</script>"></iframe>',
    "--><script>document.body.dataset.pwned=9</script><!--",
)
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


@pytest.fixture(scope="module")
def chromium() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None and os.environ.get("CI"):
        pytest.fail("no Chromium found; continuous integration has to install the package chromium")
    if found is None:
        pytest.skip("no Chromium on this machine (Debian package chromium); nothing but these tests needs it")
    return found


Browse = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def browse(chromium: str, tmp_path: Path) -> Browse:
    """Returns a function that opens a page and gives back its DOM (stdout) and console (stderr)."""

    def run(page: str, *, width: int = 1280, height: int = 800) -> subprocess.CompletedProcess[str]:
        place = tmp_path / "page.html"
        place.write_text(page, "utf-8")
        return subprocess.run(
            [
                chromium,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--hide-scrollbars",
                "--enable-logging=stderr",
                f"--user-data-dir={tmp_path / 'profile'}",
                f"--window-size={width},{height}",
                "--virtual-time-budget=2000",
                "--dump-dom",
                place.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

    return run


def html(report: Report) -> str:
    return report_html(report).decode("utf-8")


def attacked() -> Report:
    """Returns a report whose text fields hold all attacks in turn."""
    turns = itertools.cycle(ATTACKS)
    changed = reports.replace_texts(reports.good(), lambda _: next(turns))
    assert isinstance(changed, Report)
    return changed


def without_policy(page: str) -> str:
    stripped, count = POLICY.subn("", page)
    assert count == 1
    return stripped


def probed(page: str, script: str) -> str:
    """Returns the page with a script of the test's own at its end, which the policy would forbid."""
    return without_policy(page).replace("</body>", f"<script>{script}</script></body>")


def noted(dom: str, name: str) -> str:
    found = re.search(rf'data-{name}="([^"]*)"', dom)
    assert found, f"the probe left no {name}"
    return found[1]


def test_the_page_is_complete_and_the_console_silent(browse: Browse) -> None:
    done = browse(html(reports.good()))
    assert done.stdout.count("<tr id=") == len(reports.findings())
    assert done.stdout.rstrip().endswith("</html>")
    assert '<p id="tools" class="no-print">' in done.stdout, "the page's own script is kept from running"
    assert "CONSOLE" not in done.stderr, done.stderr


def test_planted_scripts_do_not_run(browse: Browse) -> None:
    assert PWNED not in browse(html(attacked())).stdout


def test_escaping_holds_without_the_policy(browse: Browse) -> None:
    assert PWNED not in browse(without_policy(html(attacked()))).stdout


def test_the_policy_holds_without_escaping(browse: Browse) -> None:
    raw = html(reports.good()).replace("conductor-api restarted", "".join(ATTACKS))
    assert PWNED not in browse(raw).stdout
    assert PWNED in browse(without_policy(raw)).stdout, "these attacks would prove nothing"


def test_the_filter_narrows_the_table(browse: Browse) -> None:
    probe = """
        document.querySelector('a[data-query="scope:supported outcome:fail"]').click();
        document.body.dataset.told = document.getElementById("shown").textContent;
        const left = document.querySelectorAll("#findings-table tbody tr:not([hidden])");
        document.body.dataset.left = left.length;
    """
    dom = browse(probed(html(reports.good()), probe)).stdout
    assert noted(dom, "told") == "2 of 6 shown"
    assert noted(dom, "left") == "2"


@pytest.mark.parametrize(
    "report",
    [reports.good(), reports.empty(), reports.many(200), reports.crowded()],
    ids=["good", "empty", "many", "crowded"],
)
def test_findings_start_on_the_first_screen(browse: Browse, report: Report) -> None:
    probe = """
        const head = document.getElementById("findings").getBoundingClientRect();
        document.body.dataset.bottom = Math.round(head.bottom);
    """
    assert int(noted(browse(probed(html(report), probe)).stdout, "bottom")) < 800


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize(
    "report", [reports.good(), reports.hostile("W" * 5000)], ids=["good", "one very long word"]
)
def test_nothing_sticks_out_sideways(browse: Browse, tmp_path: Path, report: Report, width: int) -> None:
    probe = "parent.postMessage(document.documentElement.scrollWidth, '*');"
    (tmp_path / "inner.html").write_text(probed(html(report), probe), "utf-8")
    frame = f"""<!doctype html><body><script>
        addEventListener("message", (said) => {{ document.body.dataset.wide = said.data; }});
        </script><iframe src="inner.html" width="{width}" height="800" frameborder="0"></iframe></body>"""
    assert int(noted(browse(frame, width=1400).stdout, "wide")) <= width
