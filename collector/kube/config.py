"""Turns flags, kubeconfig files or a pod's service account into a connection.

The ``kubernetes`` client reads the configuration, runs exec plugins, renews tokens and builds the TLS
pool; its models are never used. Nothing is ever written back to a kubeconfig.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collector.core.errors import KubeconfigError
from collector.kube import trust, wire
from collector.kube.identity import Credential, credential_of
from collector.kube.login import log_in
from collector.records import Json

SERVICE_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_SERVICE_ACCOUNT_NAMESPACE = SERVICE_ACCOUNT_TOKEN.with_name("namespace")
_DEFAULT_KUBECONFIG = "~/.kube/config"
_OVERRIDE = "conductor-diag-override"
_NOBODY = "conductor-diag-nobody"


@dataclass(frozen=True, kw_only=True)
class ConnectionOptions:
    """What the operator said about the cluster; names and meanings are kubectl's."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    server: str = ""
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    impersonate: str = ""
    impersonate_groups: tuple[str, ...] = ()
    impersonate_uid: str = ""
    request_timeout: float = 30.0

    @property
    def explicit(self) -> bool:
        """True when the operator named a cluster, so that a pod's own service account must not be used."""
        return bool(self.kubeconfig or self.context or self.cluster or self.user or self.server)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A cluster we can ask.

    ``pool`` is a urllib3 PoolManager; ``headers`` gives fresh credentials. ``tls`` is None where the address
    asks for no TLS; ``tls_server_name`` is the name to check against, the address's own if empty.
    """

    server: str
    context: str
    user: str
    namespace: str
    tls_verified: bool
    request_timeout: float
    pool: Any = field(repr=False)
    headers: Callable[[], Mapping[str, str]] = field(repr=False)
    cluster: str = ""
    credential: Credential = field(default_factory=Credential)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    tls_server_name: str = ""


class CredentialsError(KubeconfigError):
    """The credentials could not be obtained. ``connection`` reaches the same cluster without any."""

    reference = "no-credentials"

    def __init__(self, message: str, *, why: str, hint: str, connection: Connection) -> None:
        super().__init__(message, why=why, hint=hint)
        self.connection = connection


def in_cluster() -> bool:
    """True inside a pod that has a service account token mounted."""
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and SERVICE_ACCOUNT_TOKEN.is_file()


def connect(options: ConnectionOptions) -> Connection:
    """Returns a connection; sends nothing yet (exec plugins run here).

    Raises:
        KubeconfigError: no usable configuration, an unknown context.
        CredentialsError: a credential plugin that failed or never came back.
    """
    # Imported here: the package alone takes longer to load than `--help` may.
    from kubernetes import client  # noqa: PLC0415 - start-up time of every other verb

    configuration = client.Configuration()
    try:
        place = _load_place(options, configuration)
        _apply_overrides(options, configuration)
        connection = _connection(options, place, configuration)
    except KubeconfigError:
        raise
    except Exception as error:
        # The client raises its own, yaml's, subprocess' and ssl's errors here; all mean the same.
        raise KubeconfigError(
            "the cluster configuration cannot be used",
            why=_reason(error),
            hint="try: kubectl config get-contexts, then conductor-diag collect --context NAME",
        ) from error
    finally:
        trust.forget_files()
    if place.refusal:
        raise CredentialsError(
            f"the credentials of context {place.context!r} could not be obtained",
            why=place.refusal,
            hint="try: kubectl get --raw /version (it runs the same plugin), then conductor-diag again",
            connection=connection,
        )
    return connection


def _load_place(options: ConnectionOptions, configuration: Any) -> _Place:
    """Loads what names the cluster into the client's configuration: the pod's account, or a kubeconfig."""
    from kubernetes import config  # noqa: PLC0415 - start-up time of every other verb

    if options.explicit or not in_cluster():
        return _load_kubeconfig(options, configuration)
    config.load_incluster_config(client_configuration=configuration)
    return _Place(
        context="in-cluster",
        user="service account",
        namespace=_own_namespace(),
        section={"tokenFile": str(SERVICE_ACCOUNT_TOKEN)},
    )


def _connection(options: ConnectionOptions, place: _Place, configuration: Any) -> Connection:
    from kubernetes import client  # noqa: PLC0415 - start-up time of every other verb

    pool = wire.bounded(client.ApiClient(configuration).rest_client.pool_manager)
    tls = trust.context_of(configuration)
    if tls is not None:
        trust.install(tls, pool)
    impersonation = _impersonation(options)

    def headers() -> Mapping[str, str]:
        settings = configuration.auth_settings().get("BearerToken")
        token = {"Authorization": str(settings["value"])} if settings and settings.get("value") else {}
        return token | impersonation

    return Connection(
        server=str(configuration.host).rstrip("/"),
        context=place.context,
        user=place.user,
        namespace=place.namespace,
        tls_verified=bool(configuration.verify_ssl),
        request_timeout=options.request_timeout,
        pool=pool,
        headers=headers,
        cluster=place.cluster,
        credential=_credential(place, configuration),
        tls=tls,
        tls_server_name=str(configuration.tls_server_name or ""),
    )


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a configuration came from. ``section`` is the user's; ``refusal`` is why there is no login."""

    context: str
    user: str
    namespace: str
    cluster: str = ""
    section: Mapping[str, Json] = field(default_factory=dict, repr=False)
    refusal: str = ""


