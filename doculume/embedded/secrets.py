"""Secrets of this installation: one file a secret, made when first asked for.

They live in `VAR/secrets/NAME` (mode 0600, in a folder of mode 0700), outside the settings and outside the
database, so that a fresh clone has keys of its own and a backup of the database alone cannot be decrypted.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

NAME = re.compile(r"[a-z][a-z0-9_]*")
ENTROPY_BYTES = 48


def secret(var: Path, name: str) -> str:
    """The secret `name` of the data folder `var`: 64 URL-safe characters, the same at every call.

    Safe to call from several processes at once: one of them makes it, all read that one. A file put there by
    hand is honored as it is. Raises `ValueError` for a name that is not a plain identifier or a file that is empty.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name for a secret")
    path = var / "secrets" / name
    try:
        value = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        value = _make(path)
    if not value:
        raise ValueError(f"{path} is empty; put the secret back, or delete the file if a new one will do")
    return value


def _make(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(ENTROPY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # link() refuses to replace, so of several processes the first wins, and nobody ever sees half a file.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text(encoding="ascii").strip()
