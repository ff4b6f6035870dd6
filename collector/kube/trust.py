"""Makes the TLS context of a connection once, so that no key has to stay in a file for its sake.

The ``kubernetes`` client writes keys and certificates that a kubeconfig holds inline to temporary files and
removes them when the process ends in order, which a killed one does not.
"""

from __future__ import annotations

import ssl
from typing import Any, NoReturn

from collector.core.errors import KubeconfigError

_FILES = ("ca_certs", "ca_cert_data", "cert_file", "key_file")


def context_of(configuration: Any) -> ssl.SSLContext | None:
    """Returns the context for a client configuration, None for an address without TLS.

    Raises:
        KubeconfigError: the client's key is encrypted.
        OSError: a file cannot be read, or holds no usable certificate or key (``ssl.SSLError``).
    """
    from urllib3.util.ssl_ import create_urllib3_context  # noqa: PLC0415 - start-up time of every other verb

    if not str(configuration.host).startswith("https:"):
        return None
    required = ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE
    context: ssl.SSLContext = create_urllib3_context(cert_reqs=required)
    if configuration.ssl_ca_cert or configuration.ca_cert_data:
        context.load_verify_locations(configuration.ssl_ca_cert or None, cadata=configuration.ca_cert_data)
    else:
        context.load_default_certs()
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file, password=_refuse)
    return context


def install(context: ssl.SSLContext, pool: Any) -> None:
    """Makes a urllib3 PoolManager use ``context`` instead of the files it was given."""
    keywords = pool.connection_pool_kw
    for name in _FILES:
        keywords.pop(name, None)
    keywords["ssl_context"] = context


def forget_files() -> None:
    """Removes the temporary files that the client wrote so far; only a new context would read them."""
    from kubernetes.config import kube_config  # noqa: PLC0415 - start-up time of every other verb

    # Private, and the only handle there is; a release without it cleans up at its own exit, as ever.
    clean = getattr(kube_config, "_cleanup_temp_files", None)
    if clean is not None:
        clean()


def _refuse() -> NoReturn:
    raise KubeconfigError(
        "the client key of the kubeconfig is encrypted",
        why="a run that asks for a password cannot run unattended",
        hint="try: openssl pkey -in KEY -out PLAIN, then conductor-diag collect --client-key PLAIN",
    )
