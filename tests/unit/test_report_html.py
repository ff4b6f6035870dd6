from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta

import pytest

from collector.core.resources import config_path
from collector.findings import Evidence, Platform, Report
from collector.report import html
from collector.report.html import report_html
from tests.lib import reports
from tests.lib.report_page import Skeleton

# What our own template uses. Anything else in a page came from data.
ELEMENTS = set(
    re.findall(
        r"\S+",
        """
        html head meta title style body a div header h1 h2 code ul li main p section span strong table thead
        tbody tr th td dl dt dd svg desc text line rect details summary label input output blockquote pre
        script
        """,
    )
)
ATTRIBUTES = set(
    re.findall(
        r"\S+",
        """
        lang charset http-equiv content name class href id title aria-label aria-labelledby role tabindex
        scope colspan data-query data-key data-label viewbox x x1 x2 y y1 y2 width height text-anchor for
        type hidden autocomplete spellcheck
        """,
    )
)


def text_of(report: Report) -> str:
    return " ".join("".join(Skeleton(report_html(report)).text).split())


@pytest.mark.parametrize("payload", reports.HOSTILE, ids=range(len(reports.HOSTILE)))
def test_no_element_or_attribute_comes_from_data(payload: str) -> None:
    page = Skeleton(report_html(reports.hostile(payload)))
    assert {tag for tag, _ in page.elements} <= ELEMENTS
    assert {name for _, names in page.elements for name in names} <= ATTRIBUTES
    assert len(page.raw["script"]) == len(page.raw["style"]) == 1
    assert "PWN" not in page.raw["script"][0]
    assert all(re.fullmatch(r"#[a-z0-9-]+|\./[A-Za-z0-9._~/-]+", link) for link in page.values("href"))
    assert all(re.fullmatch(r"[a-z0-9-]+", made) for made in page.values("id"))
    assert not any("PWN" in value for _, _, value in page.attributes)


@pytest.mark.parametrize("payload", reports.HOSTILE, ids=range(len(reports.HOSTILE)))
def test_hostile_text_changes_texts_alone(payload: str) -> None:
    """The same page with harmless words has the same elements, or the payload built some."""
    hostile = Skeleton(report_html(reports.hostile(payload)))
    harmless = Skeleton(report_html(reports.hostile("word")))

    def without_links(page: Skeleton) -> list[str]:
        # Whether a path becomes a link depends on its characters, so links to files are left out.
        return [tag for tag, _ in page.elements if tag not in ("a", "svg", "rect", "line", "text")]

    assert without_links(hostile) == without_links(harmless)


@pytest.mark.parametrize("payload", reports.HOSTILE, ids=range(len(reports.HOSTILE)))
def test_no_control_character_reaches_the_page(payload: str) -> None:
    page = report_html(reports.hostile(payload)).decode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", page)


def test_hashes_of_the_policy_match_style_and_script() -> None:
    page = Skeleton(report_html(reports.good()))
    policy = next(value for value in page.values("content") if value.startswith("default-src"))
    for kind, content in (("style", page.raw["style"][0]), ("script", page.raw["script"][0])):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_no_inline_style_or_handler_and_nothing_to_fetch() -> None:
    page = Skeleton(report_html(reports.good()))
    assert not [name for _, name, _ in page.attributes if name == "style" or name.startswith("on")]
    assert not [value for _, name, value in page.attributes if name == "src" or "//" in value]
    assert "url(" not in page.raw["style"][0]
    assert "import" not in page.raw["style"][0]


def test_templates_escape_everything() -> None:
    for template in config_path("report").glob("*.j2"):
        words = template.read_text("utf-8")
        assert "|safe" not in words.replace(" ", "")
        assert "autoescape" not in words


def test_matrix_adds_up_and_leads_to_the_rows() -> None:
    report = reports.many(97)
    page = Skeleton(report_html(report))
    rows = page.values("data-key")
    assert len(rows) == 97
    matrix = re.search(r'id="matrix".*?</table>', report_html(report).decode(), re.DOTALL)
    assert matrix is not None
    numbers = [int(found) for found in re.findall(r">(\d+)</(?:a|span)></td>", matrix[0])]
    assert len(numbers) == 6 * 4
    assert sum(numbers) == 97
    ids = set(page.values("id"))
    for target, query in re.findall(r'href="#([^"]+)" data-query="([^"]+)"', matrix[0]):
        assert target in ids
        assert rows[int(target.removeprefix("finding-")) - 1] == query


def test_title_verdict_and_severities() -> None:
    page = report_html(reports.good()).decode("utf-8")
    assert "<title>FAIL \N{EN DASH} acme-prod \N{EN DASH} cnd20201120t220041z7f3a09c2</title>" in page
    text = text_of(reports.good())
    assert "3 failures: 2 supported, 1 secondary." in text
    assert "You may file: 2 findings under C1, C3: severity not stated; your Support Terms decide" in text
    assert "suggest" not in text.lower()


def test_only_failures_and_warnings_are_fileable() -> None:
    page = report_html(reports.good()).decode("utf-8")
    cells = re.findall(r'data-label="may be filed as severity">([^<]*)</td>', page)
    assert cells == ["not stated", "1-4", "not stated", "none", "\N{EN DASH}", "\N{EN DASH}"]


