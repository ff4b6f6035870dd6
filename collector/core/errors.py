"""Every fatal error of the program, and the one table of exit statuses.

Each error carries three sentences for the person at the terminal: what happened (the message), why it
matters or came about (``why``), and what to type next (``hint``). A crash that is none of these ends
with ``ExitStatus.INTERNAL``, so it can never be taken for a verdict.
"""

from __future__ import annotations

import enum
from typing import ClassVar


class ExitStatus(enum.IntEnum):
    """What a finished process says about the run. Findings change it only when ``--fail-on`` asks."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    FINDINGS = 3
    INCOMPLETE = 4
    UNREACHABLE = 5
    WITHHELD = 6
    UNDELIVERED = 7
    REFUSED = 8
    INTERRUPTED = 130
    TERMINATED = 143

    @property
    def meaning(self) -> str:
        """One line for the table that README and ``--help`` print."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitStatus.OK: "bundle written: complete, or partial with the gaps recorded",
    ExitStatus.INTERNAL: "internal error, no usable bundle",
    ExitStatus.USAGE: "wrong usage, configuration, spec or policy",
    ExitStatus.FINDINGS: "findings at or above --fail-on (only when asked)",
    ExitStatus.INCOMPLETE: "not all collected (only with --require-complete); preflight: rights missing",
    ExitStatus.UNREACHABLE: "cluster unreachable or login not accepted; bundle of what can be told from here",
    ExitStatus.WITHHELD: "redaction could not be trusted, bundle withheld",
    ExitStatus.UNDELIVERED: "bundle fine; delivering it, or fetching it back, failed for now",
    ExitStatus.REFUSED: "bundle fine; delivering or fetching it needs another address, key or certificate",
    ExitStatus.INTERRUPTED: "interrupted (Ctrl-C); what was collected until then is in the bundle",
    ExitStatus.TERMINATED: "terminated (SIGTERM); what was collected until then is in the bundle",
}


class DiagError(Exception):
    """Base of all errors that end the run with a sentence instead of a traceback.

    Args:
        message: what happened, one sentence without a final period.
        why: the cause as far as it is known; empty if the message says it all.
        hint: what to type or change next.
    """

    status: ClassVar[ExitStatus] = ExitStatus.INTERNAL
    reference: ClassVar[str] = "internal-error"

    def __init__(self, message: str, *, why: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.why = why
        self.hint = hint


class UsageError(DiagError):
    """The command line, an environment variable or a file named there is wrong."""

    status = ExitStatus.USAGE
    reference = "wrong-usage"


class SpecError(UsageError):
    """A spec file does not follow its schema."""

    reference = "wrong-spec"


class PolicyError(UsageError):
    """A support policy file does not follow its schema or contradicts itself."""

    reference = "wrong-policy"


class KubeconfigError(UsageError):
    """No usable way to reach a cluster was configured."""

    reference = "wrong-kubeconfig"


class OutputError(UsageError):
    """The place where the bundle should go cannot be written."""

    reference = "output-not-writable"


class BundleError(UsageError):
    """A bundle given as input is damaged, hostile or not a bundle."""

    reference = "unreadable-bundle"


class UnreachableError(DiagError):
    """The API server did not answer, or answered that it does not know us; told, not raised, by a run."""

    status = ExitStatus.UNREACHABLE
    reference = "cluster-unreachable"


class WithheldError(DiagError):
    """Redaction could not be trusted, so nothing is published."""

    status = ExitStatus.WITHHELD
    reference = "bundle-withheld"


class UndeliveredError(DiagError):
    """The bundle is whole; getting it (or its notices) to the endpoint, or back from there, failed."""

    status = ExitStatus.UNDELIVERED
    reference = "delivery-failed"


class RefusedDeliveryError(UndeliveredError):
    """The endpoint will not do it until a person changes an address, a key, a limit or a certificate."""

    status = ExitStatus.REFUSED
    reference = "delivery-refused"
