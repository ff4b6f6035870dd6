"""How long a verb that serves serves: until Ctrl-C or SIGTERM, both the ordinary end of a server."""

from __future__ import annotations

import sys
import threading

from collector.core.stop import TerminatedError


def serve_until_ended(told: str) -> None:
    """Prints what is served, waits for the signal and says that it came; the verb's work is then done."""
    try:
        print(told, file=sys.stderr, flush=True)
        threading.Event().wait()
    except (KeyboardInterrupt, TerminatedError):
        print("ended", file=sys.stderr)