def test_every_finding_brings_evidence_remedy_clause_and_identity() -> None:
    text = text_of(reports.good())
    for judged in reports.findings():
        finding = judged.finding
        for piece in (finding.summary, finding.remedy, finding.fingerprint, judged.classification.why):
            assert piece in text
        for evidence in finding.evidence:
            assert evidence.excerpt in text
        for clause in judged.classification.clauses:
            assert clause.words in text


def test_evidence_is_linked_only_if_it_can_be_nothing_but_a_file() -> None:
    paths = ("run/a.log", "javascript:alert(1)", "//example.com/x", "../up", "/etc/passwd", "a b")
    one = reports.judged(evidence=tuple(Evidence(path=path) for path in paths[:5]))
    page = Skeleton(report_html(reports.good(findings=(one,))))
    assert {link for link in page.values("href") if not link.startswith("#")} == {"./run/a.log"}
    assert all(path in "".join(page.text) for path in paths[:5])


def test_every_link_in_the_page_has_its_target() -> None:
    page = Skeleton(report_html(reports.good()))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.values("href") if link.startswith("#")} <= set(ids)
    assert {name for value in page.values("aria-labelledby") for name in value.split()} <= set(ids)


def test_tables_regions_and_pictures_can_be_read_aloud() -> None:
    page = Skeleton(report_html(reports.good()))
    assert all("scope" in names for tag, names in page.elements if tag == "th")
    assert ("svg", "role", "img") in page.attributes
    scrolled = [names for _, names in page.elements if "tabindex" in names and "role" in names]
    assert len(scrolled) == 3
    assert all("aria-label" in names for names in scrolled)
    tags = [tag for tag, _ in page.elements]
    for landmark in ("header", "main"):
        assert tags.count(landmark) == 1
    assert page.values("href")[0] == "#findings"
    assert "en" in page.values("lang")


def test_empty_states_are_sentences() -> None:
    text = text_of(reports.empty())
    for sentence in (
        "Nothing was judged: there are no findings.",
        "Not known: nothing about backups was collected.",
        "No deploys, backup runs, restarts or warning events were found",
        "No open questions.",
        "Nothing was collected: no collector ran.",
        "No component's version could be read.",
        "No finding cites a clause.",
    ):
        assert sentence in text


def test_banners() -> None:
    loud = report_html(reports.good(run=reports.run_info(tls_verified=False))).decode()
    assert 'class="alarm"' in loud
    calm = report_html(reports.good(run=reports.run_info(demo=True))).decode()
    assert "Recorded demo cluster" in calm
    assert 'class="alarm"' not in calm
    usual = report_html(reports.good()).decode()
    assert "Recorded demo" not in usual
    assert 'class="alarm"' not in usual


def test_clock_skew_is_told_when_it_matters() -> None:
    assert "clocks differ by 312 s" in text_of(reports.good(run=reports.run_info(clock_skew_seconds=312.2)))
    assert "clocks differ" not in text_of(reports.good())


def test_what_is_not_known_of_backups_is_not_fine() -> None:
    card = reports.backup(state="no such state", last_good=None, last_attempt=None, jobs=("a", "b", "c"))
    text = text_of(reports.good(backup=card))
    assert "State UNKNOWN" in text.replace("State", "State ").replace("  ", " ")
    assert "none known" in text
    assert "a, b and 1 more" in text


def test_prerequisites_bind_only_off_platform() -> None:
    on_konvoy = reports.good(facts=reports.facts(platform=Platform.KONVOY_1))
    assert "bind only where Conductor runs on neither" in text_of(on_konvoy)
    assert "bind only where Conductor runs on neither" not in text_of(reports.good())


@pytest.mark.parametrize(("count", "limit"), [(200, 500_000), (500, 1_100_000)])
def test_size(count: int, limit: int) -> None:
    assert len(report_html(reports.many(count))) < limit


def test_a_page_of_very_many_findings_says_where_the_rest_is() -> None:
    text = text_of(reports.many(1003))
    assert "3 more findings, less important than these, are in findings.json." in text


def test_same_report_same_bytes() -> None:
    assert report_html(reports.good()) == report_html(reports.good())


def test_findings_of_every_outcome_carry_their_word() -> None:
    text = text_of(reports.many(8))
    for word in ("FAIL", "WARN", "???", "ok"):
        assert word in text


def test_times_that_mean_none_do_not_end_the_page() -> None:
    one = reports.judged(first_seen=reports.END.replace(year=1), last_seen=None)
    early = reports.backup(last_good=reports.END.replace(year=1))
    text = text_of(reports.good(findings=(one,), backup=early, timeline=()))
    assert "not known to not known, 14 times" in text
    assert "not known / 24h" in text


def test_a_text_that_nobody_cleaned_is_cleaned_and_escaped_by_the_template() -> None:
    template = html._environment().from_string("{{ value }}")
    assert template.render(value="\x1b[31m<b>\u202e") == "?[31m&lt;b&gt;?"


def test_a_short_run_does_not_take_no_time() -> None:
    run = reports.run_info(started=reports.END - timedelta(seconds=0.86))
    assert "collected 2020-11-20 22:00:40Z in 0.9s" in text_of(reports.good(run=run))
