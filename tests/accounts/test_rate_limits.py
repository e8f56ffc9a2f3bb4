from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from django.core.asgi import get_asgi_application
from django.test import AsyncRequestFactory, RequestFactory
from django.urls import reverse
from rest_framework.test import APIClient

from accounts import rate_limits
from accounts.models import Account, AccountLimits, Plan, User
from accounts.rate_limits import Rate, count
from accounts.tokens import start_family
from tests.cast import PASSWORD, client_of
from tests.contract.matrix import BODIES, ROUTES, THINGS

ME = "/api/v1/users/me"
HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


def limits(response) -> tuple[int, int]:
    """Limit and what remains, once all three headers are known to be sensible."""
    limit, remaining, resets_at = (int(response[name]) for name in HEADERS)
    assert 0 <= remaining <= limit
    assert 0 < resets_at - time.time() + 1 <= 61
    return limit, remaining


@pytest.fixture
def tight(alice) -> Plan:
    plan = Plan.objects.create(name="tight", requests_per_minute=10)
    Account.objects.filter(personal_of=alice).update(plan=plan)
    return plan


CELLS = [(name, method) for name, line in ROUTES.items() for method in line]


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "method"), CELLS)
@pytest.mark.parametrize("who", ["anonymous", "owner", "stranger"])
def test_every_route_bears_the_headers_whatever_it_answers(alice, charlie, account, anonymous, name, method, who):
    client = {"anonymous": anonymous, "owner": client_of(alice), "stranger": client_of(charlie)}[who]
    address = reverse(name, kwargs=THINGS[name](account, alice) if name in THINGS else None)
    limit, remaining = limits(getattr(client, method)(address, BODIES.get(name, {})))
    assert remaining == limit - 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("get", "/api/v1/nowhere", {}, 404),
        ("get", "/api/v1/collections/nothing/of/this", {}, 404),
        ("get", ME, {}, 401),
        ("get", ME, {"HTTP_AUTHORIZATION": "Bearer x"}, 401),
        ("get", ME, {"HTTP_HOST": "elsewhere.example"}, 400),
        ("delete", "/api/v1/auth/login", {}, 405),
        ("options", "/api/v1/auth/login", {}, 200),
        ("head", ME, {}, 401),
    ],
)
def test_refusals_bear_the_headers(db, anonymous, method, path, headers, status):
    response = getattr(anonymous, method)(path, **headers)
    assert response.status_code == status
    limit, remaining = limits(response)
    assert remaining == limit - 1


@pytest.mark.django_db
def test_a_crash_bears_the_headers(as_alice, monkeypatch):
    monkeypatch.setattr("accounts.api.user_views.MeView.get_object", lambda self: 1 / 0)
    response = as_alice.get(ME)
    assert response.status_code == 500
    assert limits(response) == (60, 59)


@pytest.mark.django_db
def test_the_plan_says_how_many_and_another_plan_does_from_the_next_request_on(alice, as_alice):
    assert limits(as_alice.get(ME)) == (60, 59)
    assert limits(as_alice.get(ME)) == (60, 58)
    for plan, amount in (("pro", 300), ("business", 600)):
        Account.objects.filter(personal_of=alice).update(plan=plan)
        assert limits(as_alice.get(ME)) == (amount, amount - 1)
    Account.objects.filter(personal_of=alice).update(plan="enterprise")
    assert limits(as_alice.get(ME)) == (rate_limits.UNLIMITED, rate_limits.UNLIMITED)
    AccountLimits.objects.create(account=alice.personal_account, requests_per_minute=7)
    assert limits(as_alice.get(ME)) == (7, 6)


@pytest.mark.django_db
def test_over_the_limit_is_429_in_the_groups_shape(alice, tight, as_alice):
    for path, shape in ((ME, "error"), ("/api/v1/me", "error"), ("/api/v1/collections", "message")):
        answers = [as_alice.get(path) for _ in range(11)]
        over = answers[-1]
        assert over.status_code == 429
        assert limits(over) == (10, 0)
        assert shape in over.json()
        assert 1 <= int(over["Retry-After"]) <= 60
        assert abs(int(over["X-RateLimit-Reset"]) - time.time() - int(over["Retry-After"])) <= 1
    assert as_alice.get(ME).json()["error"]["code"] == "rate_limited"
    assert as_alice.get("/api/v1/collections").json() == {"message": "Too many requests."}


@pytest.mark.django_db
def test_what_is_refused_counts_too(bob, account, alice, tight):
    """A viewer who may not, an account that is not theirs: no way to ask for ever."""
    client = client_of(alice)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {start_family(alice).access}", HTTP_X_ACCOUNT_ID="999999")
    statuses = [client.get(ME).status_code for _ in range(12)]
    assert statuses == [403] * 10 + [429] * 2
    assert client_of(alice).get(ME).status_code == 429


