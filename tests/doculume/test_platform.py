"""`manage.py run` as a whole: started as a person does, asked over HTTP, ended by Ctrl-C and by worse."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import psycopg
import pytest
from django.conf import settings

from doculume.embedded import database_url, postgres, valkey

REPOSITORY = Path(__file__).resolve().parents[2]
OWN_SERVERS = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "JWT_SIGNING_KEY", "ENCRYPTION_KEY", "DJANGO_SETTINGS_MODULE"}


class Run:
    """One `manage.py run` in a process group of its own, as a shell gives it."""

    def __init__(self, var: Path, port: int, **environment: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        inherited = {name: value for name, value in os.environ.items() if name not in OWN_SERVERS}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run"],
            cwd=REPOSITORY,
            env=inherited
            | {"DOCULUME_VAR": str(var), "DOCULUME_MODELS": str(settings.MODELS_DIR), "PORT": str(port), "DEMO": "0"}
            | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def until(self, text: str, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.said and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert text in self.said, self.said

    def until_ready(self) -> None:
        self.until(f"DocuLume is ready at {self.url}\n")

    def interrupt(self) -> float:
        """Ctrl-C, which a terminal sends to the whole group; the seconds until all has ended."""
        began = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        return time.monotonic() - began

    def children(self) -> list[int]:
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in found.split()]

    def worker(self) -> int:
        [pid] = [pid for pid in self.children() if "celery" in command_of(pid)]
        return pid

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start(var: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def begin(**environment: str) -> Run:
        runs.append(Run(var, free_port(), **environment))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()


def await_gone(pids: list[int], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


def test_it_starts_with_a_demo_answers_by_the_curl_it_prints_and_stops_cleanly(
    var: Path, start: Callable[..., Run]
) -> None:
    run = start(DEMO="1")
    run.until("/api/v1/chat/ask")
    run.until("annual leave")
    assert run.status("/readyz") == 200
    assert re.search(r"^Demo sign-in: \S+@\S+ / \S{12,}$", run.said, re.MULTILINE)

    printed = run.said[run.said.index("TOKEN=") :]
    answered = subprocess.run(["bash", "-c", printed], capture_output=True, text=True, check=True)
    answer = json.loads(answered.stdout)
    assert "28 days" in answer["answer"]
    assert answer["citations"][0]["fileName"] == "Employee Handbook 2026.pdf"

    children = run.children()
    assert run.interrupt() < 30
    assert run.process.returncode == 0
    assert "Traceback" not in run.said
    assert run.said.rstrip().endswith("Stopped")
    await_gone(children)
    assert not postgres.status(var).running
    assert not valkey.status(var).running


@pytest.mark.slow
def test_a_second_start_is_quick_and_has_lost_nothing(start: Callable[..., Run]) -> None:
    first = start(DEMO="1")
    first.until("annual leave")
    sign_in = re.findall(r"^Demo sign-in: .*$", first.said, re.MULTILINE)
    first.interrupt()

    second = start(DEMO="1")
    second.until("annual leave")
    assert re.findall(r"^Demo sign-in: .*$", second.said, re.MULTILINE) == sign_in
    assert "Indexing" not in second.said
    second.interrupt()


def test_a_busy_port_is_named_before_anything_is_started(var: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = Run(var, taken.getsockname()[1])
        assert run.process.wait(timeout=60) == 1
        run._reader.join(timeout=10)

    assert f"make run PORT={run.port + 1}" in run.said
    assert "Traceback" not in run.said
    assert not (var / "postgres").exists()


@pytest.mark.slow
def test_two_at_once_share_the_servers_until_both_have_left(var: Path, start: Callable[..., Run]) -> None:
    first, second = start(), start()
    first.until_ready()
    second.until_ready()
    first.interrupt()
    assert second.status("/readyz") == 200
    second.interrupt()
    assert not postgres.status(var).running
    assert first.process.returncode == second.process.returncode == 0


@pytest.mark.slow
def test_what_is_killed_comes_back(var: Path, start: Callable[..., Run]) -> None:
    run = start()
    run.until_ready()
    os.kill(run.worker(), signal.SIGKILL)
    run.until("The worker was killed by SIGKILL; it starts again")
    os.kill(int((postgres.status(var).folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    run.until("PostgreSQL had ended; it is up again")
    os.kill(int((var / "valkey" / "pid").read_text()), signal.SIGKILL)
    run.until("Valkey had ended; it is up again")

    deadline = time.monotonic() + 30
    while run.status("/readyz") != 200 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert run.status("/readyz") == 200
    assert "celery" in command_of(run.worker())
    assert run.interrupt() < 30


@pytest.mark.slow
def test_documents_survive_that_their_worker_is_killed_again_and_again(var: Path, start: Callable[..., Run]) -> None:
    run = start(INGESTION_LEASE_SECONDS="5", SWEEP_SECONDS="3")
    run.until_ready()
    client = signed_in(run.url)
    names = [f"part {number}.md" for number in range(12)]
    for name in names:
        text = "".join(f"# {name}, section {n}\n\n{'Some words about it. ' * 60}\n\n" for n in range(12))
        answer = client.post("/documents/upload", files={"file": (name, text.encode())})
        assert answer.status_code == 201
    for _ in range(2):
        time.sleep(4)
        os.kill(run.worker(), signal.SIGKILL)
        time.sleep(2)
    deadline = time.monotonic() + 240
    while in_work(client) and time.monotonic() < deadline:
        time.sleep(1)

    items = client.get("/documents/?page_size=100").json()["items"]
    assert {item["original_filename"]: item["status"] for item in items} == dict.fromkeys(names, "ready")
    with psycopg.connect(database_url(var)) as database:
        stored = database.execute(
            "SELECT count(*), count(DISTINCT (entry_id, generation, position)), count(DISTINCT (entry_id, generation)),"
            " (SELECT count(*) FROM knowledge_chunkembedding), (SELECT count(*) FROM knowledge_chunkterms),"
            " (SELECT count(*) FROM knowledge_embeddedtext) FROM knowledge_chunk"
        ).fetchone()
    total = sum(item["chunk_count"] for item in items)
    assert total > len(names)
    assert stored == (total, total, len(names), total, total, 0)
    run.interrupt()


def signed_in(url: str) -> httpx2.Client:
    client = httpx2.Client(base_url=f"{url}/api/v1", trust_env=False, timeout=30)
    who = {"email": "alice@example.com", "password": "correct horse battery staple"}
    assert client.post("/auth/register", json=who).status_code == 201
    client.headers["Authorization"] = f"Bearer {client.post('/auth/login', json=who).json()['access_token']}"
    return client


def in_work(client: httpx2.Client) -> int:
    return client.get("/documents/?status=pending&status=processing").json()["total"]


@pytest.mark.slow
def test_killed_itself_it_leaves_nothing_behind(var: Path, start: Callable[..., Run]) -> None:
    run = start()
    run.until_ready()
    children = run.children()
    run.process.kill()
    run.process.wait()
    await_gone(children)
    deadline = time.monotonic() + 20
    while (postgres.status(var).running or valkey.status(var).running) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not postgres.status(var).running
    assert not valkey.status(var).running

    again = start()
    again.until_ready()
    again.interrupt()
