"""What streaming an answer costs: many at once, beside a bare Django relay and the provider itself, in one run.

    python -m benchmarks.streams [STREAMS] [--tokens N] [--rate TOKENS_A_SECOND] [--over SECONDS …]

Each client asks once, on a connection of its own; all ask within so many seconds (`--over`, one round for each): at
once, and within half the time of an answer, so that all are open together all the same.

A paced provider in a process of its own says tokens at an even rate. The same clients read it directly, then through a
Django view that passes its lines on and does nothing else, then through `POST /chat/ask` of one web process on a
scratch database, with questions that go to the model alone. CPU and memory are those of the process in the middle.
Each token says when it was said: its lag is how much later it was read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LARGE = 1_000_000
TICKS = os.sysconf("SC_CLK_TCK")
SAID_AT = re.compile(rb"word\d+ (\d+\.\d{6}) ")
# What is aimed at: of the ideal time, of the relay's CPU, and beyond the provider's own first token.
MOST_TIME, MOST_CPU, MOST_FIRST = 1.05, 1.5, 0.020


# --- the processes ---------------------------------------------------------------------------------------------------


async def provider(scope: Any, receive: Any, send: Any) -> None:
    """Says as many tokens, at such a rate, as `TOKENS` and `RATE` say."""
    while (await receive()).get("more_body"):
        pass
    tokens, rate = int(os.environ["TOKENS"]), float(os.environ["RATE"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    began = time.monotonic()
    for number in range(tokens):
        await asyncio.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))
        event = {
            "choices": [
                {"index": 0, "delta": {"content": f"word{number} {time.monotonic():.6f} "}, "finish_reason": None}
            ]
        }
        line = f"data: {json.dumps(event)}\n\n".encode()
        await send({"type": "http.response.body", "body": line, "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


def serve_provider(port: int) -> None:
    import uvicorn

    uvicorn.run(provider, port=port, log_level="warning", lifespan="off")


def serve_relay(port: int, upstream: str) -> None:
    import django
    import httpx2
    import uvicorn
    from django.conf import settings

    settings.configure(DEBUG=False, ALLOWED_HOSTS=["*"], ROOT_URLCONF="relay", SECRET_KEY="-" * 50, USE_TZ=True)
    django.setup()
    from django.core.asgi import get_asgi_application
    from django.http import StreamingHttpResponse
    from django.urls import path

    client = httpx2.AsyncClient(timeout=60, trust_env=False, limits=httpx2.Limits(max_connections=None))

    async def lines() -> Any:
        async with client.stream("POST", f"{upstream}/chat/completions", json={}) as response:
            async for line in response.aiter_lines():
                if line:
                    yield f"{line}\n\n"

    async def relay(request: Any) -> Any:
        return StreamingHttpResponse(lines(), content_type="text/event-stream")

    sys.modules["relay"] = type(sys)("relay")
    sys.modules["relay"].urlpatterns = [path("", relay)]  # type: ignore[attr-defined]
    uvicorn.run(get_asgi_application(), port=port, log_level="warning", lifespan="off")


def serve_product(port: int, upstream: str, database: str) -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "doculume.settings")
    django.setup()
    import uvicorn
    from django.conf import settings
    from django.db import connection

    connection.settings_dict["NAME"] = database
    chat = {"provider": "openai", "base_url": upstream, "model": "m", "api_key": "", "context_tokens": 4096}
    settings.CHAT = chat
    uvicorn.run("doculume.asgi:application", port=port, log_level="warning", access_log=False)


# --- the clients -----------------------------------------------------------------------------------------------------


@dataclass
class Read:
    """Seconds: from asking to the first token and to the end, and how late the tokens were."""

    first: float
    total: float
    lags: list[float]

    @property
    def tokens(self) -> int:
        return len(self.lags)


async def read(
    port: int, path: str, token: str, body: dict[str, Any], sign: bytes, after: float = 0.0, enough: int = LARGE
) -> Read:
    """One stream, asked for `after` so many seconds, and left after `enough` tokens."""
    await asyncio.sleep(after)
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n".encode() + sent)
    first, lags = 0.0, []
    async for line in reader:
        if sign in line and (said := SAID_AT.search(line)):
            first = first or time.monotonic() - began
            lags.append(time.monotonic() - float(said[1]))
        if b"[DONE]" in line or len(lags) >= enough:
            break
    total = time.monotonic() - began
    writer.close()
    return Read(first or total, total, lags or [total])


def computed(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid: int, field: str) -> float:
    """MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


@dataclass
class Measured:
    """Seconds, of CPU a stream."""

    longest: float
    first: float
    cpu: float
    whole: bool


