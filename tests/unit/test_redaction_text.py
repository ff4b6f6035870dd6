"""Text in a stream: the same however it is cut, twice as once, JSON stays JSON, and what spans lines."""

from __future__ import annotations

import base64
import json
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.redaction.causes import Counts
from collector.redaction.linefilter import MAX_LINE
from tests.lib.planted import (
    blanked,
    by_kind,
    redacted_lines,
    redacted_text,
    shipped_redactor,
    shipped_rules,
    unmarked,
)

STAMP = "2026-11-20T15:45:21.923456789Z "
EXAMPLES = [
    unmarked(line)
    for rule in shipped_rules().written
    for line in (*rule.examples.masked, *rule.examples.kept)
]
KEY = "MIIEowIBAAKCAQEA7bq98M5Zb0uUq3kXr6mYk1w2Zr8HqMIIEowIBAAKCAQEA7bq"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY}\n{KEY}==\n-----END RSA PRIVATE KEY-----"
CERTIFICATE = f"-----BEGIN CERTIFICATE-----\n{KEY}\n{KEY}==\n-----END CERTIFICATE-----"
NOISE = ["", " ", "\x1b[31m", "\x00", "\\n", '"', "{", "}", "\t", "é", STAMP]
ANY_LINE = st.one_of(
    st.sampled_from(EXAMPLES),
    st.text(max_size=60),
    st.tuples(st.sampled_from(NOISE), st.sampled_from(EXAMPLES), st.sampled_from(NOISE)).map("".join),
    st.sampled_from(
        [*PEM.split("\n"), "password: |", "  hunter2", "data:", "  a: aHVudGVyMg==", "name: DB_PASSWORD"]
    ),
)


