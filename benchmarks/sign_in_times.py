"""Does the time of an answer tell which addresses are registered? Asks a running server, and says.

    python benchmarks/sign_in_times.py http://127.0.0.1:8000 KNOWN@EXAMPLE.COM [--pairs 200] [--path /auth/login]

Each pair is a sign-in with a wrong password for the known address and one for an unknown address, in random order. The
limits against guessing allow few of those from one address, so they come from many of this machine's own
(127.0.1.0/24); the server must be on this machine and without trusted proxies. Ends with status 1 if the medians
differ by more than a tenth.
"""

from __future__ import annotations

import argparse
import random
import secrets
import statistics
import sys
import time

import httpx2

PAIRS_FROM_ONE_ADDRESS = 5
ALLOWED = 0.10


def main() -> int:
    arguments = read_arguments()
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    for number in range(arguments.pairs):
        source = f"127.0.1.{1 + number // PAIRS_FROM_ONE_ADDRESS}"
        asked = {"known": arguments.email, "unknown": f"{secrets.token_hex(len(arguments.email) // 4)}@example.com"}
        for kind in random.sample(list(asked), 2):
            times[kind].append(seconds(arguments.url + "/api/v1" + arguments.path, asked[kind], source))
    known, unknown = (statistics.median(times[kind]) for kind in ("known", "unknown"))
    for kind, values in times.items():
        low, middle, high = statistics.quantiles(values, n=4)
        print(
            f"{kind:8} n={len(values)} median {middle * 1000:.2f} ms, quartiles {low * 1000:.2f} to {high * 1000:.2f}"
        )
    difference = abs(known - unknown) / max(known, unknown)
    print(f"the medians differ by {difference:.1%}")
    return int(difference > ALLOWED)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("email", help="a registered address")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--path", default="/auth/login")
    arguments = parser.parse_args()
    if not 1 <= arguments.pairs <= 254 * PAIRS_FROM_ONE_ADDRESS:
        parser.error(f"--pairs is 1 to {254 * PAIRS_FROM_ONE_ADDRESS}")
    return arguments


def seconds(url: str, email: str, source: str) -> float:
    """From the first byte sent to the last one read, on a connection of its own."""
    transport = httpx2.HTTPTransport(local_address=source)
    with httpx2.Client(transport=transport, timeout=30, trust_env=False) as client:
        began = time.perf_counter()
        answer = client.post(url, json={"email": email, "password": "a wrong password"})
        took = time.perf_counter() - began
    if answer.status_code != 401:
        sys.exit(f"expected 401 and got {answer.status_code}: {answer.text[:200]}")
    return took


if __name__ == "__main__":
    raise SystemExit(main())
