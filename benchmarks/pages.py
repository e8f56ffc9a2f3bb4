"""Server time and statements of every page, as the owner of a large account, beside a page that does nothing.

    python -m benchmarks.pages [--rounds 20] [--small] [--dear]

The account has 50,000 entries, 2,000 documents among them, 10,000 conversations with 100,000 messages, and 10
integrations; with --small it is the one of the tests. Pages are asked in turn, in this process, through everything a
request passes but the network. `bare` is a Django view behind the same middleware that says who is signed in. The
database is one of the tests' own, and is gone afterwards. On a busy machine the least of the times says more than
the others.
"""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import os
import statistics
import sys
import time

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


def measure(amount: Amount, rounds: int, dear: bool) -> int:
    account, owner = owned_account()
    began = time.perf_counter()
    filled = fill(account, owner, amount)
    analyzed()
    print(f"filled in {time.perf_counter() - began:.0f} s: {amount}", file=sys.stderr)
    browser = Client()
    browser.post("/sign-in", {"username": owner.email, "password": PASSWORD})
    pages = {"bare": "/bare"} | addresses(filled, browser)
    times: dict[str, list[float]] = {name: [] for name in pages}
    for _ in range(rounds):
        for name, address in pages.items():
            began = time.perf_counter()
            browser.get(address, **GZIP)
            times[name].append((time.perf_counter() - began) * 1000)
    usual = statistics.median(times["bare"])
    above = 0
    print(f"{'page':28} {'least ms':>9} {'p50 ms':>8} {'p95 ms':>8} {'× bare':>7} {'statements':>11}")
    for name, taken in sorted(times.items(), key=lambda one: statistics.median(one[1])):
        with CaptureQueriesContext(connection) as asked:
            browser.get(pages[name], **GZIP)
        middle, late = statistics.median(taken), statistics.quantiles(taken, n=20)[-1]
        is_dear = middle > MOST_MS or len(asked) > MOST_STATEMENTS
        above += is_dear
        mark = "  *" if is_dear else ""
        print(f"{name:28} {min(taken):9.1f} {middle:8.1f} {late:8.1f} {middle / usual:7.1f} {len(asked):11}{mark}")
        if dear and is_dear:
            for query in asked:
                print(f"    {query['time']} s  {' '.join(query['sql'].split())[:300]}")
    print(f"{above} of {len(pages)} are above {MOST_MS:.0f} ms or {MOST_STATEMENTS} statements.")
    return int(bool(above))


if __name__ == "__main__":
    raise SystemExit(main())