@pytest.mark.django_db
def test_several_accounts_on_one_plan_do_not_multiply_the_limit(alice, tight):
    second = Account.objects.create_shared("Second", alice)
    Account.objects.filter(pk=second.pk).update(plan=tight)
    one, two = client_of(alice), client_of(alice, second)
    statuses = [client.get(ME).status_code for _ in range(6) for client in (one, two)]
    assert statuses == [200] * 10 + [429] * 2


@pytest.mark.django_db
def test_users_of_one_account_have_a_limit_each(alice, bob, account, tight):
    ones = [client_of(alice).get(ME).status_code for _ in range(11)]
    others = [client_of(bob, account).get(ME).status_code for _ in range(11)]
    assert ones == others == [200] * 10 + [429]


@pytest.mark.django_db
def test_own_paths_count_by_themselves(alice, tight, as_alice):
    for _ in range(11):
        as_alice.get(ME)
    answers = [as_alice.get("/api/v1/settings/user") for _ in range(101)]
    assert [answer.status_code for answer in answers] == [200] * 100 + [429]
    assert limits(answers[0]) == (100, 99)
    assert limits(as_alice.get("/api/v1/settings/admin")) == (100, 0)


@pytest.mark.django_db
def test_strangers_have_sixty_a_minute_for_an_address(anonymous):
    paths = [ME, "/api/v1/nowhere", "/api/v1/documents/"]
    answers = [anonymous.get(paths[number % 3]) for number in range(63)]
    assert [answer.status_code for answer in answers[:60]] == [401, 404, 401] * 20
    assert {answer.status_code for answer in answers[60:]} == {429}
    assert answers[-1].json()["error"]["code"] == "rate_limited"
    assert limits(answers[-1]) == (60, 0)
    assert anonymous.get(ME, REMOTE_ADDR="192.0.2.7").status_code == 401


FORGED = ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP"]
FORGED += ["X-Cluster-Client-IP", "Fastly-Client-IP", "X-Forwarded", "Client-IP", "Via", "X-Originating-IP"]


@pytest.mark.django_db
@pytest.mark.parametrize("header", FORGED)
@pytest.mark.parametrize("proxies", [0, 1])
def test_no_header_dodges_the_limit_of_an_address(anonymous, settings, header, proxies, monkeypatch):
    monkeypatch.setattr(rate_limits, "ANONYMOUS_AMOUNT", 5)
    settings.TRUSTED_PROXIES = proxies
    statuses = []
    for number in range(7):
        value = f"for=192.0.2.{number}" if header == "Forwarded" else f"192.0.2.{number}"
        headers = {header: value}
        if proxies:
            # What the one trusted proxy appends, behind whatever the client sent.
            sent = f"{value}, " if header == "X-Forwarded-For" else ""
            headers["X-Forwarded-For"] = f"{sent}198.51.100.1"
        statuses.append(anonymous.get(ME, headers=headers).status_code)
    assert statuses == [401] * 5 + [429] * 2


@pytest.mark.django_db
def test_behind_proxies_each_visitor_has_a_limit(anonymous, settings, monkeypatch):
    monkeypatch.setattr(rate_limits, "ANONYMOUS_AMOUNT", 5)
    settings.TRUSTED_PROXIES = 2
    for visitor in ("198.51.100.1", "198.51.100.2"):
        chain = f"203.0.113.9, {visitor}, 10.0.0.1"
        statuses = [anonymous.get(ME, headers={"X-Forwarded-For": chain}).status_code for _ in range(6)]
        assert statuses == [401] * 5 + [429]


@pytest.mark.django_db
def test_signing_in_is_bounded_by_failures_and_says_so(alice, anonymous):
    body = {"email": alice.email, "password": PASSWORD}
    answers = [anonymous.post("/api/v1/auth/login", body) for _ in range(70)]
    assert {answer.status_code for answer in answers} == {200}
    for _ in range(10):
        anonymous.post("/api/v1/auth/login", body | {"password": "wrong"})
    over = anonymous.post("/api/v1/auth/login", body)
    assert over.status_code == 429
    assert over["X-RateLimit-Remaining"] == "0"
    assert abs(int(over["X-RateLimit-Reset"]) - time.time() - int(over["Retry-After"])) <= 1


@pytest.mark.django_db
def test_the_window_closes_by_itself():
    request = RequestFactory().get(ME)
    assert [count(request, Rate("short", "me", 2, 2)).is_over for _ in range(3)][-1]
    last = count(request, Rate("short", "me", 2, 2))
    time.sleep(max(0.0, last.resets_at - time.time()) + 0.05)
    assert not count(request, Rate("short", "me", 2, 2)).is_over


