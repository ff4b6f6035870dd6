"""Judges a sealed bundle: the same stages as a live run, without the cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec

from collector.bundle.reader import BundleReader
from collector.core.errors import BundleError
from collector.findings import Report, RunInfo
from collector.pipeline.judge import judge
from collector.releases import Basis
from collector.support import load_policy


def reopen(
    path: Path, policy_path: Path | None = None, *, as_of: date | None = None, current: str = ""
) -> Report:
    """Returns the report on a bundle under a policy.

    Args:
        path: the bundle.
        policy_path: the policy to judge by; the shipped one if it is left out.
        as_of: the day that the version window is looked at; that of the collection if it is left out.
        current: the platform release that is current; the newest one out by then if it is empty.

    Raises:
        BundleError: the bundle cannot be read.
        PolicyError: the policy cannot.
    """
    policy = load_policy(policy_path)
    with BundleReader(path) as reader:
        try:
            run = msgspec.convert(reader.manifest().run, RunInfo, strict=False)
        except msgspec.ValidationError as error:
            raise BundleError(
                f"{path} does not say how it was made",
                why=str(error),
                hint="only bundles made by conductor-diag can be judged again",
            ) from error
        basis = Basis(as_of=as_of or run.started.date(), current=current)
        return judge(reader, replace(run, policy=policy.info), policy, basis)
