"""The command lines that are compared: ours, the bare pipelines of the same bytes, and other tools."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.benchlib import names
from scripts.benchlib.served import Served


def program(*arguments: str) -> list[str]:
    """Returns a command line of this program."""
    return [sys.executable, "-m", "collector", *arguments]


def spec(streams: int, *kinds: str) -> dict[str, object]:
    """Returns a spec that takes everything, or only some kinds: no cap may make a run look cheap."""
    limits = {"run": "60m", "bundle": "20Gi", "requestsPerSecond": 1000, "parallelRequests": max(streams, 8)}
    logs = {"window": "48h", "tailLines": 1_000_000_000, "bytesPerContainer": "10Gi", "streams": streams}
    head = {"apiVersion": "conductor-diag/v1", "kind": "Spec", "profile": "full"}
    return {**head, "logs": logs, "limits": limits, "resources": {"include": list(kinds)}}


def collect(server: Served, spec_file: Path, output: Path, flags: Sequence[str]) -> list[str]:
    """Returns the command that collects from ``server``."""
    place = ("--kubeconfig", str(server.folder / "kubeconfig"), "--dest-dir", str(output))
    return program("collect", "--quiet", "--spec", str(spec_file), *place, *flags)


def bare_pipeline(server: Served, compressor: str, output: Path) -> list[str] | None:
    """Returns a command that reads every log with curl into a compressor; None when one is not installed."""
    if not shutil.which("curl") or not shutil.which(compressor.partition(" ")[0]):
        return None
    config = server.folder / "curl.conf"
    config.write_text("".join(f'url = "{url}"\n' for url in server.log_urls()))
    read = (
        f"curl -sS --fail --cacert {shlex.quote(str(server.folder / 'ca.pem'))} -K {shlex.quote(str(config))}"
    )
    return ["sh", "-c", f"{read} | {compressor} > {shlex.quote(str(output / 'logs.packed'))}"]


def cluster_info_dump(server: Served, output: Path) -> list[str] | None:
    """Returns kubectl's own dump of everything; None without kubectl."""
    if not shutil.which("kubectl"):
        return None
    kubeconfig = f"--kubeconfig={server.folder / 'kubeconfig'}"
    return ["kubectl", kubeconfig, "cluster-info", "dump", "-A", f"--output-directory={output / 'dump'}"]


def support_bundle(server: Served, output: Path) -> list[str] | None:
    """Returns a support-bundle run that asks for the same; None without that program."""
    if not shutil.which("support-bundle"):
        return None
    namespaces = sorted({names.namespace_of(number) for number in range(server.pods)})
    logs = [
        {"logs": {"namespace": name, "name": f"logs/{name}", "limits": {"maxLines": 1_000_000_000}}}
        for name in namespaces
    ]
    spec = {
        "apiVersion": "troubleshoot.sh/v1beta2",
        "kind": "SupportBundle",
        "metadata": {"name": "bench"},
        "spec": {"collectors": [{"clusterInfo": {}}, {"clusterResources": {}}, *logs]},
    }
    path = server.folder / "support-bundle.json"
    path.write_text(json.dumps(spec))
    kubeconfig = f"--kubeconfig={server.folder / 'kubeconfig'}"
    return [
        "support-bundle",
        kubeconfig,
        "--interactive=false",
        f"--output={output / 'bundle.tar.gz'}",
        str(path),
    ]
