"""What writing and listing entries costs, without embedding them.

    python -m benchmarks.entries [--entries 50000] [--loaded 5000] [--ingested 300] [--rounds 20]

Loading by batches, over HTTP and beside plain statements, is measured by `benchmarks.entry_loading`. All else goes the
whole way of a request but HTTP itself: credential, rights, body, statements, answer. Entries have texts of 600
characters. The scratch database on the configured server is dropped afterwards; hints go to the broker.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from benchmarks import entry_loading
from benchmarks.retrieval import scratch_database  # sets Django up

from django.db import connection  # isort: skip
from django.conf import settings
from rest_framework.test import APIClient

from accounts.models import Account, AccountLimits, User
from accounts.tokens import start_family
from knowledge.models import Collection, Entry

BATCH = 50
TEXT = "The office in Hamburg opens at nine, and the one in Bremen at ten. " * 9
PAGES = "/api/v1/collections"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--entries", type=int, default=50_000, help="how many there are when they are listed")
    options.add_argument("--loaded", type=int, default=5_000, help="how many come in by batches")
    options.add_argument("--ingested", type=int, default=300, help="how many of them a worker indexes")
    options.add_argument("--rounds", type=int, default=20, help="of 50 entries, one by one and as a batch")
    chosen = options.parse_args()
    settings.ALLOWED_HOSTS = ["testserver"]
    with scratch_database("benchmark_entries"):
        entry_loading.measure(chosen.loaded, chosen.ingested)
        client = signed_in()
        collection = client.post(PAGES, {"name": "Load"}).json()["data"]["id"]
        measure_writing(client, f"{PAGES}/{collection}/entries", chosen.rounds)
        full = client.post(PAGES, {"name": "Full"}).json()["data"]["id"]
        fill(full, chosen.entries)
        measure_listing(client, f"{PAGES}/{full}/entries", chosen.entries)
        measure_deleting(client, f"{PAGES}/{full}")


def signed_in() -> APIClient:
    user = User.objects.create_user("load@example.com", "correct horse battery staple")
    account: Account = user.personal_account
    AccountLimits.objects.create(account=account, entries=10**9, stored_bytes=10**12, requests_per_minute=10**6)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {start_family(user).access}")
    return client


def entry(key: str, text: str = TEXT) -> dict[str, Any]:
    return {
        "title": f"Entry {key}",
        "raw_text": f"{text}{key}",
        "meta": {"price": len(key), "category": "policy"},
        "searchable_meta": {"tags": ["billing", "refunds"]},
        "source_type": "web",
        "source_id": key,
    }


def timed(call: Callable[[], Any]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    answer = call()
    took = (time.perf_counter() - start) * 1000
    assert answer.status_code < 300, answer.content
    return took


def measure_writing(client: APIClient, path: str, rounds: int) -> None:
    for name, text in (("new", TEXT), ("unchanged", TEXT), ("changed", TEXT.upper())):
        single, batches, of_single, of_batches = [], [], 0.0, 0.0
        for number in range(rounds):
            keys = [f"{number}-{n}" for n in range(BATCH)]
            one_by_one = [entry(f"s{key}", text) for key in keys]
            body = {"entries": [entry(f"b{key}", text) for key in keys]}
            begun = time.process_time()
            single.append(sum(timed(lambda body=body: client.put(f"{path}/upsert", body)) for body in one_by_one))
            between = time.process_time()
            batches.append(timed(lambda body=body: client.post(f"{path}/batch", body)))
            of_single, of_batches = of_single + between - begun, of_batches + time.process_time() - between
        one, many = statistics.median(single), statistics.median(batches)
        print(f"{BATCH} {name}: one by one {one:.0f} ms, as a batch {many:.1f} ms ({one / many:.1f} times as fast)")
        print(f"  of this process: {of_single / rounds * 1000:.0f} and {of_batches / rounds * 1000:.1f} CPU ms")


def fill(collection_id: str, count: int) -> None:
    """More of the same, by the shortest way."""
    collection = Collection.objects.get(id=collection_id)
    rows = (
        Entry(account_id=collection.account_id, collection_id=collection.id, **entry(f"f{number}"))
        for number in range(count)
    )
    Entry.objects.bulk_create(rows, batch_size=2_000)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE knowledge_entry")
        cursor.execute("SELECT pg_total_relation_size('knowledge_entry') / 1048576.0")
        print(f"on disk, with indexes: {cursor.fetchone()[0]:.0f} MB")


def measure_listing(client: APIClient, path: str, wanted: int) -> None:
    last = wanted // 15
    for page in (1, min(3_000, last), last):
        queries: list[str] = []
        with connection.execute_wrapper(partial(noted, queries)):
            client.get(path, {"page": page})
        times = [timed(lambda page=page: client.get(path, {"page": page})) for _ in range(30)]
        print(f"page {page} of {last}: {len(queries)} statements, {shown(times)}")
    times = [timed(lambda: client.get(path, {"source_type": "web", "source_id": "77"})) for _ in range(30)]
    print(f"by its source: {shown(times)}")
    times = [timed(lambda: client.get(path, {"per_page": 100})) for _ in range(30)]
    print(f"100 a page: {shown(times)}")


def noted(seen: list[str], execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    seen.append(sql)
    return execute(sql, params, many, context)


def measure_deleting(client: APIClient, path: str) -> None:
    print(f"deleting the collection: {timed(lambda: client.delete(path)) / 1000:.1f} s")


def shown(times: Sequence[float]) -> str:
    ordered = sorted(times)
    return f"p50 {ordered[len(ordered) // 2]:.1f} ms, p95 {ordered[int(len(ordered) * 0.95)]:.1f} ms"


if __name__ == "__main__":
    main()
