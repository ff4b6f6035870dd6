"""Judges a sealed bundle: the same stages as a live run, without the cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from collector.bundle.reader import BundleReader
from collector.core.errors import BundleError
from collector.findings import Report, RunInfo
from collector.pipeline.judge import judge
from collector.support import load_policy


def reopen(path: Path, policy_path: Path | None = None) -> Report:
    """Returns the report on a bundle under a policy. Raises BundleError or PolicyError."""
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
        return judge(reader, replace(run, policy=policy.info), policy)
