"""Sign-in and the profile: the references' own examples, and bad input of every kind on every endpoint."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from tests.accounts.conftest import fresh_limits  # noqa: F401
from tests.contract.bad_input import BODIES, send, structured

pytestmark = pytest.mark.django_db

# From the references: DocuLume's and Quillium's register, login, refresh and users.
REGISTER = {"email": "user@example.com", "password": "secure_password", "full_name": "John Doe"}
LOGIN = {"email": "user@example.com", "password": "secure_password"}
PROFILE = {"full_name": "New Name", "email": "newemail@example.com"}

PATHS = [f"/api/v1/{path}" for path in ("auth/register", "auth/login", "auth/refresh", "auth/logout", "users/me")]
WRITES = [("post", path) for path in PATHS[:4]] + [("put", PATHS[4]), ("patch", PATHS[4])]


@pytest.mark.parametrize("slash", ["", "/"])
def test_doculumes_own_example_by_cookies(slash):
    client = APIClient()
    assert client.post(f"/api/v1/auth/register{slash}", REGISTER).status_code == 201
    assert client.post(f"/api/v1/auth/login{slash}", LOGIN).status_code == 200
    assert client.get(f"/api/v1/users/me{slash}").json()["full_name"] == "John Doe"
    assert client.post(f"/api/v1/auth/refresh{slash}").status_code == 200
    answer = client.put(f"/api/v1/users/me{slash}", PROFILE)
    assert answer.status_code == 200
    assert answer.json() == client.get(f"/api/v1/users/me{slash}").json()
    assert (answer.json()["full_name"], answer.json()["email"]) == ("New Name", "newemail@example.com")


@pytest.mark.parametrize("slash", ["", "/"])
def test_quilliums_own_example_by_bearer(slash):
    client = APIClient()
    client.post("/api/v1/auth/register", REGISTER)
    tokens = APIClient().post(f"/api/v1/auth/login{slash}", LOGIN).json()
    assert set(tokens) == {"access_token", "refresh_token", "expires_in", "token_type"}
    assert (tokens["expires_in"], tokens["token_type"]) == (900, "Bearer")
    assert tokens["access_token"].startswith("eyJ")
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access_token']}")
    assert client.get(f"/api/v1/users/me{slash}").json()["email"] == "user@example.com"
    answer = client.post(f"/api/v1/auth/logout{slash}")
    assert (answer.status_code, answer.json()) == (200, {})
    structured(client.get(f"/api/v1/users/me{slash}"), 401)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_bad_bodies_are_refused_in_shape(as_alice, method, path, body, slash):
    response = send(as_alice, method, path + slash, BODIES[body])
    empty_is_fine = body == "empty" and path in ("/api/v1/auth/logout", "/api/v1/users/me")
    if empty_is_fine:
        assert response.status_code == 200
    else:
        structured(response, 401 if body == "empty" and path == "/api/v1/auth/refresh" else 400)


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "x"])
def test_another_content_type_is_415(as_alice, method, path, content_type):
    body = structured(send(as_alice, method, path, b"some text", content_type), 415)
    assert body["error"]["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    ("method", "path"),
    [(method, path) for path in PATHS[:4] for method in ("get", "put", "patch", "delete")]
    + [(method, PATHS[4]) for method in ("post", "delete")],
)
def test_another_method_is_405(as_alice, method, path):
    response = getattr(as_alice, method)(path)
    assert structured(response, 405)["error"]["code"] == "method_not_allowed"
    assert response["Allow"]


@pytest.mark.parametrize("path", ["/api/v1/auth/register", "/api/v1/auth/login"])
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"email": 7}, "email"),
        ({"email": None}, "email"),
        ({"email": ["user@example.com"]}, "email"),
        ({"email": {"$ne": ""}}, "email"),
        ({"email": "a" * 300 + "@example.com"}, "email"),
        ({"email": ""}, "email"),
        ({"password": 1234567890123}, "password"),
        ({"password": None}, "password"),
        ({"password": ["secure_password"]}, "password"),
        ({"password": "x" * 100_000}, "password"),
        ({"password": True}, "password"),
    ],
)
def test_wrong_types_and_lengths_name_the_field(path, wrong, field):
    body = structured(APIClient().post(path, REGISTER | wrong), 400)
    assert body["error"]["code"] == "invalid_request"
    assert list(body["error"]["details"]) == [field]


@pytest.mark.parametrize("wrong", [None, 7, "", ["x"], {"a": 1}, "x" * 5000])
@pytest.mark.parametrize("path", ["/api/v1/auth/refresh", "/api/v1/auth/logout"])
def test_a_refresh_token_of_another_type_names_the_field(path, wrong):
    body = structured(APIClient().post(path, {"refresh_token": wrong}), 400)
    assert list(body["error"]["details"]) == ["refresh_token"]


def test_missing_fields_are_all_named():
    for path in ("/api/v1/auth/register", "/api/v1/auth/login"):
        body = structured(APIClient().post(path, {}), 400)
        assert set(body["error"]["details"]) == {"email", "password"}


def test_an_empty_form_is_no_body_for_those_that_need_none():
    client = APIClient()
    client.post("/api/v1/auth/register", REGISTER)
    client.post("/api/v1/auth/login", LOGIN)
    form = "application/x-www-form-urlencoded"
    assert send(client, "post", "/api/v1/auth/refresh", b"", form).status_code == 200
    assert send(client, "post", "/api/v1/auth/logout", b"", form).status_code == 200


def test_a_body_over_the_limit_is_refused_in_shape(anonymous):
    structured(anonymous.post("/api/v1/auth/login", LOGIN | {"email": "x" * 3_000_000}), 400, 413)