def _credential(place: _Place, configuration: Any) -> Credential:
    bearer = "" if place.refusal else str(configuration.api_key.get("BearerToken") or "")
    return credential_of(place.section, bearer=bearer, certificate=str(configuration.cert_file or ""))


def _own_namespace() -> str:
    try:
        return _SERVICE_ACCOUNT_NAMESPACE.read_text(encoding="utf-8").strip()
    except OSError:
        return "default"


def _load_kubeconfig(options: ConnectionOptions, configuration: Any) -> _Place:
    from kubernetes.config import kube_config  # noqa: PLC0415 - start-up time of every other verb

    paths = options.kubeconfig or os.environ.get("KUBECONFIG") or _DEFAULT_KUBECONFIG
    merged = kube_config.KubeConfigMerger(paths).config
    if merged is None:
        if options.server:
            return _Place(context="--server", user=options.user or "anonymous", namespace="default")
        raise KubeconfigError(
            f"no kubeconfig found at {paths}",
            why="neither --kubeconfig, KUBECONFIG nor a pod's service account names a cluster",
            hint="try: conductor-diag collect --kubeconfig FILE, or see it work first: conductor-diag demo",
        )
    name = options.context or merged.safe_get("current-context")
    if not name:
        raise KubeconfigError(
            f"{paths} has no current context",
            hint="try: conductor-diag collect --context NAME (kubectl config get-contexts lists them)",
        )
    known = [str(entry["name"]) for entry in merged["contexts"].value]
    if name not in known:
        raise KubeconfigError(
            f"no context {name!r} in {paths}",
            why=f"it has: {', '.join(known) or 'none'}",
            hint="try: conductor-diag collect --context NAME",
        )
    context = dict(merged["contexts"].get_with_name(name)["context"].value)
    changes = {"cluster": options.cluster, "user": options.user}
    context |= {key: value for key, value in changes.items() if value}
    merged.value["contexts"].append({"name": _OVERRIDE, "context": context})
    refusal = _load(merged, configuration)
    if refusal:
        # The same cluster without a user: how far it can be reached is still worth knowing.
        merged.value["contexts"].append(
            {"name": _NOBODY, "context": {"cluster": context.get("cluster"), "user": ""}}
        )
        _load(merged, configuration, _NOBODY)
    return _Place(
        context=name,
        user=str(context.get("user", "")),
        namespace=str(context.get("namespace") or "default"),
        cluster=str(context.get("cluster", "")),
        section=_section(merged, str(context.get("user", ""))),
        refusal=refusal,
    )


def _load(merged: Any, configuration: Any, context: str = _OVERRIDE) -> str:
    """Loads one context into the client's configuration; returns why there is no login, empty if there is."""
    from kubernetes.config import kube_config  # noqa: PLC0415 - start-up time of every other verb

    # Called directly rather than through load_kube_config, which would write renewed tokens back to the file.
    loader = kube_config.KubeConfigLoader(merged, active_context=context, config_base_path=None)
    return log_in(lambda: loader.load_and_set(configuration))


def _section(merged: Any, user: str) -> Mapping[str, Json]:
    entry = merged["users"].get_with_name(user, safe=True) if user and merged.safe_get("users") else None
    found = entry["user"].value if entry is not None and entry.safe_get("user") else None
    return found if isinstance(found, dict) else {}


def _apply_overrides(options: ConnectionOptions, configuration: Any) -> None:
    if options.server:
        configuration.host = options.server.rstrip("/")
    if options.certificate_authority:
        configuration.ssl_ca_cert = options.certificate_authority
    if options.client_certificate:
        configuration.cert_file = options.client_certificate
        configuration.key_file = options.client_key or options.client_certificate
    if options.tls_server_name:
        configuration.tls_server_name = options.tls_server_name
    if options.insecure_skip_tls_verify:
        configuration.verify_ssl = False
    if not configuration.verify_ssl:
        # The report carries a red banner instead of one warning for every request.
        import urllib3  # noqa: PLC0415 - start-up time of every other verb

        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


def _impersonation(options: ConnectionOptions) -> dict[str, str]:
    headers = {}
    if options.impersonate:
        headers["Impersonate-User"] = options.impersonate
    if options.impersonate_groups:
        headers["Impersonate-Group"] = ",".join(options.impersonate_groups)
    if options.impersonate_uid:
        headers["Impersonate-Uid"] = options.impersonate_uid
    return headers


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
