"""How fast entries come in by batches of 50, and what is between a client and the rows.

    python -m benchmarks.entry_loading [--entries 5000] [--ingested 300]

The same rows, of entries and of their jobs, come in four ways, each batch in a transaction of its own: over HTTP, one
batch after another; by `knowledge.entries.upsert_batch`, which is the same without the request; and, to compare with,
by one plain INSERT a table and by COPY, which check and count nothing. Then a worker's part without the model: reading,
cutting, terms, vectors (at random) and their indexes. CPU is of the process that does it, web server or this one, and
of PostgreSQL's backends where they run on this machine. The scratch database is dropped afterwards.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.retrieval import scratch_database  # sets Django up

from django.db import connection, transaction  # isort: skip
import httpx2
import numpy as np

from accounts.models import Account, AccountLimits, User
from accounts.tokens import start_family
from knowledge import entries
from knowledge.ingestion import pipeline, together
from knowledge.models import Collection, IngestionJob
from knowledge.tasks import ingest_entry
from llm_settings.providers import get_embedder

BATCH = 50
TABLES = ("knowledge_entry", "knowledge_ingestionjob")
INDEXED = ("knowledge_chunk", "knowledge_chunkterms", "knowledge_chunkembedding")
TICK = os.sysconf("SC_CLK_TCK")
WORDS = Path(__file__).resolve().parent.parent.joinpath("README.md").read_text().split()

Batch = list[dict[str, Any]]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--entries", type=int, default=5_000)
    options.add_argument("--ingested", type=int, default=300)
    chosen = options.parse_args()
    with scratch_database("benchmark_loading"):
        measure(chosen.entries, chosen.ingested)


def measure(count: int, ingested: int) -> None:
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    user = User.objects.create_user("loading@example.com", "correct horse battery staple")
    account: Account = user.personal_account
    AccountLimits.objects.create(account=account, entries=10**9, stored_bytes=10**12, requests_per_minute=10**6)
    collection = Collection.objects.create(account=account, name="Loaded")
    rows = [entry(number) for number in range(count)]
    batches = [rows[first : first + BATCH] for first in range(0, count, BATCH)]
    characters = sum(len(row["raw_text"]) for row in rows) // count
    print(f"{count} entries by batches of {BATCH}, {characters} characters each")
    with served() as (address, web):
        path = f"{address}/api/v1/collections/{collection.id}/entries/batch"
        bearer = {"Authorization": f"Bearer {start_family(user).access}"}
        with httpx2.Client(headers=bearer, trust_env=False, timeout=60) as client:
            bodies = [json.dumps({"entries": batch}).encode() for batch in batches]
            timed("over HTTP", bodies, lambda body: post(client, path, body), web)
    timed("upsert_batch", batches, lambda batch: entries.upsert_batch(account, collection, batch))
    of_entries, of_jobs = (list(stored(table)) for table in TABLES)
    timed("INSERT", list(zip(of_entries, of_jobs, strict=True)), insert)
    copied = [tuple(copies(table)) for table in TABLES]
    timed("COPY", list(zip(*copied, strict=True)), copy)
    ingest(ingested)


def entry(number: int) -> dict[str, Any]:
    """Words in an order of each entry's own."""
    some = np.random.default_rng(number).choice(len(WORDS), 90)
    return {
        "title": f"Entry {number}",
        "raw_text": " ".join(WORDS[place] for place in some),
        "meta": {"price": number, "category": "policy"},
        "searchable_meta": {"tags": ["billing", "refunds"]},
        "source_type": "web",
        "source_id": str(number),
    }


