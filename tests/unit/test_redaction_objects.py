"""Kubernetes objects: what is secret by its place goes, and what a supporter needs stays."""

from __future__ import annotations

import base64
import json
from collections import Counter
from typing import Any

import pytest

from collector.records import Objects
from collector.redaction import RedactionError, Redactor
from tests.lib.planted import (
    by_kind,
    redacted_object,
    redacted_objects,
    shipped_redactor,
    shipped_rules,
)

WORD = "correct horse"


def kinds(value: Any) -> Any:
    """Returns ``value`` with placeholders cut down to their kind."""
    return json.loads(by_kind(json.dumps(value)))


def named(name: str = "x", namespace: str = "conductor", **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, **more}}


def container(**fields: Any) -> dict[str, Any]:
    return {**named(), "spec": {"containers": [{"name": "web", **fields}]}}


def of_container(clean: Any, field: str) -> Any:
    return kinds(clean["spec"]["containers"][0][field])


def test_of_a_secret_keys_stay_and_values_go() -> None:
    secret = {
        **named(),
        "type": "Opaque",
        "data": {"user": base64.b64encode(b"bob").decode(), "empty": ""},
        "stringData": {"port": "5432"},
    }
    clean = kinds(redacted_object(secret, kind="Secret"))
    assert clean["data"] == {"user": "<secret-data>", "empty": ""}
    assert clean["stringData"] == {"port": "<secret-data>"}
    assert clean["type"] == "Opaque"


def test_a_secret_that_does_not_say_its_kind_is_still_one() -> None:
    clean = redacted_object({**named(), "data": {"a": WORD}}, kind="")
    assert kinds(clean["data"]) == {"a": "<secret-data>"}


def test_a_custom_kind_whose_name_ends_in_secret_is_one() -> None:
    assert WORD not in str(redacted_object({**named(), "data": {"a": WORD}}, kind="ExternalSecret"))


def test_a_docker_config_goes_wherever_it_stands() -> None:
    auth = base64.b64encode(b"bob:correct-horse").decode()
    config = json.dumps({"auths": {"registry.example.com": {"username": "bob", "auth": auth}}})
    encoded = base64.b64encode(config.encode()).decode()
    for item, kind in (
        ({**named(), "data": {".dockerconfigjson": encoded}}, "Secret"),
        ({**named(), "spec": {"pull": encoded}}, "Thing"),
        ({**named(), "spec": {"pull": config}}, "Thing"),
    ):
        clean = json.dumps(redacted_object(item, kind=kind))
        assert auth not in clean
        assert encoded not in clean


def test_configmap_values_go_unless_the_spec_allows_them() -> None:
    item = {
        **named("settings"),
        "data": {"app.yml": f"port: 80\npassword: {WORD}"},
        "binaryData": {"b": "eA=="},
    }
    assert kinds(redacted_object(item, kind="ConfigMap")["data"]) == {"app.yml": "<configmap-value>"}
    allowing = Redactor(shipped_rules(), configmap_values=["conductor/sett*"])
    clean = redacted_object(item, kind="ConfigMap", redactor=allowing)
    assert kinds(clean["data"]) == {"app.yml": "port: 80\npassword: <password>"}
    other = redacted_object({**item, **named("other")}, kind="ConfigMap", redactor=allowing)
    assert kinds(other["data"]) == {"app.yml": "<configmap-value>"}


def test_a_release_record_goes_even_from_an_allowed_configmap() -> None:
    allowing = Redactor(shipped_rules(), configmap_values=["*/*"])
    item = {**named("web.v1", "kube-system"), "data": {"release": "x" * 40}}
    clean = redacted_object(item, kind="ConfigMap", redactor=allowing)
    assert kinds(clean["data"]) == {"release": "<compressed>"}


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "GITHUB_PAT", "API_KEY", "SECRET_KEY_BASE", "PIN", "AWS_SECRET"]
)
def test_environment_values_go_by_their_name(name: str) -> None:
    clean = redacted_object(container(env=[{"name": name, "value": WORD}]))
    assert WORD not in json.dumps(clean)
    assert of_container(clean, "env")[0]["name"] == name


