"""A secret planted in every kind of field that the collectors read is nowhere in the finished bundle."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from collector.delivery import ErrbitSettings, Secret
from collector.demo.recording import Recording
from collector.pipeline import RunResult
from collector.receiver import Receiver, Store, serve
from tests.lib import faulty
from tests.lib.edits import plant, with_log
from tests.lib.recordings import StoppedClock, recording
from tests.lib.runs import collect, entry, whole

WEB = "conductor-web-858fbc65bc-mkmcl"
PRIVATE_KEY = "MIIEowIBAAKCAQEA7bq98M5Zb0uUq3kXr6mYk1w2Zr8Hq"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{PRIVATE_KEY}\n-----END RSA PRIVATE KEY-----\n"


@dataclass(frozen=True)
class Plant:
    """Where a secret goes, how it looks there, and what must not be found."""

    name: str
    path: str
    pointer: str
    value: object
    secret: str


def secret(number: int) -> str:
    return f"S3cr3t-{number:02d}-xK9vQ2mZ7pL4"


def plants() -> Iterator[Plant]:
    s = [secret(n) for n in range(40)]
    pods, deployments = "/api/v1/pods", "/apis/apps/v1/deployments"
    claims = base64.urlsafe_b64encode(s[9].encode()).decode().rstrip("=")
    jwt = f"eyJhbGciOiJIUzI1NiJ9.{claims}.c2lnbmF0dXJlLXgtOQ"
    env = "/items/3/spec/containers/0/env"
    rows: list[tuple[str, str, str, object, str]] = [
        ("env by name", pods, env, [{"name": "DB_PASSWORD", "value": s[0]}], s[0]),
        (
            "env url",
            deployments,
            "/items/5/spec/template/spec/containers/0/env",
            [{"name": "CACHE", "value": f"redis://:{s[1]}@cache:6379/0"}],
            s[1],
        ),
        ("env token by content", pods, "/items/4/spec/containers/0/env", [{"name": "X", "value": jwt}], jwt),
        ("args flag", pods, "/items/5/spec/containers/0/args", ["--requirepass", s[2]], s[2]),
        ("args equals", pods, "/items/6/spec/containers/0/args", [f"--token={s[3]}"], s[3]),
        (
            "command string",
            pods,
            "/items/7/spec/containers/0/command",
            ["sh", "-c", f"PGPASSWORD={s[4]} pg_dump conductor"],
            s[4],
        ),
        ("annotation", pods, "/items/8/metadata/annotations", {"example.com/auth-token": s[5]}, s[5]),
        (
            "last applied",
            pods,
            "/items/9/metadata/annotations",
            {
                "kubectl.kubernetes.io/last-applied-configuration": json.dumps(
                    {"stringData": {"password": s[6]}}
                )
            },
            s[6],
        ),
        ("waiting message", pods, "/items/10/status/message", f"login failed: password={s[7]}", s[7]),
        ("termination message", pods, "/items/11/status/reason", f"dial postgres://u:{s[8]}@db/x", s[8]),
        ("configmap value", "/api/v1/configmaps", "/items/0/data", {"app.yml": f"password: {s[10]}"}, s[10]),
        (
            "configmap binary",
            "/api/v1/configmaps",
            "/items/1/binaryData",
            {"blob": base64.b64encode(s[11].encode()).decode()},
            s[11],
        ),
        ("event message", "/api/v1/events", "/items/0/message", f"pull: https://bob:{s[12]}@reg/x", s[12]),
        ("event header", "/api/v1/events", "/items/1/message", f"Authorization: Bearer {s[13]}", s[13]),
        ("node annotation", "/api/v1/nodes", "/items/0/metadata/annotations", {"token": s[14]}, s[14]),
        (
            "service annotation",
            "/api/v1/services",
            "/items/0/metadata/annotations",
            {"cloud.example.com/api-key": s[15]},
            s[15],
        ),
        (
            "ingress annotation",
            "/apis/networking.k8s.io/v1beta1/ingresses",
            "/items/0/metadata/annotations",
            {"auth": f"Basic {base64.b64encode(('bob:' + s[16]).encode()).decode()}"},
            s[16],
        ),
        (
            "volume attributes",
            "/api/v1/persistentvolumes",
            "/items/0/spec/flexVolume",
            {"driver": "x/y", "options": {"password": s[17]}},
            s[17],
        ),
        (
            "claim annotation",
            "/api/v1/persistentvolumeclaims",
            "/items/0/metadata/annotations",
            {"credentials": s[18]},
            s[18],
        ),
        (
            "storage class",
            "/apis/storage.k8s.io/v1/storageclasses",
            "/items/0/parameters",
            {"adminSecret": s[19]},
            s[19],
        ),
        (
            "cronjob env",
            "/apis/batch/v1beta1/cronjobs",
            "/items/0/spec/jobTemplate/spec/template/spec/containers/0/env",
            [{"name": "AWS_SECRET_ACCESS_KEY", "value": s[20]}],
            s[20],
        ),
        ("job annotation", "/apis/batch/v1/jobs", "/items/0/metadata/annotations", {"api_key": s[21]}, s[21]),
        (
            "custom resource",
            "/apis/velero.io/v1/backupstoragelocations",
            "/items/0/spec/config",
            {"secretAccessKey": s[22]},
            s[22],
        ),
        (
            "custom resource text",
            "/apis/certmanager.k8s.io/v1alpha1/challenges",
            "/items/0/status/reason",
            f"GET https://acme/?access_token={s[23]}",
            s[23],
        ),
        (
            "addon values",
            "/apis/kubeaddons.mesosphere.io/v1beta1/addons",
            "/items/0/spec/values",
            f"adminPassword: {s[24]}\n",
            s[24],
        ),
        ("private key", "/api/v1/configmaps", "/items/2/data", {"k": PEM}, PRIVATE_KEY),
        (
            "replicaset env",
            "/apis/apps/v1/replicasets",
            "/items/0/spec/template/spec/containers/0/env",
            [{"name": "SESSION_SECRET", "value": s[25]}],
            s[25],
        ),
        (
            "statefulset args",
            "/apis/apps/v1/statefulsets",
            "/items/0/spec/template/spec/containers/0/args",
            ["--password", s[26]],
            s[26],
        ),
        (
            "daemonset env",
            "/apis/apps/v1/daemonsets",
            "/items/0/spec/template/spec/containers/0/env",
            [{"name": "GITHUB_PAT", "value": s[27]}],
            s[27],
        ),
        (
            "endpoints annotation",
            "/api/v1/endpoints",
            "/items/0/metadata/annotations",
            {"password": s[28]},
            s[28],
        ),
        (
            "namespace annotation",
            "/api/v1/namespaces",
            "/items/0/metadata/annotations",
            {"pw": f"token={s[29]}"},
            s[29],
        ),
        ("server version", "/version", "/gitTreeState", f"password={s[30]}", s[30]),
    ]
    return (Plant(*row) for row in rows)


LOG = "\n".join(
    f"2026-11-20T15:45:{n:02d}.000000000Z {line}"
    for n, line in enumerate(
        [
            f"connecting to postgres://conductor:{secret(31)}@db:5432/conductor",
            f'{{"level":"info","msg":"login","password":"{secret(32)}"}}',
            f"curl -H 'X-Api-Key: {secret(33)}' https://api.example.com",
            f"Cookie: session={secret(34)}; theme=dark",
            f"-----BEGIN PRIVATE KEY-----\n2026-11-20T15:45:59.000000000Z {PRIVATE_KEY}",
        ]
    )
)
LOG_SECRETS = [secret(n) for n in range(31, 35)] + [PRIVATE_KEY]
REFUSED = secret(35)
TOKEN, KEY = secret(36), "errbitKey0123456789"


def planted() -> Recording:
    changed = recording()
    for item in plants():
        changed = plant(changed, item.path, item.pointer, item.value)
    changed = with_log(changed, "conductor", WEB, "web", LOG + "\n")
    return with_log(changed, "conductor", WEB, "web", LOG + "\n", previous=True)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    receiver = Receiver(KEY, store=Store(), clock=StoppedClock(recording().recorded_at))
    folder = tmp_path_factory.mktemp("planted")
    seen: list[str] = []
    with serve(receiver) as url:
        made = collect(
            planted(),
            folder,
            faults=lambda api: api.on("*/limitranges*", faulty.forbidden(f"denied: token={REFUSED}")),
            headers={"Authorization": f"Bearer {TOKEN}"},
            errbit=ErrbitSettings(url=url, key=Secret(KEY)),
            requests=seen,
        )
    asked = {line.removeprefix("GET ").partition("?")[0] for line in seen}
    assert {item.path for item in plants()} <= asked
    (folder / "notices.json").write_text(repr(receiver.notices()))
    return made


def forms(value: str) -> list[bytes]:
    """The ways in which a secret could still be read."""
    plain = value.encode()
    return [
        plain,
        base64.b64encode(plain).rstrip(b"="),
        urllib.parse.quote(value, safe="").encode(),
        value[::-1].encode(),
        plain.hex().encode(),
    ]


def everything(result: RunResult) -> bytes:
    folder = result.bundle.path.parent
    assert result.ticket is not None
    return whole(result.bundle.path) + result.ticket.read_bytes() + (folder / "notices.json").read_bytes()


@pytest.mark.parametrize("item", list(plants()), ids=lambda item: item.name)
def test_nothing_planted_in_an_object_is_left(result: RunResult, item: Plant) -> None:
    data = everything(result)
    assert [form for form in forms(item.secret) if form in data] == []


@pytest.mark.parametrize("value", [*LOG_SECRETS, REFUSED, TOKEN, KEY])
def test_nothing_planted_elsewhere_is_left(result: RunResult, value: str) -> None:
    data = everything(result)
    assert [form for form in forms(value) if form in data] == []


def test_the_planted_places_were_collected_and_what_is_no_secret_stays(result: RunResult) -> None:
    entries = entry(result.bundle.path, "manifest.json")["entries"]
    touched = [e for e in entries if e.get("redactions")]
    assert len(touched) > 15
    assert result.report.run.withheld == 0
    data = whole(result.bundle.path)
    for kept in (b"conductor-web", b"traefik:1.7.23", b"CrashLoopBackOff", b"DB_PASSWORD", b"1.17.17"):
        assert kept in data
