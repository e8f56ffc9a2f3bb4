from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from doculume.embedded.places import runs
from doculume.management.children import Child, stop_all

REPOSITORY = Path(__file__).resolve().parents[2]
STOPPING = ((0.0, signal.SIGTERM), (0.5, signal.SIGQUIT), (1.0, signal.SIGKILL))
PARENT = """
import pathlib, sys, time
from doculume.management.children import Child
Child("sleeper", ["sleep", "60"], pathlib.Path(sys.argv[1]), print, []).start()
print("started", flush=True)
time.sleep(60)
"""


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def child(tmp_path: Path, said: list[str]) -> Iterator[Callable[[str], Child]]:
    made: list[Child] = []

    def make(script: str) -> Child:
        log = tmp_path / "log" / "worker.log"
        made.append(Child("worker", ["bash", "-c", script], log, said.append, STOPPING))
        made[-1].start()
        return made[-1]

    yield make
    stop_all(made, lambda: True)


def look_until(child: Child, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not condition() and time.monotonic() < deadline:
        child.look_after()
        time.sleep(0.02)
    assert condition()


def pids_in(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_one_that_is_killed_comes_back_and_that_is_said(
    tmp_path: Path, child: Callable[[str], Child], said: list[str]
) -> None:
    pids = tmp_path / "pids"
    worker = child(f"echo $$ >> {pids}; exec sleep 60")
    look_until(worker, lambda: len(pids_in(pids)) == 1)
    os.kill(pids_in(pids)[0], signal.SIGKILL)

    look_until(worker, lambda: len(pids_in(pids)) == 2)
    assert said == [f"The worker was killed by SIGKILL; it starts again in 1 s. Its log: {tmp_path}/log/worker.log"]
    assert runs(pids_in(pids)[1], "sleep")


def test_one_that_fails_at_once_is_started_at_growing_intervals(child: Callable[[str], Child], said: list[str]) -> None:
    worker = child("exit 3")
    look_until(worker, lambda: worker.failures == 3)

    pauses = [
        line.partition(". ")[0].removeprefix("The worker ended with code 3; it starts again in ") for line in said
    ]
    assert pauses == ["1 s", "2 s", "4 s"]


def test_what_it_started_does_not_outlive_it(tmp_path: Path, child: Callable[[str], Child]) -> None:
    pids = tmp_path / "pids"
    worker = child(f"sleep 60 & echo $! >> {pids}; wait")
    look_until(worker, lambda: len(pids_in(pids)) == 1)
    stop_all([worker], lambda: False)

    deadline = time.monotonic() + 5
    while runs(pids_in(pids)[0], "sleep") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not runs(pids_in(pids)[0], "sleep")


def test_stopping_is_gentle_first(tmp_path: Path, child: Callable[[str], Child]) -> None:
    """It may finish what it does, and what it does not finish in time is ended."""
    worker = child(f"trap 'echo finished > {tmp_path}/end; exit 0' TERM; touch {tmp_path}/up; sleep 60 & wait")
    look_until(worker, (tmp_path / "up").exists)
    stop_all([worker], lambda: False)

    assert (tmp_path / "end").read_text() == "finished\n"


def test_one_that_ignores_every_request_is_killed_in_the_end(tmp_path: Path, child: Callable[[str], Child]) -> None:
    worker = child(f"trap '' TERM QUIT; touch {tmp_path}/up; while true; do sleep 0.1; done")
    look_until(worker, (tmp_path / "up").exists)
    began = time.monotonic()
    stop_all([worker], lambda: False)

    assert 1.0 <= time.monotonic() - began < 5


def test_a_warning_in_its_log_is_shown_once(child: Callable[[str], Child], said: list[str]) -> None:
    worker = child(
        "echo '2026-01-01 10:00:00,000 INFO all is well';"
        "echo '2026-01-01 10:00:01,000 WARNING disk is slow';"
        "echo '2026-01-01 10:00:02,000 WARNING disk is slow'; exec sleep 60"
    )
    look_until(worker, lambda: bool(said))
    worker.look_after()

    assert said == ["[worker] WARNING disk is slow"]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends orphans on Linux only")
def test_it_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "log")]
    parent = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "started\n"
    [sleeper] = [int(pid) for pid in Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()]
    parent.kill()
    parent.wait()

    deadline = time.monotonic() + 5
    while runs(sleeper, "sleep") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not runs(sleeper, "sleep")
