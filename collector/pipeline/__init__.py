"""Plan, collect, redact, write, judge, report, seal, deliver: the only package that knows all the stages."""

from collector.pipeline.options import RunOptions
from collector.pipeline.run import RunResult, run

__all__ = ["RunOptions", "RunResult", "run"]
