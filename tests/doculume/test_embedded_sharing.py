"""Several processes use one pair of servers; the last to leave stops them, however it leaves."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from doculume.embedded import holding, postgres, valkey

REPOSITORY = Path(__file__).resolve().parents[2]
BOTH = ("postgres", "valkey")
USE = """
import sys, pathlib
from doculume.embedded import holding
with holding.held(pathlib.Path(sys.argv[1]), ("postgres", "valkey"), durable=False):
    print("up", flush=True)
    sys.stdin.readline()
"""


def are_up(var: Path) -> tuple[bool, bool]:
    return postgres.status(var).running, valkey.status(var).running


@contextmanager
def user(var: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the servers until it is told a line, or killed."""
    command = [sys.executable, "-c", USE, str(var)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def leave(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=30)
    assert process.returncode == 0


def await_down(var: Path) -> None:
    deadline = time.monotonic() + 15
    while are_up(var) != (False, False) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert are_up(var) == (False, False)


def test_the_last_to_leave_stops_the_servers(var: Path) -> None:
    with user(var) as first, user(var) as second:
        leave(first)
        assert are_up(var) == (True, True)
        leave(second)
        assert are_up(var) == (False, False)


def test_servers_of_a_user_that_was_killed_are_stopped_too(var: Path) -> None:
    with user(var) as first:
        with user(var) as second:
            second.send_signal(signal.SIGKILL)
            second.wait()
            time.sleep(2 * holding.REAPER_SECONDS)
            assert are_up(var) == (True, True)
        first.send_signal(signal.SIGKILL)
        first.wait()
        await_down(var)


def test_who_comes_while_the_last_one_leaves_finds_servers(var: Path) -> None:
    with user(var) as first:
        assert first.stdin is not None
        first.stdin.write("\n")
        first.stdin.flush()
        with user(var) as second:
            first.wait(timeout=30)
            time.sleep(0.2)
            assert are_up(var) == (True, True)
            leave(second)
    await_down(var)


def test_kept_servers_stay_until_they_are_ended(var: Path) -> None:
    holding.keep(var, BOTH)
    with user(var) as only:
        with pytest.raises(holding.ServersInUse):
            holding.end(var)
        leave(only)
    assert are_up(var) == (True, True)

    assert holding.end(var) is True
    assert are_up(var) == (False, False)
    assert holding.end(var) is False


def test_force_ends_servers_in_use(var: Path) -> None:
    with user(var):
        assert holding.end(var, force=True) is True
        assert are_up(var) == (False, False)


def test_only_what_is_asked_for_is_started(var: Path) -> None:
    with holding.held(var, ("valkey",)):
        assert are_up(var) == (False, True)
    with holding.held(var, ()):
        assert are_up(var) == (False, False)
