"""Where a server's files, sockets and locks go: reachable for its user, private to it, with short socket paths."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypedDict

from doculume.errors import DoculumeError

# sun_path holds 108 bytes on Linux and 104 on macOS, with the closing NUL.
LONGEST_SOCKET_PATH = 100
# Where root's database goes if its user cannot reach the data folder, as below a home directory of mode 0700.
SYSTEM_FOLDER = Path("/var/lib/doculume")


class ServerFailed(DoculumeError):
    """An embedded server did not start or stop; the message says why and where its log is."""

    code = "embedded_server_failed"
    message = "An embedded server did not start."


class UnsafePlace(DoculumeError):
    """A folder that a server needs belongs to somebody else or is open to others."""

    code = "embedded_server_unsafe_place"


class Status(NamedTuple):
    running: bool
    url: str  # without a password
    folder: Path


class RunAs(TypedDict, total=False):
    """Arguments of `subprocess.run` that make a child run as somebody else; empty for "as I am"."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class ServerUser:
    """The user that a server of root's runs as, since PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    def run_as(self) -> RunAs:
        return RunAs(user=self.uid, group=self.gid, extra_groups=[])

    def can(self, permission: str, path: Path) -> bool:
        """Whether this user has `permission` ("r", "w", "x") on `path`; asks the kernel, which knows ACLs too."""
        asked = subprocess.run(["test", f"-{permission}", path], cwd="/", check=False, **self.run_as())  # noqa: S603, S607
        return asked.returncode == 0

    def reaches(self, folder: Path) -> bool:
        """Whether this user could enter `folder`, or the closest parent of it that exists already."""
        existing = next(place for place in (folder, *folder.parents) if place.exists())
        return self.can("x", existing)


def server_user() -> ServerUser | None:
    """`postgres` or `nobody` where we are root; None for an ordinary user, whose servers run as that user."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(found.pw_uid, found.pw_gid)
    raise ServerFailed("PostgreSQL refuses to run as root, and there is no user postgres or nobody here.")


def digest(text: str) -> str:
    """Twelve characters that stand for this very text, so that two data folders never share a place elsewhere."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def socket_folder(preferred: Path, socket_name: str) -> Path:
    """`preferred`, or a short private folder if a socket's path in it would be longer than the kernel takes.

    The short one lies in /tmp rather than in XDG_RUNTIME_DIR, which differs between shells of one user.
    """
    if len(os.fsencode(preferred / socket_name)) <= LONGEST_SOCKET_PATH:
        return preferred
    return Path("/tmp") / f"doculume-{os.geteuid()}-{digest(str(preferred))}"  # noqa: S108  # checked by private_folder


def remove_if_empty(folder: Path) -> None:
    """A socket folder in /tmp is not left behind; one that another server still uses stays."""
    with suppress(OSError):
        folder.rmdir()


def private_folder(path: Path, owner: ServerUser | None = None) -> Path:
    """`path` as a folder that only its owner may enter, made if need be. Raises `UnsafePlace`.

    Anybody can put a folder or a link of any name into /tmp, so what is found there is believed only if it is
    a real folder, of the right owner, which others cannot write to.
    """
    uid = owner.uid if owner else os.geteuid()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        if owner:
            os.chown(path, owner.uid, owner.gid)
        path.chmod(0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o022:
        raise UnsafePlace(f"{path} is not a private folder of the user with id {uid}. Remove it and start again.")
    return path


def sync_folder(folder: Path) -> None:
    """Have the names in `folder` survive a crash of the host."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file `path` locked, waiting for whoever has it. The kernel frees it when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def runs(pid: int, program: str) -> bool:
    """Whether the process `pid` lives (a zombie does not) and is a `program`, by its name."""
    if sys.platform == "linux":
        try:
            name, _, rest = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return name == program and rest.split()[0] != "Z"
    command = ["ps", "-o", "stat=,comm=", "-p", str(pid)]
    state, _, name = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip().partition(" ")  # noqa: S603
    return Path(name.strip()).name == program and not state.startswith("Z")
