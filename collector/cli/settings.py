"""From parsed flags to the values that the pipeline takes."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path
from typing import TypeVar

import msgspec

from collector.cli.collect import duration
from collector.cli.parser import ENVIRONMENT
from collector.cli.whereto import check_address, secret_from, upload_settings
from collector.core.clock import Clock
from collector.core.errors import UsageError
from collector.delivery import ErrbitSettings, Secret
from collector.delivery.settings import RESEND
from collector.imports import Offline, open_directory
from collector.kube.config import ConnectionOptions
from collector.spec import Limits, Logs, Spec, load_spec

_ERRBIT_PAGE = "copy it again from the application's page in Errbit"
_SPOOL = "conductor-diag-spool"
_KEY = ENVIRONMENT + "ERRBIT_KEY"
# The flags that decide where what was kept lies and goes, with the values that need not be said.
_RESENT: dict[str, str] = {
    "dest_dir": ".",
    "spool": "",
    "errbit_url": "",
    "errbit_key_file": "",
    "errbit_environment": "production",
    "errbit_ca_file": "",
    "errbit_allow_http": "",
    "upload_key_file": "",
}
_Part = TypeVar("_Part", bound=Spec | Limits | Logs)


def connection_options(arguments: argparse.Namespace) -> ConnectionOptions:
    """Returns how to reach the cluster."""
    return ConnectionOptions(
        kubeconfig=arguments.kubeconfig,
        context=arguments.context,
        cluster=arguments.cluster,
        user=arguments.user,
        server=arguments.server,
        certificate_authority=arguments.certificate_authority,
        client_certificate=arguments.client_certificate,
        client_key=arguments.client_key,
        tls_server_name=arguments.tls_server_name,
        insecure_skip_tls_verify=arguments.insecure_skip_tls_verify,
        impersonate=getattr(arguments, "as"),
        impersonate_groups=tuple(arguments.as_group),
        impersonate_uid=arguments.as_uid,
        request_timeout=duration("--request-timeout", arguments.request_timeout),
    )


def from_directory(arguments: argparse.Namespace, clock: Clock) -> Offline | None:
    """Returns what --from-dir names, None without the flag. Raises UsageError if a cluster is named too."""
    if not arguments.from_dir:
        return None
    if connection_options(arguments).explicit:
        raise UsageError(
            "--from-dir reads no cluster, and a cluster is named too",
            hint="try: conductor-diag collect --from-dir DIR, without flags for a cluster",
        )
    return open_directory(Path(arguments.from_dir), clock.now())


def make_spec(arguments: argparse.Namespace) -> Spec:
    """Returns the spec of --spec (or the shipped one) with the flags laid over it. Raises SpecError."""
    spec = load_spec(Path(arguments.spec) if arguments.spec else None)
    limits = spec.limits
    if arguments.timeout:
        seconds = duration("--timeout", arguments.timeout)
        # A short run still needs its reserve; a tenth of the time is enough to pack what little it holds.
        reserve = f"{max(1, min(30, round(seconds / 10)))}s"
        limits = _laid_over(limits, "--timeout 5m", run=arguments.timeout, reserve=reserve)
    # A verb that only asks for rights has no flags for how much is taken.
    if size := getattr(arguments, "max_size", ""):
        limits = _laid_over(limits, "--max-size 24Mi", bundle=size)
    selector = getattr(arguments, "selector", "") or spec.logs.selector
    logs = _laid_over(spec.logs, "--selector app=web", selector=selector)
    if since := getattr(arguments, "since", ""):
        # A length, not a moment: it is counted back from the cluster's clock.
        duration("--since", since)
        logs = msgspec.structs.replace(logs, window=since)
    allowed = getattr(arguments, "allow_exec", False) or spec.postgres.exec
    return _laid_over(
        spec,
        "--namespace conductor",
        postgres=msgspec.structs.replace(spec.postgres, exec=allowed),
        read_helm_secrets=arguments.read_helm_secrets or spec.read_helm_secrets,
        profile=arguments.profile or spec.profile,
        exclude_namespaces=(*spec.exclude_namespaces, *arguments.exclude_namespace),
        logs=logs,
        conductor_namespaces=(*spec.conductor_namespaces, *arguments.namespace),
        only=(*spec.only, *arguments.only),
        skip=(*spec.skip, *arguments.skip),
        limits=limits,
    )


def _laid_over(part: _Part, example: str, **changes: object) -> _Part:
    """Returns ``part`` with changes. Raises UsageError, with the example, for a value it does not allow."""
    try:
        return msgspec.structs.replace(part, **changes)
    except ValueError as error:
        raise UsageError(f"{example.split(maxsplit=1)[0]}: {error}", hint=f"try: {example}") from error


def spool_of(arguments: argparse.Namespace) -> Path:
    """Returns the folder that delivery keeps between runs."""
    return Path(arguments.dest_dir) / _SPOOL


def errbit_settings(arguments: argparse.Namespace) -> ErrbitSettings | None:
    """Returns where notices go, None if nowhere. The key comes from a file or the environment only."""
    if not arguments.errbit_url:
        return None
    check_address("--errbit-url", arguments.errbit_url, arguments)
    return ErrbitSettings(
        url=arguments.errbit_url,
        key=Secret(_key(arguments.errbit_key_file), "the Errbit API key", hint=_ERRBIT_PAGE),
        environment=arguments.errbit_environment,
        hostname=arguments.label,
        ca_file=Path(arguments.errbit_ca_file) if arguments.errbit_ca_file else None,
        allow_http=arguments.errbit_allow_http,
        spool_dir=spool_of(arguments),
        upload=upload_settings(arguments) if "upload_bundle" in arguments else None,
        resend=_resend(arguments),
    )


def _resend(arguments: argparse.Namespace) -> str:
    """Returns the whole command that delivers what this one kept, but for what the environment says."""
    words = [RESEND]
    for name, unsaid in _RESENT.items():
        value = getattr(arguments, name, unsaid)
        if value and value not in (unsaid, os.environ.get(ENVIRONMENT + name.upper())):
            words.append(f"--{name.replace('_', '-')}" + ("" if value is True else f" {shlex.quote(value)}"))
    return " ".join(words)


def _key(path: str) -> str:
    key = secret_from(path, "the Errbit key") if path else os.environ.get(_KEY, "").strip()
    if not key:
        raise UsageError(
            "no Errbit API key was given",
            why=f"neither --errbit-key-file nor {_KEY} holds one",
            hint="try: --errbit-key-file FILE",
        )
    return key
