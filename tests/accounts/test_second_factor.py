from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core.cache import cache
from django.db import connections
from rest_framework.test import APIClient

from accounts.models import AuditEvent, TokenFamily
from tests.cast import PASSWORD

LOGIN = "/api/v1/auth/login"
AUTH = "/api/v1/auth"

pytestmark = pytest.mark.django_db


class Phone:
    """An authenticator app."""

    def __init__(self, user):
        self.secret = generate_totp_secret()
        TOTP.activate(user, self.secret)

    def code(self) -> str:
        """Of a period that has some seconds left, so that it is not over before it is used."""
        while time.time() % 30 > 25:
            time.sleep(0.5)
        return format_hotp_value(hotp_value(self.secret, int(time.time()) // 30))

    def wrong(self) -> str:
        return f"{(int(self.code()) + 1) % 1_000_000:06}"


@pytest.fixture
def phone(alice) -> Phone:
    return Phone(alice)


def sign_in(path, **fields):
    return APIClient().post(path, {"email": "alice@example.com", "password": PASSWORD} | fields)


def test_the_secret_is_kept_encrypted(phone, alice):
    row = str(alice.authenticator_set.values().get())
    assert phone.secret not in row


@pytest.mark.parametrize("missing", [{}, {"otp_attempt": ""}, {"otp_attempt": None}, {"otp_attempt": "  "}])
def test_without_a_code_each_dialect_asks_for_one(phone, missing):
    answer = sign_in(LOGIN, **missing)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "otp_attempt_required")
    assert not answer.cookies
    answer = sign_in(AUTH, **missing)
    assert (answer.status_code, answer.json()) == (422, {"error": "otp_attempt_required"})
    assert not TokenFamily.objects.exists()


def test_only_who_knows_the_password_learns_that_a_code_is_needed(phone):
    answer = sign_in(LOGIN, password="wrong")
    assert answer.json()["error"]["code"] == "unauthenticated"
    answer = sign_in(AUTH, password="wrong")
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid Email or password."})


@pytest.mark.parametrize("path", [LOGIN, AUTH])
def test_a_code_is_good_once_on_either_way(phone, path):
    code = phone.code()
    assert sign_in(path, otp_attempt=f"{code[:3]} {code[3:]}").status_code == 200
    assert sign_in(LOGIN, otp_attempt=code).status_code == 401
    assert sign_in(AUTH, otp_attempt=code).status_code == 401


def test_a_used_code_stays_used_for_as_long_as_a_tolerance_would_take_it(phone, settings):
    settings.MFA_TOTP_TOLERANCE = 1
    code = phone.code()
    assert sign_in(LOGIN, otp_attempt=code).status_code == 200
    # allauth's own mark is gone after one period.
    for key in list(cache._cache.get_client().scan_iter("*allauth.mfa.totp*")):
        cache._cache.get_client().delete(key)
    assert sign_in(LOGIN, otp_attempt=code).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_of_parallel_uses_of_one_code_one_wins(phone):
    code = phone.code()

    def attempt(_: int) -> int:
        try:
            return sign_in(LOGIN, otp_attempt=code).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(attempt, range(6)))
    assert statuses == [200] + [401] * 5


def test_a_wrong_code_looks_like_a_wrong_password_and_counts_like_one(phone):
    wrong_code, wrong_password = sign_in(LOGIN, otp_attempt=phone.wrong()), sign_in(LOGIN, password="wrong")
    assert wrong_code.status_code == wrong_password.status_code == 401
    assert wrong_code.json() | {"request_id": ""} == wrong_password.json() | {"request_id": ""}
    answer = sign_in(AUTH, otp_attempt=phone.wrong())
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid Email or password."})
    for _ in range(7):
        assert sign_in(LOGIN, otp_attempt="000").status_code == 401
    refused = sign_in(LOGIN, otp_attempt=phone.code())
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert AuditEvent.objects.filter(action="sign_in_failed").count() == 10


def test_codes_cannot_be_tried_from_many_addresses(phone):
    for number in range(10):
        client = APIClient(REMOTE_ADDR=f"192.0.2.{number}")
        assert (
            client.post(
                LOGIN, {"email": "alice@example.com", "password": PASSWORD, "otp_attempt": phone.wrong()}
            ).status_code
            == 401
        )
    fresh = APIClient(REMOTE_ADDR="192.0.2.99")
    answer = fresh.post(LOGIN, {"email": "alice@example.com", "password": PASSWORD, "otp_attempt": phone.code()})
    assert answer.status_code == 429


def test_asking_for_the_code_counts_against_nobody(phone):
    for _ in range(15):
        assert sign_in(LOGIN).json()["error"]["code"] == "otp_attempt_required"
    assert sign_in(LOGIN, otp_attempt=phone.code()).status_code == 200


def test_a_recovery_code_is_spent_once_and_written_down(phone, alice):
    codes = RecoveryCodes.activate(alice).get_unused_codes()
    assert sign_in(LOGIN, otp_attempt=codes[0]).status_code == 200
    assert sign_in(AUTH, otp_attempt=codes[0]).status_code == 401
    assert sign_in(AUTH, otp_attempt=codes[1]).status_code == 200
    assert AuditEvent.objects.filter(action="recovery_code_used", actor_id=alice.id).count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_parallel_uses_of_one_recovery_code_one_wins(phone, alice):
    code = RecoveryCodes.activate(alice).get_unused_codes()[0]

    def attempt(_: int) -> int:
        try:
            return sign_in(LOGIN, otp_attempt=code).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(attempt, range(6)))
    assert statuses == [200] + [401] * 5


def test_recovery_codes_alone_ask_for_nothing(alice):
    RecoveryCodes.activate(alice)
    assert sign_in(LOGIN).status_code == 200


def test_a_token_that_was_given_before_lives_on(alice):
    token = sign_in(AUTH).json()["token"]
    Phone(alice)
    assert APIClient().get("/api/v1/me", HTTP_AUTHORIZATION=f"Bearer {token}").status_code == 200


@pytest.mark.parametrize("code", ["x" * 64, "٣٤٥٦٧٨", "-1", "1e5", "' OR 1", "\u200b000000"])
def test_what_is_no_code_is_a_wrong_one(phone, code):
    assert sign_in(LOGIN, otp_attempt=code).status_code == 401


@pytest.mark.parametrize("code", [123456, ["1"], {"a": 1}, True, "x" * 65])
def test_a_code_of_another_type_names_the_field(phone, code):
    assert list(sign_in(LOGIN, otp_attempt=code).json()["error"]["details"]) == ["otp_attempt"]
    answer = sign_in(AUTH, otp_attempt=code)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["otp_attempt"])
