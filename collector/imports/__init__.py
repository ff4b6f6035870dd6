"""Reads a directory, a dump or an unpacked bundle, as if it were an API server; nothing needs a network."""

from collector.imports.source import Offline, open_directory

__all__ = ["Offline", "open_directory"]
