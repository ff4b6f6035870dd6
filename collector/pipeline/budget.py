"""Shares out the room in the bundle: what is worth most gets its fill, what is left out is said.

The size of the finished file is what counts (tickets and mail have limits), and it is known only after
compression, so the room for content is foreseen from the ratio seen so far and settled when an entry ends.
"""

from __future__ import annotations

import threading

from collector.bundle.frames import USUAL_RATIO
from collector.bundle.limits import MAX_MEMBERS

_LEAST = 64 * 1024  # less of a log than this tells nothing
_LOWEST, _HIGHEST = 2.0, 12.0
_SEEN_ENOUGH = 1024 * 1024
_REPORTS = 2 * 1024 * 1024
_REPORTS_PART = 0.1
_OWN_ENTRIES = 100  # the run's account and the reports


class Budget:
    """Bytes of the finished file. Thread-safe.

    Args:
        total: how large the file may become; a part of it is kept for the reports.
    """

    def __init__(self, total: int) -> None:
        self._room = total - min(_REPORTS, int(total * _REPORTS_PART))
        self._entries = MAX_MEMBERS - _OWN_ENTRIES
        self._lock = threading.Lock()
        self._stored = 0
        self._content_seen = 0
        self._stored_seen = 0
        self._promised = 0  # of content: the ratio changes between a promise and its end

    @property
    def left(self) -> int:
        """Bytes of the file that nothing has taken yet; negative once vital entries took more."""
        with self._lock:
            return self._room - self._stored

    def take_entry(self) -> bool:
        """Takes one of the entries that readers accept in a bundle; False if there is none left."""
        with self._lock:
            self._entries -= 1
            return self._entries >= 0

    def grant(self, limit: int, share: float) -> int:
        """Returns how many bytes of content an entry may hold; 0 if it has to be left out.

        Args:
            limit: the most it wants.
            share: the part of what is left that it may claim, 0 to 1.
        """
        with self._lock:
            left = int((self._room - self._stored) * self._ratio) - self._promised
            granted = min(limit, int(max(left, 0) * share))
            least = min(_LEAST, limit)
            if granted < least:
                granted = least if left >= least else 0
            self._promised += granted
            return granted

    def settle(self, granted: int, *, content: int, stored: int) -> None:
        """Takes a promise back; ``content`` is what became of it, ``stored`` what that takes in the file."""
        with self._lock:
            self._promised -= granted
            self._content_seen += content
            self._stored_seen += stored

    def note(self, stored: int) -> None:
        """Takes note of how large the file has become. Calls may come late."""
        with self._lock:
            self._stored = max(self._stored, stored)

    @property
    def _ratio(self) -> float:
        if self._content_seen < _SEEN_ENOUGH:
            return float(USUAL_RATIO)
        return min(max(self._content_seen / max(self._stored_seen, 1), _LOWEST), _HIGHEST)
