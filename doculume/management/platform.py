"""The whole platform in one process tree: embedded servers, web server, worker; what `manage.py run` runs."""

from __future__ import annotations

import io
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import ClassVar

from django.conf import settings
from django.core.management import call_command
from django.http.request import validate_host

from doculume.embedded import holding
from doculume.errors import DoculumeError
from doculume.management.children import Child, Stopping, bound, stop_all
from doculume.management.migrating import close_connections, migrate_one_at_a_time
from doculume.management.servers import embedded_servers
from knowledge.models import Document
from llm_settings.local_models import RECIPES, is_built

READY_SECONDS = 180
CHECK_SERVERS_SECONDS = 5.0
WEB_FAILURES = 5


class CannotRun(DoculumeError):
    """The platform cannot start, or cannot go on; the message tells what to do."""

    code: ClassVar[str] = "cannot_run"


class Platform:
    """One web server on `host`:`port` and one worker, on the servers of the settings. `say` gets a line a step."""

    def __init__(self, host: str, port: int, concurrency: int, say: Callable[[str], None]) -> None:
        self._host = host
        self._port = port
        self._say = say
        shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104
        self.url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
        # An access log would keep tokens that stand in addresses. Forwarded headers are judged by TRUSTED_PROXIES.
        self._web = self._child(
            "web server",
            f"uvicorn doculume.asgi:application --host {host} --port {port} --timeout-graceful-shutdown 3"
            " --no-access-log --no-proxy-headers --no-server-header"
            " --ws-max-size 1048576 --ws-per-message-deflate False",
            ((0.0, signal.SIGTERM), (10.0, signal.SIGKILL)),
        )
        self._worker = self._child(
            "worker",
            f"celery -A doculume worker -Q ingestion,mail,maintenance --concurrency {concurrency} -n doculume-{port}@%h"
            " --loglevel INFO --without-gossip --without-mingle",
            # Celery takes TERM as "finish your tasks", QUIT as "give them back soon".
            ((0.0, signal.SIGTERM), (2.0, signal.SIGQUIT), (20.0, signal.SIGKILL)),
            # What it mails has links, and no request tells it where this site is.
            SITE_URL=settings.SITE_URL or self.url,
        )
        self._children = (self._web, self._worker)
        self._checked = time.monotonic()

    def _child(self, name: str, command: str, stopping: Stopping, **environment: str) -> Child:
        log = settings.VAR / "log" / f"{name.split()[0]}-{self._port}.log"
        variables = ["env", *(f"{variable}={value}" for variable, value in environment.items())] if environment else []
        return Child(name, [*variables, sys.executable, "-m", *command.split()], log, self._say, stopping)

    def servers(self) -> AbstractContextManager[None]:
        """Have the embedded servers up for the length of the block."""
        if servers := embedded_servers():
            names = {"postgres": "PostgreSQL", "valkey": "Valkey"}
            self._say(f"Starting {' and '.join(names[server] for server in sorted(servers))}")
        return holding.held(settings.VAR, servers)

    def prepare(self) -> None:
        """Build what embeds, unless it is there, and bring the database up to date. Raises `CannotRun`."""
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        if model_is_missing():
            self._say("Building the embedding model, which takes a minute")
            # In a process of its own: converting a model takes memory that a process does not give back.
            with beside("build_models") as building:
                self._migrate()
                said = building.communicate()[0].decode(errors="replace").strip()
            if building.returncode != 0:
                raise CannotRun(f"The embedding model could not be built:\n{said[-2000:]}")
        else:
            self._migrate()

    def _migrate(self) -> None:
        self._say("Migrating the database")
        migrate_one_at_a_time()

    def start(self) -> None:
        self._say("Starting the web server and the worker")
        for child in self._children:
            child.start()

    def seed(self) -> str:
        """Make the demo account, let the worker finish its documents, and return what there is to say about it."""
        said = io.StringIO()
        call_command("seed_demo", stdout=said)
        waiting = Document.objects.filter(status__in=[Document.Status.PENDING, Document.Status.PROCESSING]).exists()
        close_connections()
        if waiting:
            self._say("Indexing the demo account's documents")
            with beside("seed_demo", "--wait") as indexing:
                while indexing.poll() is None:
                    self.look_after()
                    time.sleep(0.1)
        return said.getvalue().strip()

    def wait_until_ready(self) -> None:
        """Return when `/readyz` answers 200. Raises `CannotRun`."""
        deadline = time.monotonic() + READY_SECONDS
        while why := self._unready():
            self.look_after()
            if time.monotonic() > deadline:
                raise CannotRun(f"Not ready after {READY_SECONDS} s ({why}). Logs: {settings.VAR / 'log'}")
            time.sleep(0.2)

    def look_after(self) -> None:
        """Bring back what has ended. Raises `CannotRun` if the web server ends again and again."""
        for child in self._children:
            child.look_after()
        if self._web.failures >= WEB_FAILURES:
            self.refuse_busy_port()
            raise CannotRun(f"The web server ended {self._web.failures} times in a row. Logs: {settings.VAR / 'log'}")
        if time.monotonic() > self._checked + CHECK_SERVERS_SECONDS:
            for name in holding.start(settings.VAR, embedded_servers()):
                self._say(f"{name} had ended; it is up again")
            self._checked = time.monotonic()

    def stop(self, hurry: Callable[[], bool]) -> None:
        stop_all(self._children, hurry)

    def refuse_busy_port(self) -> None:
        """Raises `CannotRun` if nothing could listen there now."""
        try:
            found = socket.getaddrinfo(self._host or None, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            family, kind, _, _, address = found[0]
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                probe.listen()
        except OSError as error:
            raise CannotRun(
                f"Cannot listen on {self._host}:{self._port}: {error.strerror or error}. "
                f"Choose another port: make run PORT={self._port + 1}"
            ) from error

    def _unready(self) -> str:
        """Why `/readyz` does not say 200, in its own words; empty when it does."""
        # No proxy of the environment stands between this process and its own web server.
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        asked = urllib.request.Request(f"{self.url}/readyz", headers={"Host": answered_host()})  # noqa: S310
        try:
            with direct.open(asked, timeout=10):
                return ""
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read(500).decode(errors='replace')}"
        except OSError as error:
            return str(error)


def answered_host() -> str:
    """A host name that this deployment answers to; its own address need not be among them."""
    if settings.DEBUG or validate_host("127.0.0.1", settings.ALLOWED_HOSTS):
        return "127.0.0.1"
    return str(settings.ALLOWED_HOSTS[0]).removeprefix(".") if settings.ALLOWED_HOSTS else ""


def model_is_missing() -> bool:
    """Whether the configured embedding model is one that is built here, and has not been yet."""
    provider, name = settings.EMBEDDING["provider"], settings.EMBEDDING["model"]
    return provider == "local" and name in RECIPES and not is_built(name, settings.MODELS_DIR / name)


def beside(*command: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A command of `manage.py` that runs beside the block and does not outlive it."""
    return bound([sys.executable, "manage.py", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
