"""What a bundle may hold at most: the reader refuses more, so the writer never makes more."""

from __future__ import annotations

KIB = 1024
MIB = 1024 * KIB

MAX_MEMBERS = 50_000
MAX_TOTAL = 16 * 1024 * MIB
"""Bytes of the uncompressed tar stream."""
MAX_ENTRY = 256 * MIB
MAX_MANIFEST = 32 * MIB
MAX_NAME = 512
"""Bytes of a member's name in the tar stream, top directory included."""
MAX_PATH = 400
"""Bytes of an entry's path below the top directory."""
MAX_TOP = MAX_NAME - MAX_PATH - 1

MAX_RATIO = 200
"""Uncompressed bytes for each byte of the file, once the free allowance is used up."""
RATIO_ALLOWANCE = MIB

MAX_WINDOW = 8 * MIB
"""Memory that a zstd frame may ask its reader for: what ``zstd -19`` asks."""
MAX_FRAME = 16 * MIB
"""Content of one frame that is decompressed at once; ours hold about 1 MiB."""


def most_content(file_size: int) -> int:
    """Returns how many bytes a compressed file of this size may expand to."""
    return min(max(RATIO_ALLOWANCE, MAX_RATIO * file_size), MAX_TOTAL)
