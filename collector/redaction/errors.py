"""The one way redaction fails, kept apart so that every module here can raise it."""

from __future__ import annotations


class RedactionError(Exception):
    """A piece could not be redacted and must be withheld. The message holds nothing of its content."""
