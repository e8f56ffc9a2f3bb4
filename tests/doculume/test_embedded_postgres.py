from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from doculume.embedded import database_url, postgres
from doculume.embedded.places import UnsafePlace
from doculume.embedded.secrets import secret

REPOSITORY = Path(__file__).resolve().parents[2]
START = "import sys, pathlib; from doculume.embedded import postgres; print(postgres.start(pathlib.Path(sys.argv[1])))"
WRITE = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    for number in range(1_000_000):
        connection.execute("INSERT INTO written VALUES (%s)", [number])
        print(number, flush=True)
"""


def postmaster(var: Path) -> int:
    return int((postgres.status(var).folder / "data" / "postmaster.pid").read_text().split()[0])


def await_end(pid: int) -> None:
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_it_starts_answers_and_stops(var: Path) -> None:
    url = database_url(var)
    assert not postgres.status(var).running

    assert postgres.start(var) is True
    assert postgres.start(var) is False
    with psycopg.connect(url) as connection:
        role = connection.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        assert role == ("doculume", False)
        assert connection.execute("SELECT '[1,2]'::vector <-> '[1,3]'").fetchone() == (1.0,)
        for name in ("vector", "pg_trgm", "unaccent", "btree_gin", "citext"):
            connection.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")
        lexemes = connection.execute("SELECT to_tsvector('german', 'Straßen — 東京')::text").fetchone()
        assert lexemes == ("'strass':1 '東京':2",)

    state = postgres.status(var)
    assert state.running
    assert secret(var, "postgres_password") not in state.url
    assert postgres.stop(var) is True
    assert postgres.stop(var) is False
    assert not postgres.status(var).running


def test_only_who_knows_the_password_gets_in(var: Path) -> None:
    postgres.start(var, durable=False)
    url = database_url(var)

    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.replace(secret(var, "postgres_password"), "guess"))
    for anybody in ("postgres", "doculume"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host=str(postgres.status(var).folder / "run"), user=anybody, dbname="doculume")
    with psycopg.connect(url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_four_first_starts_at_once_make_one_server(var: Path) -> None:
    command = [sys.executable, "-c", START, str(var)]
    racers = [subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = sorted(racer.communicate(timeout=120)[0].strip() for racer in racers)

    assert said == ["False", "False", "False", "True"]
    with psycopg.connect(database_url(var)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.fixture
def written(var: Path) -> list[int]:
    """What a client was told is stored, until the whole server was killed under it."""
    postgres.start(var)
    url = database_url(var)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE written (number integer PRIMARY KEY)")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITE, url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(50)]
    pid = postmaster(var)
    os.kill(pid, signal.SIGSTOP)  # so that it sees none of its children die
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        kill(int(child))
    kill(pid)
    acknowledged += [int(line) for line in writer.stdout.read().split("\n") if line]
    writer.wait()
    return acknowledged


def test_killed_amid_writes_it_comes_back_with_every_acknowledged_row(var: Path, written: list[int]) -> None:
    assert postgres.start(var) is True

    with psycopg.connect(database_url(var)) as connection:
        kept = {number for (number,) in connection.execute("SELECT number FROM written")}
    assert set(written) <= kept
    assert len(kept) <= len(written) + 1  # the last one may have been stored and not yet acknowledged


def test_killed_alone_the_postmaster_comes_back_while_its_children_end(var: Path) -> None:
    postgres.start(var)
    with psycopg.connect(database_url(var)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    kill(postmaster(var))

    assert postgres.start(var) is True
    with psycopg.connect(database_url(var)) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_pid_file_that_names_somebody_else_stops_nobody(var: Path) -> None:
    """After a reboot the number in a left pid file may belong to any process of the same user."""
    postgres.start(var, durable=False)
    pid_file = postgres.status(var).folder / "data" / "postmaster.pid"
    old = pid_file.read_text().split("\n", 1)[1]
    owner = pid_file.stat()
    kill(postmaster(var))
    await_end(postmaster(var))
    bystander = subprocess.Popen(["sleep", "60"], user=owner.st_uid if os.geteuid() == 0 else None)
    try:
        pid_file.write_text(f"{bystander.pid}\n{old}")
        os.chown(pid_file, owner.st_uid, owner.st_gid)

        assert postgres.start(var, durable=False) is True
        assert bystander.poll() is None
        assert postmaster(var) != bystander.pid
    finally:
        bystander.kill()
        bystander.wait()


def test_an_interrupted_first_start_is_begun_anew(var: Path) -> None:
    half_made = var / "postgres" / "data.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")

    assert postgres.start(var, durable=False) is True
    assert not half_made.exists()


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(var: Path) -> None:
    deep = var / ("long" * 20) / "it's here"
    deep.mkdir(parents=True)
    postgres.start(deep, durable=False)
    try:
        with psycopg.connect(database_url(deep)) as connection:
            folder = Path(connection.info.host)
        assert len(str(folder)) < 60
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        postgres.stop(deep)
        assert not folder.exists()
    finally:
        postgres.stop(deep)


def test_a_socket_folder_laid_out_by_somebody_else_is_refused(var: Path) -> None:
    deep = var / ("long" * 25)
    deep.mkdir()
    sockets = Path(str(psycopg.conninfo.conninfo_to_dict(database_url(deep))["host"]))
    elsewhere = var / "elsewhere"
    elsewhere.mkdir()
    sockets.symlink_to(elsewhere)
    try:
        with pytest.raises(UnsafePlace, match="not a private folder"):
            postgres.start(deep, durable=False)
        assert list(elsewhere.iterdir()) == []
    finally:
        sockets.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's database runs as somebody else")
def test_roots_own_folder_is_left_closed_and_the_cluster_put_where_its_user_can_go(var: Path) -> None:
    closed = var / "closed"
    closed.mkdir(mode=0o700)
    inside = closed / "var"
    postgres.start(inside, durable=False)
    try:
        home = postgres.status(inside).folder
        assert not home.is_relative_to(var)
        assert str(home) in (inside / "postgres" / "location").read_text()
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        with psycopg.connect(database_url(inside)) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        postgres.stop(inside)

        closed.chmod(0o755)  # whatever becomes reachable later, the data are found where they are
        postgres.start(inside, durable=False)
        with psycopg.connect(database_url(inside)) as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (7,)

        moved = var / "moved"
        postgres.stop(inside)
        closed.rename(moved)
        assert postgres.status(moved / "var").folder == home
        postgres.start(moved / "var", durable=False)  # it now belongs to the new place

        subprocess.run(["cp", "-r", moved, var / "copy"], check=True)
        with pytest.raises(UnsafePlace, match="was copied from"):
            postgres.start(var / "copy" / "var")
    finally:
        for folder in (inside, var / "moved" / "var"):
            if folder.exists():
                postgres.stop(folder)
        shutil.rmtree(var / "copy", ignore_errors=True)
        shutil.rmtree(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's database runs as somebody else")
def test_a_data_folder_that_was_deleted_and_made_again_starts_empty(var: Path) -> None:
    closed = var / "closed"
    homes = []
    for _ in range(2):
        closed.mkdir(mode=0o700)
        postgres.start(closed, durable=False)
        homes.append(postgres.status(closed).folder)
        with psycopg.connect(database_url(closed)) as connection:
            connection.execute("CREATE TABLE fresh ()")
        postgres.stop(closed)
        shutil.rmtree(closed)
    for home in homes:
        shutil.rmtree(home)


def test_the_callers_own_postgres_variables_are_ignored(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGDATA": "/nonexistent", "PGHOST": "db.example.com", "PGOPTIONS": "-c nonsense=1"}.items():
        monkeypatch.setenv(name, value)

    assert postgres.start(var, durable=False) is True
    assert postgres.status(var).running
