from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import jwt
import pytest
from django.db import connections
from rest_framework.test import APIClient

from accounts.models import TokenFamily
from accounts.tokens import start_family
from tests.cast import PASSWORD

URL = "/api/v1/auth/refresh"

pytestmark = pytest.mark.django_db


def works(access: str) -> bool:
    status = APIClient().get("/api/v1/users/me", HTTP_AUTHORIZATION=f"Bearer {access}").status_code
    assert status in (200, 401)
    return status == 200


def test_by_body_gives_new_tokens_in_the_body_and_no_cookie(anonymous, alice):
    first = start_family(alice)
    answer = anonymous.post(URL, {"refresh_token": first.refresh})
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "refresh_token", "expires_in", "token_type"}
    assert not answer.cookies
    assert works(body["access_token"])
    assert works(first.access)
    assert anonymous.post(URL, {"refresh_token": body["refresh_token"]}).status_code == 200


def test_by_cookie_gives_new_cookies_and_no_token_in_the_body(anonymous, alice):
    before = anonymous.post("/api/v1/auth/login", {"email": alice.email, "password": PASSWORD}).cookies
    first = {name: cookie.value for name, cookie in before.items()}
    answer = anonymous.post(URL)
    assert answer.status_code == 200
    assert answer.json() == {"expires_in": 900, "token_type": "Bearer"}
    for name in ("access_token", "refresh_token"):
        assert answer.cookies[name].value not in ("", first[name])
        assert answer.cookies[name]["httponly"] is True
    assert anonymous.get("/api/v1/users/me").status_code == 200
    assert anonymous.post(URL).status_code == 200


def test_a_token_in_the_body_comes_before_the_cookie(anonymous, alice, charlie):
    anonymous.post("/api/v1/auth/login", {"email": alice.email, "password": PASSWORD})
    answer = anonymous.post(URL, {"refresh_token": start_family(charlie).refresh})
    assert not answer.cookies
    me = APIClient().get("/api/v1/users/me", HTTP_AUTHORIZATION=f"Bearer {answer.json()['access_token']}")
    assert me.json()["email"] == charlie.email


def test_a_replay_ends_the_family_and_its_access_tokens(anonymous, alice):
    first = start_family(alice)
    other = start_family(alice)
    second = anonymous.post(URL, {"refresh_token": first.refresh}).json()
    third = anonymous.post(URL, {"refresh_token": second["refresh_token"]}).json()
    assert anonymous.post(URL, {"refresh_token": first.refresh}).status_code == 401
    assert anonymous.post(URL, {"refresh_token": third["refresh_token"]}).status_code == 401
    assert not any(works(access) for access in (first.access, second["access_token"], third["access_token"]))
    assert TokenFamily.objects.get(revoked_because="replayed").user == alice
    assert works(other.access)
    assert anonymous.post(URL, {"refresh_token": other.refresh}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_parallel_refreshes_at_most_one_wins_and_the_family_ends(alice):
    first = start_family(alice)
    barrier = Barrier(8)

    def refresh(_: int) -> tuple[int, dict]:
        try:
            barrier.wait()
            answer = APIClient().post(URL, {"refresh_token": first.refresh})
            return answer.status_code, answer.json()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(refresh, range(8)))
    assert sorted(status for status, _ in answers) == [200] + [401] * 7
    winner = next(body for status, body in answers if status == 200)
    assert not works(winner["access_token"])
    assert APIClient().post(URL, {"refresh_token": winner["refresh_token"]}).status_code == 401


def test_what_is_no_live_refresh_token_is_401(anonymous, alice, charlie, settings):
    pair = start_family(alice)
    claims = jwt.decode(pair.refresh, options={"verify_signature": False})
    settings.REFRESH_TOKEN_LIFETIME = timedelta(seconds=-1)
    expired = start_family(charlie).refresh
    bad = {
        "garbage": "garbage",
        "three parts of garbage": "a.b.c",
        "not ASCII": "é.ü.ß",
        "an access token": pair.access,
        "expired": expired,
        "signed by another key": jwt.encode(claims, "k" * 40, "HS256"),
        "unsigned": jwt.encode(claims, None, "none"),
        "of no family": jwt.encode(claims | {"fam": "7"}, settings.JWT_SIGNING_KEY, "HS256"),
        "of an unknown family": jwt.encode(
            claims | {"fam": "00000000-0000-7000-8000-000000000000"}, settings.JWT_SIGNING_KEY, "HS256"
        ),
        "of another issuer": jwt.encode(claims | {"iss": "elsewhere"}, settings.JWT_SIGNING_KEY, "HS256"),
    }
    for what, token in bad.items():
        answer = anonymous.post(URL, {"refresh_token": token})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated"), what
        assert answer["WWW-Authenticate"].startswith("Bearer"), what
    assert anonymous.post(URL, {"refresh_token": pair.refresh}).status_code == 200


def test_without_any_token_it_is_401(anonymous):
    answer = anonymous.post(URL)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")


def test_a_suspended_user_gets_no_new_tokens(anonymous, alice):
    pair = start_family(alice)
    alice.is_active = False
    alice.save()
    assert anonymous.post(URL, {"refresh_token": pair.refresh}).status_code == 401


def test_another_site_cannot_refresh_by_the_cookie(anonymous, alice):
    anonymous.post("/api/v1/auth/login", {"email": alice.email, "password": PASSWORD})
    assert anonymous.post(URL, HTTP_ORIGIN="https://evil.example").status_code == 403
    assert anonymous.post(URL, HTTP_SEC_FETCH_SITE="cross-site").status_code == 403
    assert anonymous.post(URL).status_code == 200
