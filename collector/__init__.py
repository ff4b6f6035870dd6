"""conductor-diag: collects, redacts, judges and delivers one diagnostic bundle, then exits."""

__version__ = "0.1.0"