@given(st.lists(ANY_LINE, max_size=8), st.randoms(use_true_random=False))
def test_no_split_of_a_stream_changes_the_result(lines: list[str], order: random.Random) -> None:
    raw = "\n".join(lines).encode("utf-8", "replace")
    cuts = sorted(order.randrange(len(raw) + 1) for _ in range(6))
    chunks = [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert redacted_lines(chunks) == redacted_lines([raw])


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_chunks_of_any_size_give_the_same(size: int) -> None:
    raw = "\n".join([*EXAMPLES, PEM, *EXAMPLES[:5]]).encode()
    chunks = [raw[at : at + size] for at in range(0, len(raw), size)]
    assert redacted_lines(chunks) == redacted_lines([raw])


@given(st.lists(ANY_LINE, max_size=6))
def test_redacting_twice_changes_nothing(lines: list[str]) -> None:
    once = redacted_lines(["\n".join(lines).encode("utf-8", "replace")])
    assert redacted_lines([once]) == once


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20), st.sampled_from(EXAMPLES)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["password", "a", "name", "value", "data", "kind", "env", "token\u0130", "é"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(JSON.filter(lambda value: isinstance(value, dict | list)), st.booleans(), st.booleans())
def test_a_line_of_json_stays_json_of_the_same_shape(value: object, spaced: bool, ascii_only: bool) -> None:
    separators = (", ", ": ") if spaced else (",", ":")
    line = json.dumps(value, separators=separators, ensure_ascii=ascii_only)
    clean = json.loads(redacted_lines([line.encode()]))
    assert type(clean) is type(value)
    assert len(clean) == len(value)  # type: ignore[arg-type] # filtered above: a dict or a list


def test_json_inside_a_log_line_is_judged_by_its_keys() -> None:
    line = STAMP + 'got {"config":{"admin-password":["a1b2c3"],"user":"x"}}'
    assert by_kind(redacted_text(line)) == (
        STAMP + 'got {"config":{"admin-password":["<password>"],"user":"x"}}'
    )


def test_json_in_a_string_in_json_is_entered() -> None:
    inner = json.dumps({"msg": "up", "db": {"password": "correct horse"}})
    clean = redacted_text(json.dumps({"log": inner + "\n", "stream": "stdout"}))
    assert by_kind(json.loads(json.loads(clean)["log"])["db"]["password"]) == "<password>"


def test_a_key_that_stands_twice_hides_nothing() -> None:
    clean = redacted_text('{"password":"first-secret","password":"x","a":1}')
    assert "first-secret" not in clean


@pytest.mark.parametrize("escaped", ['{"pa\\u0073sword":"a1b2c3"}', 'x {"msg":"p\\u0061ssword=a1b2c3"}'])
def test_an_escaped_name_still_tells(escaped: str) -> None:
    assert "a1b2c3" not in redacted_text(escaped)


@pytest.mark.parametrize("stamp", ["", STAMP, "    "])
def test_a_private_key_over_many_lines_goes(stamp: str) -> None:
    text = "\n".join(stamp + line for line in ["before", *PEM.split("\n"), "after"])
    clean = redacted_text(text)
    assert KEY[:20] not in clean
    assert clean.split("\n")[0] == stamp + "before"
    assert clean.split("\n")[-1] == stamp + "after"


def test_a_private_key_whose_lines_come_in_different_chunks_goes() -> None:
    chunks = [line.encode() + b"\n" for line in PEM.split("\n")]
    assert KEY[:20].encode() not in redacted_lines(chunks)


@pytest.mark.parametrize("form", ["{}", '"{}"', "key={}", '{{"key":"{}"}}'])
def test_a_private_key_with_escaped_newlines_goes(form: str) -> None:
    line = form.format(PEM.replace("\n", "\\n"))
    assert KEY[:20] not in redacted_text(line)


def test_lines_of_a_key_whose_beginning_was_cut_off_go() -> None:
    body = "MIIEowIBAAKCAQEA7bq98M5Zb0uUq3kXr6mYk1w2Zr8HqMIIEowIBAAKCAQEA7bq"
    assert by_kind(redacted_text(f"{body[:64]}\nplain")) == "<key-material>\nplain"


def test_a_certificate_stays() -> None:
    text = f"ca:\n{CERTIFICATE}\nend"
    assert redacted_text(text) == text


def test_a_private_key_after_a_certificate_goes() -> None:
    assert KEY[:20] not in redacted_text(f"{CERTIFICATE}\n{PEM}").partition("END CERTIFICATE")[2]


def test_a_block_without_an_end_does_not_eat_the_rest_of_a_log() -> None:
    lines = ["-----BEGIN PRIVATE KEY-----", *["x"] * 500]
    assert redacted_text("\n".join(lines)).split("\n")[-1] == "x"


def test_a_licence_block_goes() -> None:
    text = "-----BEGIN LICENSE KEY-----\nabc def\n-----END LICENSE KEY-----"
    assert "abc def" not in redacted_text(text)


def test_a_yaml_block_under_a_telling_key_goes() -> None:
    clean = redacted_text("a: 1\npassword: |\n  correct horse\n  battery\nb: 2")
    assert "horse" not in clean
    assert "battery" not in clean
    assert clean.startswith("a: 1\npassword: |\n")
    assert clean.endswith("\nb: 2")


def test_values_of_a_printed_secret_go() -> None:
    text = "apiVersion: v1\nkind: Secret\ndata:\n  user: Ym9i\n  note: 'x y z'\nmetadata:\n  name: s"
    clean = redacted_text(text)
    assert by_kind(clean) == (
        "apiVersion: v1\nkind: Secret\ndata:\n  user: <data-value>\n  note: '<data-value>'\n"
        "metadata:\n  name: s"
    )


def test_the_value_on_the_line_after_a_telling_name_goes() -> None:
    text = "env:\n- name: DB_PASSWORD\n  value: correct horse\n- name: RAILS_ENV\n  value: production"
    clean = redacted_text(text)
    assert "horse" not in clean
    assert clean.endswith("value: production")


@pytest.mark.parametrize(
    "form", ["{}", "x {}", '"{}"', "blob={}", "https://h/{}?x=1"], ids=["bare", "word", "quoted", "=", "url"]
)
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_that_decodes_to_a_secret_goes(form: str, encode: object) -> None:
    assert callable(encode)
    run = encode(b"user=x password=hunter2>>??").decode().rstrip("=")
    assert run not in redacted_text(form.format(run))


def test_base64_that_decodes_to_nothing_telling_stays() -> None:
    run = base64.b64encode(b"the quick brown fox jumps").decode()
    assert redacted_text(f"x {run}") == f"x {run}"


def test_an_over_long_line_is_withheld_and_the_next_one_is_not() -> None:
    raw = b"a" * (MAX_LINE + 1) + b"\npassword=hunter2\nplain\n"
    clean = redacted_lines([raw[at : at + 65536] for at in range(0, len(raw), 65536)]).decode()
    assert by_kind(clean) == "<overlong-line>\npassword=<password>\nplain\n"


def test_a_line_of_50_megabytes_is_withheld_without_being_held() -> None:
    counts: Counts = Counter()
    chunk = b"password=hunter2 " * 4096
    pieces = [piece.data for piece in shipped_redactor().lines((chunk for _ in range(750)), counts)]
    assert counts == {("overlong-line", "structure:overlong-line"): 1}
    assert by_kind(b"".join(pieces).decode()) == "<overlong-line>"


def test_a_json_of_depth_10_000_in_a_log_is_not_a_way_out() -> None:
    line = b'{"a":' * 10_000 + b'"password=hunter2"' + b"}" * 10_000
    assert b"hunter2" not in redacted_lines([line])


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe pass\xc3word=x password=hunter2 \xff\n", b"\xc3\npassword=hunter2"]
)
def test_what_is_no_utf8_is_still_redacted_and_kept(raw: bytes) -> None:
    clean = redacted_lines([raw])
    assert b"hunter2" not in clean
    assert clean[:1] == raw[:1]


def test_utf16_is_read_through_its_nuls() -> None:
    clean = redacted_lines(["password=hunter2\n".encode("utf-16-le")])
    assert "hunter2" not in clean.decode("utf-16-le", "replace")
    assert b"h\0u\0n\0t" not in clean


def test_terminal_escapes_do_not_hide_a_name() -> None:
    assert "hunter2" not in redacted_text("pass\x1b[31mword=hun\x1b[0mter2").replace("\x1b[0m", "")


def test_equal_values_get_equal_placeholders_and_other_runs_other_ones() -> None:
    text = redacted_text("password=hunter2 a, token=hunter2 b, password=other3 c")
    digests = [part[-9:-1] for part in text.split() if part.startswith(("password", "token"))]
    assert len({*digests}) == 2


def test_an_invented_placeholder_hides_nothing() -> None:
    clean = redacted_text("password=[REDACTED:hunter2:00000000]")
    assert "hunter2" not in clean


def test_counts_are_by_rule_and_kind_and_hold_no_value() -> None:
    counts: Counts = Counter()
    shipped_redactor().text('password=hunter2 token=hunter2hunter2 --secret hunter2\n{"pwd":"x3"}', counts)
    assert counts == {
        ("password", "assignment"): 1,
        ("token", "assignment"): 1,
        ("secret", "flag"): 1,
        ("password", "structure:telling-key"): 1,
    }


def test_plain_text_comes_back_unchanged() -> None:
    text = "\n".join(f"I1120 15:45:{n:02d}.123456 1 reflector.go:99] synced {n} pods" for n in range(50))
    assert redacted_text(text) == text
    assert blanked(text) == text
