"""Several processes share one pair of servers: whoever leaves last stops them.

Each user of the servers holds a shared lock on `VAR/locks/services`. The kernel lets go of it even if the holder is
killed, and a small process of its own, the reaper, notices that nobody is left. `services start` leaves a file that
says to keep the servers up.
"""

from __future__ import annotations

import fcntl
import logging
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from doculume.embedded import postgres, valkey
from doculume.errors import DoculumeError

REPOSITORY = Path(__file__).resolve().parents[2]
REAPER_SECONDS = 1.0

logger = logging.getLogger(__name__)


class ServersInUse(DoculumeError):
    """Somebody else uses the servers that were to be stopped."""

    code = "embedded_servers_in_use"
    status_code = 409
    message = "A running platform uses these servers. Stop it, or use --force."


@contextmanager
def held(var: Path, servers: Collection[str], *, durable: bool = True) -> Iterator[None]:
    """Have `servers` ("postgres", "valkey") up for the length of the block; the last to leave stops them.

    `durable` as in `postgres.start`. Raises `ServerFailed`.
    """
    if not servers:
        yield
        return
    with _users(var) as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        _start_reaper(var)
        start(var, servers, durable=durable)
        try:
            yield
        finally:
            if _alone(lock):
                _stop_unless_kept(var)


def start(var: Path, servers: Collection[str], *, durable: bool = True) -> list[str]:
    """Have `servers` up; the names of those that were down. Raises `ServerFailed`."""
    started = []
    if "postgres" in servers and postgres.start(var, durable=durable):
        started.append("PostgreSQL")
    if "valkey" in servers and valkey.start(var):
        started.append("Valkey")
    return started


def keep(var: Path, servers: Collection[str]) -> None:
    """Start `servers` and leave them up, with or without users, until `end`."""
    with _users(var) as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        _kept(var).touch()
        start(var, servers)


def end(var: Path, *, force: bool = False) -> bool:
    """Stop both servers; whether one was up. Raises `ServersInUse`, unless `force` says to stop them all the same."""
    with _users(var) as lock:
        if not _alone(lock) and not force:
            raise ServersInUse
        _kept(var).unlink(missing_ok=True)
        return _stop(var)


def reap(var: Path) -> None:
    """Wait until nobody uses the servers any more and stop them; at once done if another process waits for that."""
    with (var / "locks" / "reaper").open("a") as own, _users(var) as lock:
        if not _alone(own):
            return
        while not _alone(lock):
            time.sleep(REAPER_SECONDS)
        _stop_unless_kept(var)
        # In this order: whoever comes now waits for `lock`, and must then find that there is no reaper.
        own.close()


def _users(var: Path) -> IO[str]:
    path = var / "locks" / "services"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a")


def _alone(lock: IO[str]) -> bool:
    """Trade any hold on `lock` for an exclusive one; False, and nothing held, if others are there."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _kept(var: Path) -> Path:
    return var / "locks" / "keep-services"


def _stop_unless_kept(var: Path) -> None:
    if not _kept(var).exists():
        _stop(var)


def _stop(var: Path) -> bool:
    stopped = [server.stop(var) for server in (valkey, postgres)]
    return any(stopped)


def _start_reaper(var: Path) -> None:
    subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "doculume.embedded.reaper", str(var)],
        cwd=REPOSITORY,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
