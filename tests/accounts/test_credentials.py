from __future__ import annotations

import time
from datetime import timedelta

import jwt
import pytest
from django.conf import settings
from rest_framework.test import APIClient

from accounts.tokens import start_family
from tests.cast import PASSWORD

ME = "/api/v1/users/me"

pytestmark = pytest.mark.django_db


@pytest.fixture
def with_cookies(alice) -> APIClient:
    client = APIClient()
    client.post("/api/v1/auth/login", {"email": alice.email, "password": PASSWORD})
    return client


def test_nobody_is_401_with_a_challenge(anonymous):
    answer = anonymous.get(ME)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_bearer_token_that_does_not_hold_is_401_whatever_else_is_sent(with_cookies, alice, settings):
    pair = start_family(alice)
    claims = jwt.decode(pair.access, options={"verify_signature": False})
    key = settings.JWT_SIGNING_KEY
    bad = [
        "",
        "rubbish",
        "cb_unknown",
        "a.b.c",
        "é",
        f"{pair.access} {pair.access}",
        pair.access[:-4] + "AAAA",
        pair.refresh,
        jwt.encode(claims, None, "none"),
        jwt.encode(claims, key, "HS512"),
        jwt.encode(claims, settings.SECRET_KEY, "HS256"),
        jwt.encode(claims | {"exp": 1}, key, "HS256"),
        jwt.encode({name: value for name, value in claims.items() if name != "exp"}, key, "HS256"),
        jwt.encode({name: value for name, value in claims.items() if name != "fam"}, key, "HS256"),
        jwt.encode(claims | {"fam": ["x"]}, key, "HS256"),
        "x" * 20_000,
    ]
    for token in bad:
        answer = with_cookies.get(ME, HTTP_AUTHORIZATION=f"Bearer {token}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated"), token
        assert answer["WWW-Authenticate"].startswith("Bearer"), token
    assert with_cookies.get(ME).status_code == 200


def test_the_scheme_is_read_in_any_case_and_another_scheme_is_none(with_cookies, alice):
    access = start_family(alice).access
    assert APIClient().get(ME, HTTP_AUTHORIZATION=f"bearer {access}").status_code == 200
    assert with_cookies.get(ME, HTTP_AUTHORIZATION="Basic dXNlcjpwYXNz").status_code == 200


def test_an_access_token_ends_with_its_time(alice, settings):
    settings.ACCESS_TOKEN_LIFETIME = timedelta(seconds=-1)
    access = start_family(alice).access
    assert APIClient().get(ME, HTTP_AUTHORIZATION=f"Bearer {access}").status_code == 401


def test_suspension_kills_every_credential_at_once(as_alice, with_cookies, alice):
    pages = APIClient()
    pages.force_login(alice)
    clients = (as_alice, with_cookies, pages)
    assert [client.get(ME).status_code for client in clients] == [200, 200, 200]
    alice.is_active = False
    alice.save()
    assert [client.get(ME).status_code for client in clients] == [401, 401, 401]


def test_a_new_password_ends_every_sign_in_and_a_new_name_none(as_alice, with_cookies, alice):
    alice.full_name = "Alice Brown"
    alice.save()
    assert as_alice.get(ME).status_code == 200
    alice.set_password("another " + PASSWORD)
    alice.save()
    assert as_alice.get(ME).status_code == 401
    assert with_cookies.get(ME).status_code == 401


def test_a_dead_cookie_counts_as_none_and_lets_the_page_session_speak(alice, charlie):
    client = APIClient()
    client.cookies["access_token"] = "dead"
    assert client.get(ME).status_code == 401
    client.force_login(charlie)
    assert client.get(ME).json()["email"] == charlie.email


def test_the_page_session_needs_its_csrf_token_for_unsafe_methods(alice):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.get(ME).status_code == 200
    assert client.patch(ME, {"full_name": "A"}).status_code == 403
    client.cookies["csrftoken"] = "c" * 32
    assert client.patch(ME, {"full_name": "A"}, HTTP_X_CSRFTOKEN="c" * 32).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"HTTP_SEC_FETCH_SITE": "same-origin"}, 200),
        ({"HTTP_SEC_FETCH_SITE": "none"}, 200),
        ({"HTTP_ORIGIN": "http://testserver"}, 200),
        ({"HTTP_ORIGIN": "http://TESTSERVER", "HTTP_SEC_FETCH_SITE": "same-origin"}, 200),
        ({"HTTP_ORIGIN": "https://trusted.example"}, 200),
        ({"HTTP_SEC_FETCH_SITE": "cross-site"}, 403),
        ({"HTTP_SEC_FETCH_SITE": "same-site"}, 403),
        ({"HTTP_ORIGIN": "http://testserver", "HTTP_SEC_FETCH_SITE": "cross-site"}, 403),
        ({"HTTP_ORIGIN": "http://other.testserver", "HTTP_SEC_FETCH_SITE": "same-site"}, 403),
        ({"HTTP_ORIGIN": "http://testserver:8000"}, 403),
        ({"HTTP_ORIGIN": "https://testserver"}, 403),
        ({"HTTP_ORIGIN": "http://testserver.evil.example"}, 403),
        ({"HTTP_ORIGIN": "https://evil.example", "HTTP_SEC_FETCH_SITE": "same-origin"}, 403),
        ({"HTTP_ORIGIN": "null"}, 403),
        ({"HTTP_ORIGIN": ""}, 403),
    ],
)
def test_cookies_act_only_for_the_sites_own_pages(with_cookies, settings, headers, status):
    settings.CSRF_TRUSTED_ORIGINS = ["https://trusted.example"]
    answer = with_cookies.patch(ME, {"full_name": "A"}, **headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error"]["code"] == "permission_denied"
    assert with_cookies.get(ME, **headers).status_code == 200


def test_a_token_that_held_before_is_refused_once_it_expired(alice, anonymous, monkeypatch):
    bearer = f"Bearer {start_family(alice).access}"
    assert anonymous.get(ME, HTTP_AUTHORIZATION=bearer).status_code == 200
    later = time.time() + settings.ACCESS_TOKEN_LIFETIME.total_seconds() + 1
    monkeypatch.setattr("accounts.tokens.time.time", lambda: later)
    assert anonymous.get(ME, HTTP_AUTHORIZATION=bearer).status_code == 401


def test_a_token_that_held_before_is_refused_once_its_sign_in_ended(alice, anonymous):
    pair = start_family(alice)
    assert anonymous.get(ME, HTTP_AUTHORIZATION=f"Bearer {pair.access}").status_code == 200
    alice.token_families.revoke("signed out")
    assert anonymous.get(ME, HTTP_AUTHORIZATION=f"Bearer {pair.access}").status_code == 401


def test_a_bearer_token_may_come_from_anywhere(as_alice):
    answer = as_alice.patch(ME, {"full_name": "A"}, HTTP_ORIGIN="https://app.example", HTTP_SEC_FETCH_SITE="cross-site")
    assert answer.status_code == 200


def test_who_is_asking_and_in_which_account_costs_one_query(as_alice, alice, django_assert_num_queries):
    for account in ({}, {"HTTP_X_ACCOUNT_ID": str(alice.personal_account.id)}):
        with django_assert_num_queries(2):  # the second is the profile itself
            assert as_alice.get(ME, **account).status_code == 200
