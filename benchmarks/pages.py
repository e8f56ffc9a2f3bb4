"""Server time and statements of every page, as the owner of a large account, beside a page that does nothing.

    python -m benchmarks.pages [--rounds 20] [--small] [--dear]

The account has 50,000 entries, 2,000 documents among them, 10,000 conversations with 100,000 messages, and 10
integrations; with --small it is the one of the tests. Pages are asked in turn, in this process, through everything a
request passes but the network. `bare` is a Django view behind the same middleware that says who is signed in. The
database is one of the tests' own, and is gone afterwards. On a busy machine the least of the times says more than
the others, and `CPU`, what this process computed, and `database`, what its connection's backend did, say more than
what a clock shows: others' work is not among them. A statement's parallel workers are not either.
"""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import (
    CaptureQueriesContext,
    override_settings,
    setup_databases,
    setup_test_environment,
    teardown_databases,
)
from django.urls import path

from doculume.embedded import holding
from doculume.management.servers import embedded_servers
from doculume.urls import handler400, handler403, handler404, handler500
from doculume.urls import urlpatterns as pages_of_the_product
from tests.cast import PASSWORD
from tests.pages.every_page import addresses
from tests.pages.full_account import Amount, analyzed, fill, owned_account

LARGE = Amount(entries=48_000, documents=2_000, conversations=10_000, exchanges=5, collections=40, integrations=10)
MOST_MS, MOST_STATEMENTS = 50.0, 12
GZIP = {"HTTP_ACCEPT_ENCODING": "gzip"}


@dataclass(slots=True)
class Taken:
    """Milliseconds of each request."""

    clock: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    database: list[float] = field(default_factory=list)

    @contextmanager
    def timed(self, backend: Path) -> Iterator[None]:
        began = time.perf_counter(), time.process_time(), computed(backend)
        yield
        ended = time.perf_counter(), time.process_time(), computed(backend)
        for list_, start, end in zip((self.clock, self.own, self.database), began, ended, strict=True):
            list_.append((end - start) * 1000)


def bare(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"<!doctype html><title>Bare</title><p>{request.user}")


urlpatterns = [path("bare", bare), *pages_of_the_product]
__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--small", action="store_true", help="the account of the tests")
    parser.add_argument("--dear", action="store_true", help="print the statements of pages that are above a limit")
    arguments = parser.parse_args()
    setup_test_environment()
    with holding.held(settings.VAR, embedded_servers(), durable=False):
        databases = setup_databases(verbosity=0, interactive=False)
        try:
            with override_settings(ROOT_URLCONF="benchmarks.pages"):
                return measure(Amount() if arguments.small else LARGE, arguments.rounds, arguments.dear)
        finally:
            connection.close()
            teardown_databases(databases, verbosity=0)


def backend_of_connection() -> Path:
    """What Linux tells of the process that answers our connection, which is kept from request to request."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return Path(f"/proc/{cursor.fetchone()[0]}/schedstat")


def computed(backend: Path) -> float:
    """Seconds a process was on a processor so far; 0 where that is not told (on another machine, or not Linux)."""
    return int(backend.read_text().split()[0]) / 1e9 if backend.exists() else 0.0


def measure(amount: Amount, rounds: int, dear: bool) -> int:
    account, owner = owned_account()
    began = time.perf_counter()
    filled = fill(account, owner, amount)
    analyzed()
    print(f"filled in {time.perf_counter() - began:.0f} s: {amount}", file=sys.stderr)
    browser = Client()
    browser.post("/sign-in", {"username": owner.email, "password": PASSWORD})
    pages = {"bare": "/bare"} | addresses(filled, browser)
    times = {name: Taken() for name in pages}
    backend = backend_of_connection()
    for _ in range(rounds):
        for name, address in pages.items():
            with times[name].timed(backend):
                browser.get(address, **GZIP)
    usual = min(times["bare"].own)
    above = 0
    print(
        f"{'page':28} {'least ms':>9} {'p50 ms':>8} {'p95 ms':>8} {'CPU ms':>7} {'× bare':>7} {'database ms':>12} "
        f"{'statements':>11}"
    )
    for name, taken in sorted(times.items(), key=lambda one: min(one[1].own)):
        with CaptureQueriesContext(connection) as asked:
            browser.get(pages[name], **GZIP)
        middle, late = statistics.median(taken.clock), statistics.quantiles(taken.clock, n=20)[-1]
        own, database = min(taken.own), min(taken.database)
        is_dear = middle > MOST_MS or len(asked) > MOST_STATEMENTS
        above += is_dear
        mark = "  *" if is_dear else ""
        print(
            f"{name:28} {min(taken.clock):9.1f} {middle:8.1f} {late:8.1f} {own:7.1f} {own / usual:7.1f} "
            f"{database:12.1f} {len(asked):11}{mark}"
        )
        if dear and is_dear:
            for query in asked:
                print(f"    {query['time']} s  {' '.join(query['sql'].split())[:300]}")
    print(f"{above} of {len(pages)} are above {MOST_MS:.0f} ms or {MOST_STATEMENTS} statements.")
    return int(bool(above))


if __name__ == "__main__":
    raise SystemExit(main())
