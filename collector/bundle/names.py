"""Makes any name a safe path segment, and says which paths no reader should trust.

Names come from a cluster or from a stranger's archive; paths made of them are opened on other people's
machines, case-insensitive and Windows ones included.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from collector.bundle.limits import MAX_PATH
from collector.core.errors import BundleError
from collector.core.text import display

_MAX_SEGMENT = 200
_MARK = "~"  # never in a Kubernetes name, so it tells a changed name from an untouched one
_HASH = 8
_SAFE = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_-])?")
_UNSAFE = re.compile(r"[^a-z0-9._-]")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
_MARKED = re.compile(rf"{_MARK}[0-9a-f]{{{_HASH}}}\Z")
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def safe_segment(name: str, *, never_ending_in: str = "") -> str:
    """Returns ``name`` as one path segment that every file system takes.

    Lower-case Kubernetes names of up to 200 characters come back as they are. Anything else is cleaned and
    gets a hash of the original, so that different names stay different even where case is ignored.

    Args:
        name: any text, hostile or empty.
        never_ending_in: an ending that has a meaning of its own and counts as unsafe.
    """
    fits = len(name) <= _MAX_SEGMENT and _SAFE.fullmatch(name) and not _RESERVED.fullmatch(name)
    if fits and not (never_ending_in and name.endswith(never_ending_in)):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH]
    cleaned = _UNSAFE.sub("_", name[:_MAX_SEGMENT].lower()).lstrip(".-")
    if _RESERVED.fullmatch(cleaned):
        cleaned = cleaned.replace(".", "_")  # Windows looks at what stands before the first dot
    kept = cleaned[: _MAX_SEGMENT - _HASH - len(_MARK)]
    return f"{kept or '_'}{_MARK}{digest}"


def original(segment: str) -> str:
    """Returns the name behind a segment, as far as it can be known: without the hash of a changed one."""
    return _MARKED.sub("", segment)


def folded(path: str) -> str:
    """Returns the form in which paths that some file system takes for the same are equal."""
    form = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
    return path if form == path else form  # most are: one text is kept then, not two


def validate_path(path: str, limit: int = MAX_PATH) -> None:
    """Accepts a relative path of plain segments.

    Raises:
        BundleError: the path is absolute, climbs, holds a backslash, a drive letter, control characters or
            an empty segment, or is longer than ``limit`` bytes.
    """
    problem = _problem(path, limit)
    if problem:
        raise BundleError(
            f"the path {display(path, 120)!r} cannot stand in a bundle",
            why=problem,
            hint="do not unpack this archive; ask its sender for the original file",
        )


def _problem(path: str, limit: int) -> str:
    segments = path.split("/")
    if not path:
        return "it is empty"
    if _CONTROL.search(path):
        return "it holds control characters"
    if len(path.encode()) > limit:
        return f"it is longer than {limit} bytes"
    if path.startswith("/") or _DRIVE.match(path):
        return "it is absolute"
    if "\\" in path:
        return "it holds a backslash"
    if ".." in segments:
        return "it leads out of the bundle"
    if any(segment in ("", ".") or segment.endswith((" ", ".")) for segment in segments):
        return "it has an empty segment, or one that ends in a dot or a blank"
    return ""