@pytest.mark.parametrize(
    "value",
    [
        "postgres://app:correcthorse@db/x",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
        "a;password=correcthorse",
    ],
)
def test_environment_values_go_by_their_content(value: str) -> None:
    clean = json.dumps(redacted_object(container(env=[{"name": "CACHE", "value": value}])))
    assert "correcthorse" not in clean
    assert "eyJzdWIi" not in clean


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RAILS_ENV", "production"),
        ("PASSWORD_FILE", "/run/x"),
        ("DB_PASSWORD", "$(PASS)"),
        ("AUTH_ENABLED", "true"),
        ("DB_PORT", "5432"),
    ],
)
def test_environment_values_that_are_no_secret_stay(name: str, value: str) -> None:
    env = [{"name": name, "value": value}]
    assert redacted_object(container(env=env))["spec"]["containers"][0]["env"] == env


def test_references_to_secrets_stay() -> None:
    env = [
        {
            "name": "DB_PASSWORD",
            "valueFrom": {"secretKeyRef": {"name": "conductor-secrets", "key": "db-password"}},
        }
    ]
    assert redacted_object(container(env=env))["spec"]["containers"][0]["env"] == env


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["--requirepass", WORD, "--port", "6379"], ["--requirepass", "<password>", "--port", "6379"]),
        ([f"--token={WORD}"], ["--token=<token>"]),
        ([f"DB_PASSWORD={WORD}"], ["DB_PASSWORD=<password>"]),
        (["sh", "-c", "cd / && PGPASSWORD=hunter2 psql"], ["sh", "-c", "cd / && PGPASSWORD=<password> psql"]),
        (["--token", "--verbose"], ["--token", "--verbose"]),
        (["--password-file", "/run/secrets/x"], ["--password-file", "/run/secrets/x"]),
        (["--token", "$(TOKEN)"], ["--token", "$(TOKEN)"]),
    ],
)
def test_arguments(arguments: list[str], left: list[str]) -> None:
    assert of_container(redacted_object(container(args=arguments)), "args") == left


def test_annotations_go_by_name_and_copies_of_the_object_altogether() -> None:
    applied = json.dumps({"stringData": {"x": WORD}})
    clean = redacted_object(
        named(
            annotations={
                "example.com/auth-token": WORD,
                "kubectl.kubernetes.io/last-applied-configuration": applied,
                "checksum/secret": "2d711642b726b044",
                "note": "all is well",
            },
            managedFields=[{"manager": "kubectl"}],
        )
    )["metadata"]
    assert kinds(clean["annotations"]) == {
        "example.com/auth-token": "<token>",
        "checksum/secret": "2d711642b726b044",
        "note": "all is well",
    }
    assert "managedFields" not in clean


def test_webhook_ca_bundles_stay() -> None:
    bundle = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n").decode()
    item = {**named(), "webhooks": [{"name": "x", "clientConfig": {"caBundle": bundle}}]}
    clean = redacted_object(item, kind="ValidatingWebhookConfiguration")
    assert clean["webhooks"] == item["webhooks"]


def test_a_kubeconfig_in_a_string_loses_its_keys() -> None:
    config = f"users:\n- name: admin\n  user:\n    client-key-data: {'QUJD' * 20}\n    token: {WORD}\n"
    clean = redacted_object({**named(), "spec": {"kubeconfig": config}})["spec"]["kubeconfig"]
    assert "QUJDQUJD" not in clean
    assert WORD not in clean
    assert "name: admin" in clean


