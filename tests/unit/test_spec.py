"""The spec says what it means, and every wrong value is answered with its own sentence."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
import yaml

from collector.cli import collect
from collector.cli.settings import make_spec
from collector.collectors import COLLECTORS
from collector.core.errors import SpecError, UsageError
from collector.core.resources import config_path
from collector.spec import Limits, Logs, Spec, load_spec
from collector.spec.schema import spec_schema
from collector.spec.selector import check_selector

HEAD = "apiVersion: conductor-diag/v1\nkind: Spec\n"


def loaded(folder: Path, text: str) -> Spec:
    path = folder / "spec.yaml"
    path.write_text(HEAD + text)
    return load_spec(path)


def refusal(folder: Path, text: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        loaded(folder, text)
    assert "spec.yaml" in caught.value.message
    return caught.value


def test_a_file_that_is_not_there_is_looked_for_and_not_left_out(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / "my spec.yaml")
    assert caught.value.hint.endswith(f": ls -l '{tmp_path}/my spec.yaml'")
    assert "without" not in caught.value.hint


def test_the_shipped_spec_states_the_defaults() -> None:
    assert load_spec() == Spec()


def test_an_empty_spec_is_the_default(tmp_path: Path) -> None:
    assert loaded(tmp_path, "") == Spec()


def test_the_shipped_spec_names_every_collector() -> None:
    text = config_path("specs", "default.yaml").read_text()
    assert all(collector.name in text for collector in COLLECTORS)


def test_keys_are_written_in_camel_case(tmp_path: Path) -> None:
    spec = loaded(
        tmp_path,
        "excludeNamespaces: [kube-system]\nlogs: {tailLines: 5, bytesPerContainer: 1Mi}\n"
        "limits: {requestsPerSecond: 5, parallelRequests: 2}\nsecretObjects: metadata\n",
    )
    assert spec.exclude_namespaces == ("kube-system",)
    assert (spec.logs.tail_lines, spec.logs.bytes_per_container) == (5, "1Mi")
    assert (spec.limits.requests_per_second, spec.limits.parallel_requests) == (5, 2)
    assert spec.secret_objects == "metadata"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("profile: huge", "Invalid enum value 'huge' - at `$.profile`"),
        ("secretObjects: always", "Invalid enum value 'always' - at `$.secretObjects`"),
        ("namespaces: conductor", "Expected `array`, got `str` - at `$.namespaces`"),
        ("namespaces: [conductor/pods]", "'conductor/pods' is no name of a namespace"),
        ("namespaces: ['']", "'' is no name of a namespace"),
        ("excludeNamespaces: [Kube]", "'Kube' is no name of a namespace"),
        ("conductorNamespaces: ['a,b']", "'a,b' is no name of a namespace"),
        ("only: [5]", "Expected `str`, got `int` - at `$.only[0]`"),
        ("logs: {window: soon}", "'soon' is not a duration; write it like 90s, 48h or 1h30m - at `$.logs`"),
        ("logs: {bytesPerContainer: much}", "'much' is not a size; write it like 512KiB or 25Mi"),
        ("logs: {bytesPerContainer: '0'}", "bytesPerContainer must be at least 64Ki"),
        ("logs: {streams: 0}", "streams must be between 1 and 32"),
        ("logs: {streams: 33}", "streams must be between 1 and 32"),
        ("logs: {tailLines: 0}", "tailLines must be at least 1"),
        ("limits: {run: forever}", "'forever' is not a duration"),
        ("limits: {run: 30s, reserve: 30s}", "limits.reserve leaves no time to collect"),
        ("limits: {bundle: 1023Ki}", "limits.bundle must be at least 1Mi"),
        ("limits: {bundle: big}", "'big' is not a size"),
        ("limits: {requestsPerSecond: 0}", "requestsPerSecond must be between 1 and 1000"),
        ("limits: {requestsPerSecond: 1001}", "requestsPerSecond must be between 1 and 1000"),
        ("limits: {parallelRequests: 0}", "parallelRequests must be between 1 and 32"),
        ("limits: {parallelRequests: 33}", "parallelRequests must be between 1 and 32"),
        ("limits: {parallelRequests: many}", "Expected `int`, got `str`"),
        ("backups: {objective: daily}", "'daily' is not a duration"),
        ("resources: [pods]", "Expected `object`, got `array` - at `$.resources`"),
    ],
)
def test_a_wrong_value_is_answered_with_its_sentence(tmp_path: Path, text: str, why: str) -> None:
    assert why in refusal(tmp_path, text).why


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("profil: full", "did you mean 'profile'?"),
        ("logs: {windw: 1h}", "did you mean 'window'?"),
        ("limits: {requests_per_second: 5}", "did you mean 'requestsPerSecond'?"),
        ("resources: {includes: [pods]}", "did you mean 'include'?"),
        ("secretObject: metadata", "did you mean 'secretObjects'?"),
        ("redaction: {configmapValues: []}", "did you mean 'configMapValues'?"),
        ("backups: {documentedTool: []}", "did you mean 'documentedTools'?"),
        ("xyzzy: 1", "known keys: "),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest(tmp_path: Path, text: str, hint: str) -> None:
    assert refusal(tmp_path, text).hint.startswith(hint)


@pytest.mark.parametrize("head", ["kind: Pod\n", "apiVersion: v1\n"])
def test_another_kind_of_file_is_not_taken_for_a_spec(tmp_path: Path, head: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(head)
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert "apiVersion: conductor-diag/v1 and kind: Spec" in caught.value.why


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / "none.yaml")
    assert "none.yaml" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "logs: {streams: 1, tailLines: 1, bytesPerContainer: 64Ki}",
        "logs: {streams: 32}",
        "limits: {run: 2s, reserve: 1s, bundle: 1Mi, requestsPerSecond: 1, parallelRequests: 1}",
        "limits: {requestsPerSecond: 1000, parallelRequests: 32}",
        f"namespaces: [a, 0-9, {'x' * 63}]",
    ],
)
def test_values_at_the_edge_are_taken(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text) != Spec()


def test_values_laid_over_a_spec_are_held_to_the_same(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="streams"):
        msgspec.structs.replace(Logs(), streams=99)
    with pytest.raises(ValueError, match="reserve"):
        msgspec.structs.replace(Limits(), run="10s")
    with pytest.raises(ValueError, match="namespace"):
        msgspec.structs.replace(Spec(), conductor_namespaces=("../x",))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--timeout", "1s"), "--timeout: limits.reserve leaves no time to collect"),
        (("--max-size", "1k"), "--max-size: limits.bundle must be at least 1Mi"),
        (("-l", "a in ("), "--selector: 'a in (' is no label selector: cannot read 'a in ('"),
        (("-l", "app=web,,"), "--selector: 'app=web,,' is no label selector: cannot read ','"),
        (("--since", "soon"), "--since: 'soon' is not a duration"),
        (("--namespace", "a/b"), "--namespace: 'a/b' is no name of a namespace"),
        (("--exclude-namespace", ""), "--namespace: '' is no name of a namespace"),
    ],
)
def test_a_wrong_flag_is_wrong_usage_and_no_defect(flags: tuple[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_spec(collect.parser("conductor-diag collect").parse_args(flags))
    assert caught.value.message.startswith(message)
    assert caught.value.hint.startswith("try: ")


@pytest.mark.parametrize(
    "selector",
    [
        *(
            "",
            " ",
            "app",
            "!app",
            "! app",
            "app=web",
            "app==web",
            "app != web",
            "app=",
            "a=,b",
            "a>1",
            "a < 2",
        ),
        *(
            "tier in (front, back)",
            "tier notin(back)",
            "a in (,)",
            "in in (in)",
            "notin",
            "a in (b),!c , d=e",
        ),
        "app.kubernetes.io/name=conductor-api",
    ],
)
def test_selectors_that_kubectl_takes_are_taken(selector: str) -> None:
    check_selector(selector)


@pytest.mark.parametrize(
    "selector",
    [
        *("a in (", "a in ()", "a in b", "a b", "=web", "a,", ",a", "a,,b", "!a=b", "!", "a=b=c", "a===b"),
        *("a=(b)", "/a", "a/b/c", "-a", "a-", "a in (b))", "a>x", "a=" + "x" * 64, "x" * 64, "a in (b) c"),
        "a" + ",a" * 2000,
    ],
)
def test_selectors_with_a_mistake_are_refused(selector: str) -> None:
    with pytest.raises(ValueError, match="label selector"):
        check_selector(selector)


@pytest.mark.parametrize("flags", [(), ("--read-helm-secrets",)])
def test_helms_secrets_are_read_by_a_switch_alone(flags: tuple[str, ...]) -> None:
    spec = make_spec(collect.parser("conductor-diag collect").parse_args(flags))
    assert spec.read_helm_secrets == bool(flags)


def test_the_shipped_schema_is_the_models() -> None:
    shipped = json.loads(config_path("schemas", "spec.schema.json").read_bytes())
    assert shipped == spec_schema()


def test_the_shipped_spec_follows_its_schema() -> None:
    shipped = yaml.safe_load(config_path("specs", "default.yaml").read_text())
    jsonschema.validate(shipped, spec_schema(), jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("key", "value"), [("profile", "huge"), ("namespaces", "a"), ("logs", {"windw": "1h"}), ("more", 1)]
)
def test_the_schema_refuses(key: str, value: object) -> None:
    shipped = yaml.safe_load(config_path("specs", "default.yaml").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**shipped, key: value}, spec_schema(), jsonschema.Draft202012Validator)
