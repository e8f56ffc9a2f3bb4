"""What counting requests costs: the same requests with and without it, taking turns in one run.

    python -m benchmarks.limit_counting [REQUESTS]

`GET /api/v1/users/me` through Django's test client: all middleware, authentication, database, no network. The scratch
database on the configured server is dropped afterwards.
"""

from __future__ import annotations

import argparse
import statistics
import time

from benchmarks.retrieval import scratch_database  # sets Django up

from django.test import RequestFactory  # isort: skip
from rest_framework.test import APIClient

from accounts import rate_limits
from accounts.models import User
from accounts.plans import agree
from accounts.rate_limits import Rate, Usage, count
from accounts.tokens import start_family

PATH = "/api/v1/users/me"
LARGE = 1_000_000


def uncounted(request: object, rate: Rate) -> Usage:
    usage = Usage(LARGE, LARGE, int(time.time()) + 60)
    request.rate_usage = usage  # type: ignore[attr-defined]
    return usage


def seconds(client: APIClient) -> tuple[float, float]:
    """Of a request, as the client waits and as this process computes."""
    started, computed = time.perf_counter(), time.process_time()
    response = client.get(PATH, HTTP_HOST="localhost")
    took = time.perf_counter() - started, time.process_time() - computed
    assert response.status_code == 200, response.content
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requests", type=int, nargs="?", default=3000)
    requests = parser.parse_args().requests
    with scratch_database("benchmark_limits"):
        user = User.objects.create_user("bench@example.com", "a long enough password")
        agree(user.personal_account, {"requests_per_minute": LARGE})
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {start_family(user).access}")
        for _ in range(100):
            seconds(client)
        taken: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        for number in range(requests):
            # Each goes first as often as the other: what runs second finds warmer caches.
            for counted in (True, False) if number % 2 else (False, True):
                # Set before either, so that what the setting itself costs falls on both.
                rate_limits.count = count if counted else uncounted
                taken[counted].append(seconds(client))
        request, alone = RequestFactory().get(PATH), []
        for _ in range(requests):
            started = time.perf_counter()
            count(request, Rate("bench", "me", LARGE))
            alone.append(time.perf_counter() - started)
    print(f"{requests} requests each way, medians:")
    for position, what in enumerate(("waited", "computed")):
        with_it, without = (
            statistics.median(pair[position] for pair in taken[counted]) * 1000 for counted in (True, False)
        )
        print(f"{what}: {with_it:.3f} ms counted, {without:.3f} ms not, ratio {with_it / without:.3f}")
    print(f"counting alone: {statistics.median(alone) * 1000:.3f} ms")


if __name__ == "__main__":
    main()