async def measure(
    name: str, pid: int, streams: int, tokens: int, ideal: float, over: float = 0.0, **target: Any
) -> Measured:
    await asyncio.gather(*(read(**target, enough=3) for _ in range(3)))
    await asyncio.sleep(0.5)
    before, held = computed(pid), memory(pid, "VmRSS")
    reads = await asyncio.gather(*(read(**target, after=over * each / streams) for each in range(streams)))
    cpu, grown = (computed(pid) - before) / streams, memory(pid, "VmHWM") - held
    whole = sum(one.tokens == tokens for one in reads)
    first, total = [one.first * 1000 for one in reads], [one.total for one in reads]
    lags = [lag * 1000 for one in reads for lag in one.lags]
    print(
        f"{name:9} {whole}/{streams} whole; total p50 {statistics.median(total):.2f} s, longest {max(total):.2f} s; "
        f"first token p50 {statistics.median(first):.0f} ms, worst {max(first):.0f} ms; "
        f"lag of the first p50 {statistics.median(one.lags[0] * 1000 for one in reads):.1f} ms, "
        f"of all p50 {statistics.median(lags):.1f} ms, p99 {statistics.quantiles(lags, n=100)[98]:.1f} ms; "
        f"CPU {cpu * 1000:.1f} ms a stream; memory +{grown:.0f} MiB",
        flush=True,
    )
    return Measured(max(total), statistics.median(first) / 1000, cpu, whole == streams)


def compare(measured: list[Measured], ideal: float) -> None:
    """Those of provider, relay and product."""
    provider, relay, product = measured

    def verdict(is_reached: bool) -> str:
        return "reached" if is_reached else "missed"

    time_ratio, cpu_ratio, later = product.longest / ideal, product.cpu / relay.cpu, product.first - provider.first
    print(
        f"  time {time_ratio:.3f} of the ideal (aim {MOST_TIME}: {verdict(time_ratio <= MOST_TIME)}), "
        f"the relay's {relay.longest / ideal:.3f}\n"
        f"  CPU {cpu_ratio:.2f} of the relay's (aim {MOST_CPU}: {verdict(cpu_ratio <= MOST_CPU)})\n"
        f"  first token {later * 1000:+.0f} ms beside the provider's (aim {MOST_FIRST * 1000:.0f}: "
        f"{verdict(later <= MOST_FIRST)}), the relay's {(relay.first - provider.first) * 1000:+.0f} ms\n"
        f"  every stream whole: {verdict(product.whole)}",
        flush=True,
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def until_up(port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
    raise SystemExit("a server did not start")


def run(streams: int, tokens: int, rate: float, rounds: list[float]) -> None:
    from benchmarks.retrieval import scratch_database  # sets Django up

    from django.db import connection  # isort: skip
    from accounts.models import User
    from accounts.plans import agree
    from accounts.tokens import start_family

    ports = [free_port() for _ in range(3)]
    upstream = f"http://127.0.0.1:{ports[0]}/v1"
    with scratch_database("benchmark_streams"):
        user = User.objects.create_user("bench@example.com", "a long enough password")
        agree(user.personal_account, {"requests_per_minute": LARGE, "answers_per_month": LARGE})
        token = start_family(user).access
        environment = os.environ | {"TOKENS": str(tokens), "RATE": str(rate)}
        roles = [
            ["provider", str(ports[0])],
            ["relay", str(ports[1]), upstream],
            ["product", str(ports[2]), upstream, str(connection.settings_dict["NAME"])],
        ]
        command = [sys.executable, "-m", "benchmarks.streams", "--serve"]
        processes = [subprocess.Popen([*command, *role], env=environment) for role in roles]
        try:
            for port in ports:
                until_up(port)
            ask = {"question": "Tell me.", "use_rag": False, "stream": True}
            targets: list[dict[str, Any]] = [
                {"port": ports[0], "path": "/v1/chat/completions", "body": {}, "sign": b'"content"'},
                {"port": ports[1], "path": "/", "body": {}, "sign": b'"content"'},
                {"port": ports[2], "path": "/api/v1/chat/ask", "body": ask, "sign": b'"text_delta"'},
            ]
            ideal = tokens / rate
            for over in rounds:
                asked = f"all asked within {over:g} s" if over else "all asked at once"
                print(f"{streams} streams of {tokens} tokens at {rate:g} a second, {asked}: {ideal:.1f} s at best")
                measured = [
                    asyncio.run(measure(role[0], process.pid, streams, tokens, ideal, over, token=token, **target))
                    for role, process, target in zip(roles, processes, targets, strict=True)
                ]
                compare(measured, ideal)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(15)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("streams", type=int, nargs="?", default=200)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--over", type=float, nargs="+", metavar="SECONDS")
    options = parser.parse_args()
    rounds = options.over or [0.0, options.tokens / options.rate / 2]
    run(options.streams, options.tokens, options.rate, rounds)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        role, port, *more = sys.argv[2:]
        serve: dict[str, Callable[..., None]]
        serve = {"provider": serve_provider, "relay": serve_relay, "product": serve_product}
        serve[role](int(port), *more)
    else:
        main()