@pytest.mark.parametrize("carrier", ["value", "plain", "literal", "inline"])
def test_a_telling_key_tells_for_what_it_carries(carrier: str) -> None:
    clean = redacted_object({"spec": {"password": {carrier: WORD, "from": "vault"}}})
    assert kinds(clean["spec"]) == {"password": {carrier: "<password>", "from": "vault"}}


def test_a_list_under_a_telling_key_goes() -> None:
    clean = redacted_object({"spec": {"tokens": ["x"], "passwords": [WORD, "another"]}})
    assert WORD not in json.dumps(clean)
    assert "another" not in json.dumps(clean)


def test_a_number_that_yaml_made_of_a_password_goes() -> None:
    clean = redacted_object({"spec": {"password": 123456, "tokenTTL": 123456, "port": 5432}})
    assert kinds(clean["spec"]) == {"password": "<password>", "tokenTTL": 123456, "port": 5432}


def test_keys_are_redacted_too() -> None:
    clean = json.dumps(redacted_object({"spec": {"postgres://app:correcthorse@db/x": "seen"}}))
    assert "correcthorse" not in clean


def test_items_get_the_kind_that_servers_leave_out() -> None:
    clean = redacted_objects(named("a"), {**named("b"), "kind": "", "apiVersion": "v9"}, kind="Pod")
    assert [(item["kind"], item["apiVersion"]) for item in clean] == [("Pod", "v1"), ("Pod", "v9")]


def test_redacting_objects_twice_changes_nothing() -> None:
    once = redacted_object({**container(env=[{"name": "TOKEN", "value": WORD}]), "x": {"password": WORD}})
    assert redacted_object(once) == once


def test_what_holds_no_secret_comes_back_as_it_was() -> None:
    item = {
        "kind": "Pod",
        "apiVersion": "v1",
        **container(
            image="docker.io/x/y:1.2.3@sha256:" + "ab" * 32, args=["--v=2"], ports=[{"containerPort": 1}]
        ),
        "status": {"phase": "Running", "podIP": "10.0.0.1", "ready": True, "f": 1.5, "none": None},
    }
    assert redacted_object(item) == item


def failing(item: Any) -> str:
    record = Objects(path="x", kind="L", api_version="v1", item_kind="X", items=[item])
    with pytest.raises(RedactionError) as caught:
        list(shipped_redactor().objects(record, Counter()))
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_an_object_of_depth_10_000_is_withheld() -> None:
    item: dict[str, Any] = {}
    for _ in range(10_000):
        item = {"a": item}
    assert "deeper" in failing(item)


@pytest.mark.parametrize("member", [b"hunter2", object(), {1: "hunter2"}, {"hunter2"}])
def test_what_is_not_plain_json_is_withheld_without_a_word_of_it(member: Any) -> None:
    assert "hunter2" not in failing({"spec": {"a": member}})


def test_an_object_that_is_too_large_is_withheld() -> None:
    assert "larger" in failing({"a": ["x" * 1024 * 1024 + str(n) for n in range(40)]})


def test_items_without_a_kind_become_a_bare_array() -> None:
    record = Objects(
        path="x", kind="", api_version="", item_kind="", items=[{"a": 1}, {"b": "token=hunter2"}]
    )
    pieces = list(shipped_redactor().objects(record, Counter()))
    assert (
        by_kind(b"".join(piece.data for piece in pieces).decode())
        == '[\n{"a":1},\n{"b":"token=<token>"}\n]\n'
    )


@pytest.mark.parametrize("digest", ["0123abcd", "abcdef01", "00000000", "deadbeef"])
def test_a_placeholder_in_a_key_does_not_tell_of_the_value(digest: str) -> None:
    labels = {
        f"example.com/[REDACTED:token:{digest}]": "blue",
        f"[REDACTED:token:{digest}]_password": "green",
    }
    clean = redacted_object({"metadata": {"labels": labels}})["metadata"]["labels"]
    assert list(clean) == list(labels)
    assert [by_kind(value) for value in clean.values()] == ["blue", "<password>"]
