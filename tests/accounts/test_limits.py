from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.test import RequestFactory
from rest_framework.test import APIClient

from accounts import throttling
from accounts.addresses import client_address, limit_address
from accounts.signing_in import WrongCredentials
from accounts.throttling import Limit, TooManyAttempts
from tests.cast import PASSWORD

LOGIN = "/api/v1/auth/login"
REGISTER = "/api/v1/auth/register"
REFRESH = "/api/v1/auth/refresh"


def sign_in(email="alice@example.com", password="wrong", **headers):
    return APIClient().post(LOGIN, {"email": email, "password": password}, **headers)


@pytest.mark.django_db
def test_after_ten_failures_a_minute_even_the_right_password_waits(alice, charlie):
    assert [sign_in().status_code for _ in range(10)] == [401] * 10
    answer = sign_in(password=PASSWORD)
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "rate_limited"
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert sign_in(email="ALICE@example.com ", password=PASSWORD).status_code == 429
    assert sign_in(charlie.email, PASSWORD).status_code == 200
    assert sign_in(password=PASSWORD, REMOTE_ADDR="192.0.2.7").status_code == 200


@pytest.mark.django_db
def test_successes_do_not_count(alice):
    for _ in range(3):
        assert [sign_in().status_code for _ in range(3)] == [401] * 3
        assert [sign_in(password=PASSWORD).status_code for _ in range(3)] == [200] * 3
    assert sign_in().status_code == 401
    assert sign_in().status_code == 429


@pytest.mark.django_db
def test_the_window_closes_by_itself(alice, monkeypatch):
    monkeypatch.setattr(throttling, "SIGN_IN_OF_ONE", Limit("short", 2, 1))
    assert [sign_in().status_code for _ in range(3)] == [401, 401, 429]
    time.sleep(1.1)
    assert sign_in(password=PASSWORD).status_code == 200


@pytest.mark.django_db
def test_a_hundred_failures_an_hour_for_one_address_over_many_emails(alice):
    statuses = [sign_in(f"user{number}@example.com").status_code for number in range(101)]
    assert statuses == [401] * 100 + [429]
    answer = sign_in(password=PASSWORD)
    assert answer.status_code == 429
    assert 60 < int(answer["Retry-After"]) <= 3600
    assert sign_in(password=PASSWORD, REMOTE_ADDR="192.0.2.7").status_code == 200


@pytest.mark.django_db
def test_a_forged_forwarded_for_dodges_nothing(alice):
    statuses = [sign_in(HTTP_X_FORWARDED_FOR=f"192.0.2.{number}").status_code for number in range(11)]
    assert statuses == [401] * 10 + [429]


@pytest.mark.django_db
def test_behind_a_proxy_visitors_are_told_apart_and_still_cannot_forge(alice, settings):
    settings.TRUSTED_PROXIES = 1
    forged = [sign_in(HTTP_X_FORWARDED_FOR=f"192.0.2.{number}, 198.51.100.1").status_code for number in range(11)]
    assert forged == [401] * 10 + [429]
    assert sign_in(password=PASSWORD, HTTP_X_FORWARDED_FOR="192.0.2.1, 198.51.100.2").status_code == 200


@pytest.mark.django_db
def test_registrations_and_bad_refreshes_of_an_address_are_limited(alice):
    taken = {"email": alice.email, "password": PASSWORD}
    assert [APIClient().post(REGISTER, taken).status_code for _ in range(101)] == [400] * 100 + [429]
    new = APIClient().post(REGISTER, {"email": "new@example.com", "password": PASSWORD})
    assert (new.status_code, new.json()["error"]["code"]) == (429, "rate_limited")
    statuses = [APIClient().post(REFRESH, {"refresh_token": "x"}).status_code for _ in range(101)]
    assert statuses == [401] * 100 + [429]


@pytest.mark.django_db
@pytest.mark.parametrize("path", [LOGIN, REGISTER])
def test_without_redis_passwords_are_refused_rather_than_not_counted(alice, settings, path):
    settings.REDIS_URL = "unix:///nonexistent/socket"
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": settings.REDIS_URL}}
    answer = APIClient().post(path, {"email": "alice@example.com", "password": PASSWORD})
    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert set(answer.json()) >= {"error", "title", "status", "request_id"}


def in_parallel(count, attempt):
    barrier = threading.Barrier(count)

    def run(_: int) -> str:
        barrier.wait()
        try:
            attempt()
        except TooManyAttempts:
            return "refused"
        except WrongCredentials:
            return "failed"
        return "passed"

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_of_a_hundred_parallel_failures_exactly_ten_are_tried():
    limit = Limit("parallel failures", 10, 60)

    def attempt() -> None:
        with limit.failures("address", "email", failure=WrongCredentials):
            time.sleep(0.01)
            raise WrongCredentials

    outcomes = in_parallel(100, attempt)
    assert (outcomes.count("failed"), outcomes.count("refused")) == (10, 90)


def test_parallel_successes_do_not_refuse_each_other():
    limit = Limit("parallel successes", 10, 60)

    def attempt() -> None:
        with limit.failures("address", "email", failure=WrongCredentials):
            time.sleep(0.02)

    assert in_parallel(60, attempt) == ["passed"] * 60


def test_of_a_hundred_parallel_registrations_exactly_ten_count(monkeypatch):
    monkeypatch.setattr(throttling, "REGISTRATION_RATE", "10/h")
    outcomes = in_parallel(100, lambda: throttling.count_registration(RequestFactory().post("/")))
    assert (outcomes.count("passed"), outcomes.count("refused")) == (10, 90)


def test_an_attempt_whose_process_died_is_forgotten(monkeypatch):
    monkeypatch.setattr(throttling, "LONGEST_ATTEMPT_SECONDS", 1)
    limit = Limit("died", 1, 60)
    limit._begin([limit._key(("a",), "failed"), limit._key(("a",), "running")])
    with limit.failures("a", failure=WrongCredentials):
        pass


@pytest.mark.parametrize(
    ("proxies", "near", "forwarded", "address"),
    [
        (0, "192.0.2.1", "198.51.100.1", "192.0.2.1"),
        (1, "192.0.2.1", "", "192.0.2.1"),
        (1, "192.0.2.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        (2, "192.0.2.1", "1.1.1.1, 198.51.100.1, 10.0.0.1", "198.51.100.1"),
        (2, "192.0.2.1", "198.51.100.1", "198.51.100.1"),
        (1, "192.0.2.1", "198.51.100.1:4711", "198.51.100.1"),
        (1, "192.0.2.1", "[2001:db8::1]:4711", "2001:db8::1"),
        (1, "192.0.2.1", "'; DROP TABLE", "unknown"),
        (0, "::ffff:192.0.2.1", "", "192.0.2.1"),
        (0, "", "", "unknown"),
    ],
)
def test_the_clients_address_is_what_trusted_proxies_say(settings, proxies, near, forwarded, address):
    settings.TRUSTED_PROXIES = proxies
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert client_address(RequestFactory().get("/", REMOTE_ADDR=near, **headers)) == address


def test_all_addresses_of_one_ipv6_customer_count_as_one():
    one, two, other = (
        limit_address(RequestFactory().get("/", REMOTE_ADDR=f"2001:db8:0:{net}::{host}"))
        for net, host in ((1, "a"), (1, "b"), (2, "a"))
    )
    assert one == two != other
