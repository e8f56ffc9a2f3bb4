"""`manage.py run`: the whole platform until Ctrl-C. `make run` calls it once everything is installed."""

from __future__ import annotations

import re
import signal
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from doculume.env import env_bool, env_int, env_str
from doculume.errors import DoculumeError
from doculume.management.describing import DescribedCommand
from doculume.management.platform import Platform

ECHO_SECONDS = 2.0
SIGN_IN = re.compile(r"^Demo sign-in: (?P<email>\S+) / (?P<password>\S+)$", re.MULTILINE)
EXAMPLE = """
TOKEN=$(curl -s {url}/api/v1/auth/login -H 'Content-Type: application/json' \\
    -d '{{"email": "{email}", "password": "{password}"}}' | sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')
curl -s {url}/api/v1/chat/ask -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
    -d '{{"question": "How many days of paid annual leave do I have?"}}'
"""


class Stopped(BaseException):
    """Somebody asked us to stop. Not an Exception, so that no step of starting takes it for its own failure."""


class Command(DescribedCommand):
    help = "Runs DocuLume: embedded servers, migrations, web server and worker, until Ctrl-C."
    examples = (
        "run",
        "run --host 0.0.0.0 --port 8080",
    )
    exit_codes = {
        0: "stopped by Ctrl-C or a signal",
        1: "it could not start or go on; the last line says why",
    }
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        # These four steer this command alone, so they are read here and not in the settings.
        parser.add_argument("--host", default=env_str("HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=env_int("PORT", 8000, minimum=1))
        parser.add_argument("--demo", action="store_true", default=env_bool("DEMO", True))
        parser.add_argument("--concurrency", type=int, default=env_int("WORKER_CONCURRENCY", 2, minimum=1))

    def handle(self, *args: Any, host: str, port: int, demo: bool, concurrency: int, **options: Any) -> None:
        self._asked_to_stop = 0.0
        self._hurry = False
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, self._on_signal)
        try:
            self._run(Platform(host, port, concurrency, self._say), demo)
        except DoculumeError as error:
            raise CommandError(error.message) from error
        except Stopped:
            self._say("Stopped")

    def _run(self, platform: Platform, demo: bool) -> None:
        platform.refuse_busy_port()
        with platform.servers():
            try:
                platform.prepare()
                platform.start()
                said = platform.seed() if demo else ""
                platform.wait_until_ready()
                self._announce(platform.url, said)
                while True:
                    platform.look_after()
                    time.sleep(0.2)
            finally:
                self._asked_to_stop = self._asked_to_stop or time.monotonic()
                self._say("Stopping")
                platform.stop(lambda: self._hurry)

    def _announce(self, url: str, said: str) -> None:
        self.stdout.write(f"DocuLume is ready at {url}")
        self.stdout.write(said)
        if found := SIGN_IN.search(said):
            self.stdout.write(EXAMPLE.format(url=url, email=found["email"], password=found["password"]))
        self.stdout.flush()

    def _say(self, line: str) -> None:
        self.stdout.write(f"{time.strftime('%H:%M:%S')}  {line}")
        self.stdout.flush()

    def _on_signal(self, *received: Any) -> None:
        """The first signal ends whatever is going on. One that follows at once is an echo (a terminal signals the
        whole group and make passes it on as well); a later one means hurry."""
        now = time.monotonic()
        if not self._asked_to_stop:
            self._asked_to_stop = now
            raise Stopped
        self._hurry = self._hurry or now > self._asked_to_stop + ECHO_SECONDS
