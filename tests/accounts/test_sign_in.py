from __future__ import annotations

import time

import pytest
from rest_framework.test import APIClient

from accounts.models import TokenFamily
from tests.cast import PASSWORD

URL = "/api/v1/auth/login"
ALICE = {"email": "alice@example.com", "password": PASSWORD}

pytestmark = pytest.mark.django_db


def test_answers_with_tokens_that_work_and_the_same_as_cookies(anonymous, alice):
    answer = anonymous.post(URL, ALICE)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "refresh_token", "expires_in", "token_type"}
    assert (body["expires_in"], body["token_type"]) == (900, "Bearer")
    assert answer.cookies["access_token"].value == body["access_token"]
    assert answer.cookies["refresh_token"].value == body["refresh_token"]
    assert answer["Cache-Control"] == "no-store"
    by_bearer = APIClient().get("/api/v1/users/me", HTTP_AUTHORIZATION=f"Bearer {body['access_token']}")
    assert by_bearer.json()["email"] == "alice@example.com"
    assert anonymous.get("/api/v1/users/me").json()["email"] == "alice@example.com"


@pytest.mark.parametrize(
    ("host", "scheme", "secure"),
    [
        ("localhost:8000", "http", False),
        ("127.0.0.1:8000", "http", False),
        ("[::1]:8000", "http", False),
        ("localhost", "https", True),
        ("docs.example.com", "http", True),
        ("docs.example.com", "https", True),
        ("localhost.example.com", "http", True),
    ],
)
def test_cookies_are_closed_to_scripts_and_plain_wires(settings, alice, host, scheme, secure):
    settings.ALLOWED_HOSTS = ["*"]
    answer = APIClient().post(URL, ALICE, HTTP_HOST=host, secure=scheme == "https")
    access, refresh = answer.cookies["access_token"], answer.cookies["refresh_token"]
    for cookie in (access, refresh):
        assert cookie["httponly"] is True
        assert cookie["samesite"] == "Lax"
        assert bool(cookie["secure"]) is secure
    assert (access["path"], access["max-age"]) == ("/", 900)
    assert (refresh["path"], refresh["max-age"]) == ("/api/v1/auth", 14 * 24 * 3600)


def test_an_unknown_address_a_wrong_password_and_a_suspended_user_look_alike(anonymous, alice, charlie):
    charlie.is_active = False
    charlie.save()
    tries = [
        {"email": "nobody@example.com", "password": PASSWORD},
        {"email": "alice@example.com", "password": "wrong"},
        {"email": "charlie@example.com", "password": PASSWORD},
        {"email": "not an address", "password": PASSWORD},
    ]
    answers = [anonymous.post(URL, fields) for fields in tries]
    assert {answer.status_code for answer in answers} == {401}
    assert all(answer["WWW-Authenticate"].startswith("Bearer") for answer in answers)
    assert not any(answer.cookies for answer in answers)
    bodies = [answer.json() | {"request_id": ""} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["error"]["code"] == "unauthenticated"


def test_they_take_the_same_time(anonymous, alice, settings):
    settings.PASSWORD_HASHERS = ["accounts.hashers.LeanArgon2"]
    alice.set_password(PASSWORD)
    alice.save()

    def seconds(email: str) -> float:
        began = time.perf_counter()
        assert anonymous.post(URL, {"email": email, "password": "wrong"}).status_code == 401
        return time.perf_counter() - began

    pairs = [(seconds("alice@example.com"), seconds("nobody@example.com")) for _ in range(5)]
    # The quickest of each: what else the machine does only adds.
    known, unknown = (min(times) for times in zip(*pairs, strict=True))
    assert known > 0.01, "the hash was not computed"
    assert 0.6 < unknown / known < 1.7


def test_an_otp_attempt_may_be_sent(anonymous, alice):
    assert anonymous.post(URL, ALICE | {"otp_attempt": "123456"}).status_code == 200
    assert anonymous.post(URL, ALICE | {"otp_attempt": None}).status_code == 200


def test_an_old_bearer_token_does_not_stand_in_the_way(anonymous, alice):
    assert anonymous.post(URL, ALICE, HTTP_AUTHORIZATION="Bearer rubbish").status_code == 200


def test_neither_tokens_nor_passwords_are_stored_in_clear(anonymous, alice):
    body = anonymous.post(URL, ALICE).json()
    row = str(TokenFamily.objects.values().get())
    assert body["refresh_token"] not in row
    assert body["access_token"] not in row
    assert PASSWORD not in str(type(alice).objects.values().get())


def test_sign_ins_that_ran_out_are_forgotten(anonymous, alice):
    anonymous.post(URL, ALICE)
    TokenFamily.objects.update(expires_at="2020-01-01T00:00:00Z")
    anonymous.post(URL, ALICE)
    assert TokenFamily.objects.count() == 1