def timed(name: str, batches: Sequence[Any], load: Callable[[Any], object], process: int = os.getpid()) -> None:
    """Into empty tables. The fastest tenth of the batches tells what a machine does that nobody else uses."""
    empty()
    sizes, own, database, times = size(*TABLES), cpu(process), postgres_cpu(), []
    for batch in batches:
        start = time.perf_counter()
        load(batch)
        times.append(time.perf_counter() - start)
    took, fast = sum(times), sorted(times)[len(times) // 10]
    own, database = cpu(process) - own, postgres_cpu() - database
    number, grown = len(batches), size(*TABLES) - sizes
    print(
        f"{name:>13}: {number * BATCH / took:6.0f} entries/s, {took / number * 1000:5.1f} ms a batch, "
        f"{fast * 1000:.1f} ms the fastest tenth; CPU {own / number * 1000:.1f} ms, "
        f"of PostgreSQL {database / number * 1000:.1f} ms; {grown / number / BATCH:.0f} bytes an entry"
    )


def empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE knowledge_entry CASCADE")
        cursor.execute("UPDATE accounts_storedusage SET entries = 0, stored_bytes = 0")


def post(client: httpx2.Client, path: str, body: bytes) -> None:
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.json() == {"created": BATCH, "updated": 0}, answer.text


def stored(table: str) -> Iterator[list[tuple[Any, ...]]]:
    """What is in the table now, by batches in the order it came in; JSON as text."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY id")
        while batch := cursor.fetchmany(BATCH):
            yield batch


def insert(batch: tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for table, rows in zip(TABLES, batch, strict=True):
            row = f"({', '.join(['%s'] * len(rows[0]))})"
            cursor.execute(
                f"INSERT INTO {table} VALUES {', '.join([row] * len(rows))}", [value for each in rows for value in each]
            )


def copies(table: str) -> Iterator[bytes]:
    """As `stored`, in the form that COPY reads."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        for first in range(0, cursor.fetchone()[0], BATCH):
            some = f"SELECT * FROM {table} ORDER BY id OFFSET {first} LIMIT {BATCH}"
            with cursor.copy(f"COPY ({some}) TO STDOUT") as out:
                yield b"".join(out)


def copy(batch: tuple[bytes, bytes]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for table, rows in zip(TABLES, batch, strict=True):
            with cursor.copy(f"COPY {table} FROM STDIN") as into:
                into.write(rows)


class WithoutModel:
    """The model's tokens and limits, and vectors that cost nothing."""

    def __init__(self, model: Any) -> None:
        self.real = get_embedder(model)
        self.random = np.random.default_rng(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def embed_passages(self, texts: Sequence[str]) -> Any:
        rows = self.random.normal(size=(len(texts), self.real.dimensions)).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def ingest(count: int) -> None:
    """The first job is not timed: it loads what a worker has loaded."""
    jobs = [str(job) for job in IngestionJob.objects.order_by("id").values_list("id", flat=True)[: count + 1]]
    seen: list[str] = []

    def noted(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        seen.append(sql)
        return execute(sql, *rest)

    without = {"get_embedder": WithoutModel}
    with mock.patch.multiple(pipeline, **without), mock.patch.multiple(together, **without):
        ingest_entry(jobs[0])
        sizes, own, database, start = size(*INDEXED), cpu(os.getpid()), postgres_cpu(), time.perf_counter()
        with connection.execute_wrapper(noted):
            for job in jobs[1:]:
                ingest_entry(job)
    took = time.perf_counter() - start
    own, database = cpu(os.getpid()) - own, postgres_cpu() - database
    assert IngestionJob.objects.filter(id__in=jobs, status="done").count() == len(jobs)
    print(
        f"ingested without the model: {count / took:.0f} entries/s, {took / count * 1000:.1f} ms each; "
        f"CPU {own / count * 1000:.1f} ms, of PostgreSQL {database / count * 1000:.1f} ms; "
        f"{len(seen) / count:.0f} statements; {(size(*INDEXED) - sizes) / count:.0f} bytes an entry more, with indexes"
    )


def cpu(process: int) -> float:
    """Seconds that a process of this machine has computed; 0 for one elsewhere."""
    with suppress(FileNotFoundError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK
    return 0.0


def postgres_cpu() -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return sum(cpu(process) for (process,) in cursor.fetchall())


def size(*tables: str) -> int:
    """Bytes on disk, with indexes."""
    total = "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(%s::text[]) AS name"
    with connection.cursor() as cursor:
        cursor.execute(total, [list(tables)])
        return int(cursor.fetchone()[0])


@contextmanager
def served() -> Iterator[tuple[str, int]]:
    """The product on the scratch database, by one uvicorn: its address and its process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.entry_loading", "--serve", str(port), connection.settings_dict["NAME"]]
    web = subprocess.Popen(command)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            with suppress(httpx2.HTTPError):
                if httpx2.get(f"{address}/livez", trust_env=False).status_code == 200:
                    break
            time.sleep(0.2)
        yield address, web.pid
    finally:
        web.terminate()
        web.wait()


def serve(port: str, database: str) -> None:
    import uvicorn

    connection.settings_dict["NAME"] = database
    uvicorn.run("doculume.asgi:application", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
    else:
        main()
