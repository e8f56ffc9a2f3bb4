"""`manage.py run`: the whole platform in one process tree. `make run` calls it once everything is installed."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from doculume.embedded import holding
from doculume.env import env_bool, env_int, env_str
from doculume.errors import DoculumeError
from doculume.management.children import Child, stop_all
from doculume.management.servers import embedded_servers

READY_SECONDS = 180
CHECK_SERVERS_SECONDS = 5.0
WEB_FAILURES = 5
MIGRATION_LOCK = 0x646F63756C756D65  # "doculume"
SECOND_SIGNAL_SECONDS = 2.0


class Stopped(BaseException):
    """Somebody asked us to stop. Not an Exception, so that no step of starting takes it for its own failure."""


class Command(BaseCommand):
    help = "Run DocuLume: embedded servers, migrations, web server and worker, until Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        # These four steer this command alone, so they are read here and not in the settings.
        parser.add_argument("--host", default=env_str("HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=env_int("PORT", 8000, minimum=1))
        parser.add_argument("--demo", action="store_true", default=env_bool("DEMO", True))
        parser.add_argument("--concurrency", type=int, default=env_int("WORKER_CONCURRENCY", 2, minimum=1))

    def handle(self, *args: Any, host: str, port: int, demo: bool, concurrency: int, **options: Any) -> None:
        self._address = (host, port)
        shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104
        self._url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
        self._children: list[Child] = []
        self._asked_to_stop = 0.0
        self._hurry = False
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, self._on_signal)
        try:
            self._refuse_busy_port()
            with self._servers():
                try:
                    self._prepare()
                    self._start_children(concurrency)
                    self._wait_until_ready()
                    self._announce(demo)
                    self._look_after_all()
                finally:
                    self._asked_to_stop = self._asked_to_stop or time.monotonic()
                    self._say("Stopping")
                    stop_all(self._children, lambda: self._hurry)
        except DoculumeError as error:
            raise CommandError(error.message) from error
        except Stopped:
            self._say("Stopped")

    def _on_signal(self, *received: Any) -> None:
        """The first signal ends whatever is going on. One that follows at once is an echo (a terminal signals the
        whole group and make passes it on as well); a later one means hurry."""
        now = time.monotonic()
        if not self._asked_to_stop:
            self._asked_to_stop = now
            raise Stopped
        self._hurry = self._hurry or now > self._asked_to_stop + SECOND_SIGNAL_SECONDS

    def _say(self, line: str) -> None:
        self.stdout.write(f"{time.strftime('%H:%M:%S')}  {line}")
        self.stdout.flush()

    def _refuse_busy_port(self) -> None:
        host, port = self._address
        try:
            family, kind, _, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                probe.listen()
        except OSError as error:
            why = error.strerror or str(error)
            raise CommandError(
                f"Cannot listen on {host}:{port}: {why}. Choose another port: make run PORT={port + 1}"
            ) from error

    @contextlib.contextmanager
    def _servers(self) -> Iterator[None]:
        servers = embedded_servers()
        if servers:
            self._say(
                "Starting "
                + " and ".join({"postgres": "PostgreSQL", "valkey": "Valkey"}[name] for name in sorted(servers))
            )
        with holding.held(settings.VAR, servers):
            yield

    def _prepare(self) -> None:
        self._say("Checking the embedding model")
        call_command("build_models", stdout=self.stdout)
        self._say("Migrating the database")
        migrate_one_at_a_time()
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)

    def _start_children(self, concurrency: int) -> None:
        host, port = self._address
        self._say("Starting the web server and the worker")
        logs = settings.VAR / "log"
        # An access log would keep tokens that stand in addresses. Forwarded headers are judged by TRUSTED_PROXIES.
        web = f"uvicorn doculume.asgi:application --host {host} --port {port} --no-access-log --no-proxy-headers"
        web += " --no-server-header --timeout-graceful-shutdown 3"
        worker = (
            f"celery -A doculume worker -Q ingestion,mail,maintenance --concurrency {concurrency} -n doculume-{port}@%h"
        )
        worker += " --loglevel INFO --without-gossip --without-mingle"
        for name, command in (("web server", web), ("worker", worker)):
            log = logs / f"{name.split()[0]}-{port}.log"
            child = Child(name, [sys.executable, "-m", *command.split()], log, self._say)
            self._children.append(child)
            child.start()

    def _look_after_children(self) -> None:
        for child in self._children:
            child.look_after()
        web = self._children[0]
        if web.failures >= WEB_FAILURES:
            self._refuse_busy_port()
            raise CommandError(f"The web server ended {web.failures} times in a row. Its log: {settings.VAR / 'log'}")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while why := self._unready():
            self._look_after_children()
            if time.monotonic() > deadline:
                raise CommandError(f"Not ready after {READY_SECONDS} s ({why}). Logs: {settings.VAR / 'log'}")
            time.sleep(0.2)

    def _unready(self) -> str:
        """Why `/readyz` does not say 200, in its own words; empty when it does."""
        try:
            with _open(f"{self._url}/readyz"):
                return ""
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read(500).decode(errors='replace')}"
        except OSError as error:
            return str(error)

    def _announce(self, demo: bool) -> None:
        if demo and "seed_demo" in get_commands():
            self._say("Preparing the demo account")
            call_command("seed_demo", stdout=self.stdout)
            _close_connections()
        self.stdout.write(f"DocuLume is ready at {self._url}")
        self.stdout.flush()

    def _look_after_all(self) -> None:
        servers, checked = embedded_servers(), time.monotonic()
        while True:
            self._look_after_children()
            if time.monotonic() > checked + CHECK_SERVERS_SECONDS:
                for name in holding.start(settings.VAR, servers):
                    self._say(f"{name} had ended; it is up again")
                checked = time.monotonic()
            time.sleep(0.2)


def migrate_one_at_a_time() -> None:
    """Bring the database up to date; a second process that is about to do so waits, and finds it done."""
    with connection.cursor() as cursor:
        # An index on a large table may take its time.
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        try:
            call_command("migrate", interactive=False, verbosity=0)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])
            cursor.execute("RESET statement_timeout")
    _close_connections()


def _close_connections() -> None:
    """Give up the pool with its threads: this process is about to fork, and needs the database no more."""
    connection.close()
    if connection.settings_dict["OPTIONS"].get("pool"):
        connection.close_pool()  # type: ignore[attr-defined]


def _open(url: str) -> Any:
    # No proxy of the environment stands between this process and its own web server.
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10)
