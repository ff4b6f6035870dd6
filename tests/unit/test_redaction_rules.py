"""The shipped rules: each example does what it says, the gate loses nothing, the file follows its schema."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from collector.core.errors import SpecError
from collector.core.resources import config_path
from collector.redaction import load_rules
from collector.redaction.rules import FormalRule, NamedRule
from collector.redaction.schema import redaction_schemas
from tests.lib.implied import proven
from tests.lib.planted import blanked, expected, redacted_text, shipped_rules, unmarked

RULES = shipped_rules()
WRITTEN = {rule.id: rule for rule in RULES.written}
READY = {rule.id: rule for rule in RULES.text}
MASKED = [(rule.id, line) for rule in RULES.written for line in rule.examples.masked]
KEPT = [(rule.id, line) for rule in RULES.written for line in rule.examples.kept]
SHIPPED: dict[str, Any] = yaml.safe_load(config_path("redaction", "rules.yaml").read_text("utf-8"))
SCHEMA = json.loads(config_path("schemas", "redaction.schema.json").read_text("utf-8"))


@pytest.mark.parametrize(("rule", "line"), MASKED)
def test_of_a_masked_example_exactly_the_marked_part_goes(rule: str, line: str) -> None:
    assert "«" in line
    assert blanked(redacted_text(unmarked(line))) == expected(line)


@pytest.mark.parametrize(("rule", "line"), MASKED)
def test_a_rule_finds_its_own_examples(rule: str, line: str) -> None:
    """Without the help of others, or else a rule could rot unseen."""
    raw = unmarked(line).encode()
    assert list(READY[rule].spans(raw))


@pytest.mark.parametrize(("rule", "line"), KEPT)
def test_no_rule_at_all_touches_a_kept_example(rule: str, line: str) -> None:
    assert redacted_text(line) == line


@pytest.mark.parametrize(("rule", "line"), MASKED)
def test_redacting_an_example_twice_changes_nothing(rule: str, line: str) -> None:
    once = redacted_text(unmarked(line))
    assert redacted_text(once) == once


@pytest.mark.parametrize("name", sorted(READY))
def test_every_match_of_a_rule_contains_one_of_its_literals(name: str) -> None:
    rule = READY[name]
    assert isinstance(rule, FormalRule | NamedRule)
    if rule.scan:
        assert proven(rule.pattern, [*rule.literals, "//"])
        assert rule.scan.pattern.startswith("//")
    elif isinstance(rule, FormalRule) or WRITTEN[name].literals:
        assert proven(rule.pattern, rule.literals)
    else:
        assert rule.literals == RULES.names.literals


@pytest.mark.parametrize("pattern", [b"(?:ab|cd)=", b"ab?=", b"a[b-z]*=", b"(?:a|ab.*)="])
def test_the_proof_does_not_take_what_is_not_implied(pattern: bytes) -> None:
    assert not proven(re.compile(pattern), ["ab"])


WORDS = sorted(
    {
        word.lstrip("*")
        for table in ("stems", "last")
        for kind in SHIPPED["names"][table].values()
        for word in kind
    }
    | {word for kind in SHIPPED["names"]["phrases"].values() for phrase in kind for word in phrase.split()}
    | set(SHIPPED["names"]["tails"])
    | {"x", "db", "my", "7"}
)
PARTS = st.tuples(st.sampled_from(WORDS), st.sampled_from([str.lower, str.upper, str.capitalize]))


@given(st.lists(PARTS, min_size=1, max_size=4), st.sampled_from(["", "_", "-", ".", "__", "/"]))
def test_every_telling_name_contains_one_of_the_literals(
    parts: list[tuple[str, Any]], separator: str
) -> None:
    name = separator.join(shape(word) for word, shape in parts)
    if RULES.names.kind(name) is not None:
        assert any(literal in name.lower() for literal in RULES.names.literals)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("DB_PASSWORD", "password"),
        ("adminPassword", "password"),
        ("PassWord", "password"),
        ("passPhrase", "password"),
        ("PASSWORDs", "password"),
        ("APIKey", "key"),
        ("api-key", "key"),
        ("example.com/auth-token", "token"),
        ("spring.datasource.password", "password"),
        ("DB_PASSWORD_2", "password"),
        ("DB_PASSWORD_EU_WEST", "password"),
        ("secret_key_base", "key"),
        ("clientSecret", "secret"),
        ("requirepass", "password"),
        ("olcRootPW", "password"),
        ("connectionString", "connection"),
        ("sessionId", "session"),
        ("licenseKey", "key"),
    ],
)
def test_names_that_tell(name: str, kind: str) -> None:
    assert RULES.names.kind(name) == kind


@pytest.mark.parametrize(
    "name",
    [
        "", "x", "key", "name", "tokenizer", "publicKey", "topologyKey", "primary_key", "secretName",
        "imagePullSecrets", "tls.key.path", "PASSWORD_FILE", "passwordMinLength", "author", "bypass",
        "compass", "checksum/secret", "nginx.ingress.kubernetes.io/auth-secret", "max_tokens", "tokenReview",
        "cacheKey", "secretRef", "sessionAffinity", "monkey", "keyboard", "passed", "KEYCLOAK_HOST",
    ],
)  # fmt: skip
def test_names_that_tell_nothing(name: str) -> None:
    assert RULES.names.kind(name) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("GITHUB_PAT", "token"), ("PIN", "password"), ("KEY", "key"), ("SAS", "token"), ("PATH", None)],
)
def test_some_words_tell_only_as_settings(name: str, kind: str | None) -> None:
    assert RULES.names.kind(name, setting=True) == kind
    assert RULES.names.kind(name.lower()) is None


@pytest.mark.parametrize("name", sorted(redaction_schemas()))
def test_the_shipped_schema_is_the_models(name: str) -> None:
    shipped = json.loads(config_path("schemas", f"{name}.schema.json").read_text("utf-8"))
    assert redaction_schemas()[name] == shipped
    jsonschema.Draft202012Validator.check_schema(shipped)


def test_the_shipped_rules_follow_their_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(SHIPPED)


@pytest.mark.parametrize(
    ("key", "value"),
    [("id", "Upper Case"), ("kind", "A"), ("examples", {}), ("colour", "red"), ("literals", [1])],
)
def test_the_schema_refuses(key: str, value: object) -> None:
    wrong = copy.deepcopy(SHIPPED)
    wrong["rules"][0][key] = value
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(wrong)


def loaded_with(tmp_path: Path, **changes: Any) -> None:
    content = copy.deepcopy(SHIPPED)
    rule = next(rule for rule in content["rules"] if rule["id"] == "jwt")
    rule.update(changes)
    path = tmp_path / "rules.yaml"
    path.write_text(json.dumps(content))
    load_rules(path)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"pattern": "(?P<value>x"}, "jwt"),
        ({"pattern": "no group"}, "no group named value"),
        ({"pattern": "{{unknown}}(?P<value>x)"}, "unknown"),
        ({"value": "(?P<value>x)"}, "needs a kind and no value"),
        ({"literals": []}, "needs literals"),
        ({"literals": ["EYJ"]}, "lower case"),
        ({"id": "assignment"}, "stands twice"),
        ({"pattern": "(?P<name>x)=", "value": "x"}, "needs a value"),
        ({"pattern": "a(?P<value>[^\n]+)", "kin": "x"}, "kin"),
    ],
)
def test_a_broken_rule_is_refused_when_the_file_is_read(
    tmp_path: Path, changes: dict[str, Any], word: str
) -> None:
    with pytest.raises(SpecError) as caught:
        loaded_with(tmp_path, **changes)
    assert word in caught.value.why + caught.value.message