def test_of_a_hundred_requests_at_once_exactly_ten_pass():
    barrier = threading.Barrier(100)

    def one(_: int) -> bool:
        barrier.wait()
        return count(RequestFactory().get(ME), Rate("at once", "me", 10)).is_over

    with ThreadPoolExecutor(100) as pool:
        outcomes = list(pool.map(one, range(100)))
    assert (outcomes.count(False), outcomes.count(True)) == (10, 90)


@pytest.mark.django_db(transaction=True)
async def test_of_a_hundred_requests_at_once_over_asgi_exactly_ten_pass(alice, tight):
    token = (await asyncio.to_thread(start_family, alice)).access
    transport = httpx2.ASGITransport(get_asgi_application())
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
        answers = await asyncio.gather(*(client.get(ME) for _ in range(100)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (10, 90)
    assert all(name in answer.headers for answer in answers for name in HEADERS)


@pytest.mark.django_db(transaction=True)
async def test_a_body_that_is_too_large_is_refused_with_the_headers(settings):
    from doculume.asgi import application

    settings.BODY_MAX_BYTES = 1
    transport = httpx2.ASGITransport(application)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.post("/api/v1/auth/login", content=b"x" * 2_000_000)
    assert answer.status_code == 413
    assert all(name in answer.headers for name in HEADERS)


@pytest.mark.django_db
def test_a_stream_bears_the_headers(as_alice):
    response = as_alice.post("/api/v1/chat/ask", {"question": "What?", "stream": True})
    assert response.status_code == 200
    assert response["Content-Type"] == "text/event-stream"
    assert limits(response) == (60, 59)


async def test_views_that_are_not_rest_frameworks_count_by_themselves():
    usage = await rate_limits.count_async(AsyncRequestFactory().get(ME), Rate("async", "me", 2))
    assert (usage.remaining, usage.is_over) == (1, False)


@pytest.fixture
def redis_away(settings):
    where = settings.CACHES["default"] | {"LOCATION": "unix:///nonexistent/socket"}
    settings.CACHES = {"default": where}
    yield
    rate_limits._outage.ends()


@pytest.mark.django_db
def test_without_redis_requests_pass_with_headers_and_one_warning(as_alice, anonymous, tight, redis_away, caplog):
    with caplog.at_level(logging.WARNING, "accounts.rate_limits"):
        answers = [as_alice.get(ME) for _ in range(20)]
        assert {anonymous.get("/api/v1/nowhere").status_code for _ in range(3)} == {404}
    assert {answer.status_code for answer in answers} == {200}
    assert {limits(answer) for answer in answers} == {(10, 10)}
    assert len([record for record in caplog.records if record.name == "accounts.rate_limits"]) == 1


@pytest.mark.django_db
def test_when_redis_is_back_requests_are_counted_again(as_alice, tight, settings, monkeypatch):
    monkeypatch.setattr(rate_limits, "AWAY_SECONDS", 0.2)
    there = settings.CACHES
    settings.CACHES = {"default": there["default"] | {"LOCATION": "unix:///nonexistent/socket"}}
    assert limits(as_alice.get(ME)) == (10, 10)
    settings.CACHES = there
    assert limits(as_alice.get(ME)) == (10, 10)
    time.sleep(0.25)
    assert [limits(as_alice.get(ME)) for _ in range(2)] == [(10, 9), (10, 8)]


@pytest.fixture
def redis_stalled(settings, tmp_path_factory):
    """Takes connections and never answers, as a server does whose process was stopped."""
    path = str(tmp_path_factory.mktemp("stalled") / "socket")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(100)
    settings.REDIS_URL = f"unix://{path}"
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": settings.REDIS_URL}}
    yield
    listening.close()
    rate_limits._outage.ends()


@pytest.mark.django_db
def test_a_redis_that_does_not_answer_holds_one_request_and_not_all(as_alice, tight, redis_stalled):
    took = []
    for _ in range(20):
        started = time.monotonic()
        assert limits(as_alice.get(ME)) == (10, 10)
        took.append(time.monotonic() - started)
    assert 0.9 < took[0] < 5
    assert max(took[1:]) < 0.9


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/auth/login", {"email": "alice@example.com", "password": PASSWORD}),
        ("/api/v1/auth/register", {"email": "new@example.com", "password": PASSWORD}),
        ("/api/v1/auth/refresh", {"refresh_token": "x"}),
        ("/api/v1/auth", {"email": "alice@example.com", "password": PASSWORD}),
    ],
)
def test_what_checks_passwords_and_tokens_is_refused_while_nobody_counts(alice, anonymous, redis_stalled, path, body):
    answer = anonymous.post(path, body)
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
    assert limits(answer)[0] == 600
    assert not User.objects.filter(email="new@example.com").exists()


def test_pages_bear_no_such_headers(client, db):
    assert "X-RateLimit-Limit" not in client.get("/sign-in")
    assert "X-RateLimit-Limit" in APIClient().get("/api/v1/nowhere")
