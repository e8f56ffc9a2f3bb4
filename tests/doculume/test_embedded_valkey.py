from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from doculume.embedded import redis_url, valkey
from doculume.embedded.places import runs

REPOSITORY = Path(__file__).resolve().parents[2]
START = "import sys, pathlib; from doculume.embedded import valkey; print(valkey.start(pathlib.Path(sys.argv[1])))"


def pid_of(var: Path) -> int:
    return int((var / "valkey" / "pid").read_text())


def await_end(pid: int) -> None:
    deadline = time.monotonic() + 10
    while runs(pid, "valkey-server") and time.monotonic() < deadline:
        time.sleep(0.02)


def test_it_starts_answers_and_stops(var: Path) -> None:
    assert not valkey.status(var).running
    assert valkey.start(var) is True
    assert valkey.start(var) is False

    client = redis.from_url(redis_url(var))
    client.set("greeting", "hello")
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert client.config_get("port") == {"port": "0"}
    assert stat.S_IMODE((var / "valkey" / "valkey.sock").stat().st_mode) == 0o700
    assert stat.S_IMODE((var / "valkey").stat().st_mode) == 0o700

    pid = pid_of(var)
    assert valkey.stop(var) is True
    assert not runs(pid, "valkey-server")
    assert valkey.stop(var) is False

    valkey.start(var)
    assert redis.from_url(redis_url(var)).get("greeting") == b"hello"


def test_killed_it_comes_back_with_what_it_held(var: Path) -> None:
    valkey.start(var)
    client = redis.from_url(redis_url(var))
    for number in range(200):
        client.rpush("queue", number)
    pid = pid_of(var)
    os.kill(pid, signal.SIGKILL)
    await_end(pid)
    assert (var / "valkey" / "valkey.sock").exists()  # a stale socket is in the way, as is a stale pid file

    assert valkey.start(var) is True
    assert redis.from_url(redis_url(var)).llen("queue") == 200


def test_what_it_cannot_read_is_put_aside(var: Path, caplog: pytest.LogCaptureFixture) -> None:
    valkey.start(var)
    redis.from_url(redis_url(var)).set("greeting", "hello")
    valkey.stop(var)
    [stored] = (var / "valkey" / "appendonlydir").glob("*.incr.aof")
    stored.write_bytes(b"*3\r\n$3\r\nSET\r\n" + b"nonsense" * 100 + stored.read_bytes())

    assert valkey.start(var) is True
    assert redis.from_url(redis_url(var)).get("greeting") is None
    assert len(list((var / "valkey").glob("appendonlydir.damaged-*"))) == 1
    assert "starts empty" in caplog.text


def test_one_that_lives_but_is_deaf_is_replaced(var: Path) -> None:
    valkey.start(var)
    deaf = pid_of(var)
    os.kill(deaf, signal.SIGSTOP)

    assert not valkey.status(var).running
    assert valkey.start(var) is True
    assert not runs(deaf, "valkey-server")
    assert redis.from_url(redis_url(var)).ping()


def test_four_starts_at_once_make_one_server(var: Path) -> None:
    command = [sys.executable, "-c", START, str(var)]
    racers = [subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = sorted(racer.communicate(timeout=60)[0].strip() for racer in racers)

    assert said == ["False", "False", "False", "True"]


def test_a_path_with_spaces_and_too_long_for_a_socket(var: Path) -> None:
    deep = var / ("long " * 20) / "it's here"
    deep.mkdir(parents=True)
    valkey.start(deep)
    try:
        client = redis.from_url(redis_url(deep))
        assert client.ping()
        assert client.config_get("dir") == {"dir": str(deep / "valkey")}
    finally:
        assert valkey.stop(deep) is True
