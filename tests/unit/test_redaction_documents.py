"""Our own words: documents, finished reports and log events go through the same engine."""

from __future__ import annotations

import enum
import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from collector.redaction import RedactionError
from tests.lib.planted import by_kind, shipped_redactor

HEAD = "<!DOCTYPE html>\n"


def finished(data: str) -> str:
    return by_kind(shipped_redactor().finished(data.encode(), Counter()).data.decode())


def test_a_document_keeps_its_order_and_is_indented_by_one() -> None:
    piece = shipped_redactor().document({"b": 1, "a": "token=hunter2"}, Counter())
    assert by_kind(piece.data.decode()) == '{\n "b": 1,\n "a": "token=<token>"\n}\n'


class Colour(enum.StrEnum):
    RED = "red"
    LEAK = "token=hunter2hunter2"


def test_members_of_enumerations_are_words_like_others() -> None:
    value = {"a": Colour.RED, "b": [Colour.LEAK], "password": Colour.RED, "c": (1, 2)}
    clean = json.loads(shipped_redactor().document(value, Counter()).data)
    assert json.loads(by_kind(json.dumps(clean))) == {
        "a": "red",
        "b": ["token=<token>"],
        "password": "<password>",
        "c": [1, 2],
    }


def test_counts_by_kind_in_a_document_of_ours_stay() -> None:
    value = {"redactions": {"password": 123456, "token": 7}}
    assert json.loads(shipped_redactor().document(value, Counter()).data) == value


@pytest.mark.parametrize(
    "data",
    [
        '<html><p class="a">all &amp; well</p><script>let a = 1 < 2;</script></html>',
        '{"a": 1,\n "b": [1, 2]}\n',
        '{\n  "a": "x"\n}\n',
        "# Summary\n\nall is well\n",
        "",
    ],
)
def test_a_clean_report_comes_back_byte_for_byte(data: str) -> None:
    assert shipped_redactor().finished(data.encode(), Counter()).data == data.encode()


def test_the_words_of_a_page_are_redacted_and_its_tags_are_not() -> None:
    page = '<p title="token=hunter2">db password=hunter2 &lt;ok&gt;</p>'
    assert finished(HEAD + page) == HEAD + '<p title="token=<token>">db password=<password> &lt;ok&gt;</p>'


def test_a_secret_written_with_character_references_is_seen() -> None:
    assert "unter2" not in finished(HEAD + "<p>password&#61;&#104;unter2</p>")


def test_json_inside_a_page_is_redacted_as_json() -> None:
    page = '<script type="application/json">{"password":"correct horse","a":"</p>"}</script>'
    clean = finished(HEAD + page).removeprefix(HEAD)
    assert "horse" not in clean
    inner = clean.removeprefix('<script type="application/json">').removesuffix("</script>")
    assert json.loads(inner) == {"password": "<password>", "a": "</p>"}


@pytest.mark.parametrize("tag", ["script", "style"])
def test_a_page_whose_code_holds_a_secret_is_withheld(tag: str) -> None:
    page = f"<{tag}>let k = 'AKIAIOSFODNN7EXAMPLE';</{tag}>"
    with pytest.raises(RedactionError) as caught:
        shipped_redactor().finished((HEAD + page).encode(), Counter())
    assert "AKIA" not in str(caught.value)


@pytest.mark.parametrize("indent", [None, 1, 2, 4])
def test_json_keeps_its_form(indent: int | None) -> None:
    data = json.dumps({"a": {"password": "correct horse"}, "b": [1]}, indent=indent) + "\n"
    clean = finished(data)
    assert clean == data.replace("correct horse", "<password>")


def test_json_with_a_key_that_stands_twice_is_withheld_or_taken_as_text() -> None:
    with pytest.raises(RedactionError):
        finished('{"password":"correct","password":"horse"}')
    assert finished('{"a":"correct","a":"horse"}') == '{"a":"correct","a":"horse"}'


def test_a_page_that_is_no_utf8_is_withheld() -> None:
    with pytest.raises(RedactionError):
        shipped_redactor().finished(HEAD.encode() + b"<p>\xff</p>", Counter())


def test_markdown_is_redacted_line_by_line() -> None:
    assert finished("# A\n\n    password: hunter2\n") == "# A\n\n    password: <password>\n"


def test_an_event_of_our_own_log_is_redacted_whatever_was_put_into_it() -> None:
    event = {
        "msg": "failed: https://bob:hunter2@h/",
        "when": datetime(2026, 11, 20, tzinfo=UTC),
        "error": ValueError("token=hunter2hunter2"),
        "password": "hunter2",
        "many": {"hunter2 no secret"},
        "n": 3,
    }
    clean = shipped_redactor().redact_event(event)
    assert by_kind(json.dumps(clean)) == json.dumps(
        {
            "msg": "failed: https://bob:<password>@h/",
            "when": "2026-11-20 00:00:00+00:00",
            "error": "token=<token>",
            "password": "<password>",
            "many": ["hunter2 no secret"],
            "n": 3,
        }
    )


def test_the_processor_is_what_the_logger_wants() -> None:
    event = {"msg": "token=hunter2hunter2"}
    assert shipped_redactor().processor(None, "info", event) == shipped_redactor().redact_event(event)
