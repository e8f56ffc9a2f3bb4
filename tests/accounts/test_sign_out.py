from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from accounts.tokens import start_family
from tests.cast import PASSWORD, client_of

URL = "/api/v1/auth/logout"
ME = "/api/v1/users/me"

pytestmark = pytest.mark.django_db


def sign_in(client: APIClient, user) -> dict:
    return client.post("/api/v1/auth/login", {"email": user.email, "password": PASSWORD}).json()


def assert_over(tokens: dict) -> None:
    assert APIClient().get(ME, HTTP_AUTHORIZATION=f"Bearer {tokens['access_token']}").status_code == 401
    assert APIClient().post("/api/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]}).status_code == 401


def test_by_access_token_ends_that_sign_in_at_once_and_no_other(alice):
    tokens = sign_in(APIClient(), alice)
    elsewhere = client_of(alice)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access_token']}")
    answer = client.post(URL)
    assert (answer.status_code, answer.json()) == (200, {})
    assert_over(tokens)
    assert client.post(URL).status_code == 401
    assert elsewhere.get(ME).status_code == 200


def test_by_cookies_clears_them(anonymous, alice):
    tokens = sign_in(anonymous, alice)
    answer = anonymous.post(URL)
    assert (answer.status_code, answer.json()) == (200, {})
    for name, path in (("access_token", "/"), ("refresh_token", "/api/v1/auth")):
        cookie = answer.cookies[name]
        assert (cookie.value, cookie["path"], cookie["max-age"]) == ("", path, 0)
    assert_over(tokens)
    assert anonymous.post(URL).status_code == 401


def test_by_the_refresh_cookie_when_the_access_cookie_ran_out(anonymous, alice):
    tokens = sign_in(anonymous, alice)
    del anonymous.cookies["access_token"]
    assert anonymous.post(URL).status_code == 200
    assert_over(tokens)


def test_by_refresh_token_in_the_body(anonymous, alice):
    tokens = sign_in(APIClient(), alice)
    assert anonymous.post(URL, {"refresh_token": tokens["refresh_token"]}).status_code == 200
    assert_over(tokens)
    assert anonymous.post(URL, {"refresh_token": tokens["refresh_token"]}).status_code == 401


def test_by_a_spent_refresh_token_is_a_replay(anonymous, alice):
    spent = start_family(alice).refresh
    tokens = anonymous.post("/api/v1/auth/refresh", {"refresh_token": spent}).json()
    assert anonymous.post(URL, {"refresh_token": spent}).status_code == 401
    assert_over(tokens)


def test_by_the_page_session_with_its_csrf_token(alice):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post(URL).status_code == 403
    client.cookies["csrftoken"] = "c" * 32
    assert client.post(URL, HTTP_X_CSRFTOKEN="c" * 32).status_code == 200
    assert client.get(ME).status_code == 401


def test_without_any_credential_it_is_401(anonymous):
    answer = anonymous.post(URL)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_bad_bearer_token_does_not_fall_through_to_the_cookie(anonymous, alice):
    sign_in(anonymous, alice)
    assert anonymous.post(URL, HTTP_AUTHORIZATION="Bearer rubbish").status_code == 401
    assert anonymous.get(ME).status_code == 200


@pytest.mark.parametrize("missing", ["access_token", "refresh_token"])
def test_another_site_cannot_sign_anybody_out(anonymous, alice, missing):
    sign_in(anonymous, alice)
    del anonymous.cookies[missing]
    assert anonymous.post(URL, HTTP_ORIGIN="https://evil.example").status_code == 403
    assert anonymous.post(URL).status_code == 200
