"""Encrypts a bundle for a recipient (age, X25519), with the optional library pyrage; never falls back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collector.core.errors import UsageError
from collector.core.extra import library

SUFFIX = ".age"


def check_recipient(recipient: str) -> None:
    """Raises UsageError for what is no age recipient, and where the library is not installed."""
    try:
        _library().x25519.Recipient.from_str(recipient)
    except UsageError:
        raise
    except Exception as cause:  # the library has an exception of its own for each format
        raise UsageError(
            "the recipient is not an age public key",
            why="it begins with age1 and is what age-keygen prints as public key",
            hint="try: --upload-recipient age1...",
        ) from cause


def encrypt(source: Path, target: Path, recipient: str) -> None:
    """Writes ``source``, encrypted, to ``target``, which must not exist. Raises OSError or UsageError."""
    target.touch(mode=0o600, exist_ok=False)
    module = _library()
    key = module.x25519.Recipient.from_str(recipient)
    _guarded(module.encrypt_file, str(source), str(target), [key])


def decrypt(source: Path, target: Path, identity_file: Path) -> None:
    """Writes ``source``, decrypted, to ``target``. Raises OSError or UsageError."""
    module = _library()
    lines = identity_file.read_text(encoding="utf-8").splitlines()
    try:
        identities = [
            module.x25519.Identity.from_str(line.strip()) for line in lines if line.startswith("AGE-")
        ]
    except Exception:  # noqa: BLE001 - its message may hold the key; raised anew below, without it
        identities = []
    if not identities:
        raise UsageError(f"{identity_file} holds no age identity", hint="give the file that age-keygen wrote")
    target.touch(mode=0o600)
    _guarded(module.decrypt_file, str(source), str(target), identities)


def _guarded(work: Any, *arguments: Any) -> None:
    try:
        work(*arguments)
    except OSError:
        raise
    except Exception as cause:  # the library has an exception of its own for each direction
        raise OSError(0, f"age: {type(cause).__name__}") from cause


def _library() -> Any:
    return library(
        "pyrage",
        "age",
        without="bundles cannot be encrypted or decrypted here",
        why="nothing is sent unencrypted instead",
    )
