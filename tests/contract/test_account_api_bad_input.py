"""Bad input of every kind on the account API's endpoints and on `/users/api-key`, refused in each one's shape."""

from __future__ import annotations

import pytest
from drf_spectacular.generators import SchemaGenerator

from tests.accounts.conftest import fresh_limits  # noqa: F401
from tests.contract.bad_input import BODIES, send, structured

pytestmark = pytest.mark.django_db

WRITES = [("post", "/api/v1/users"), ("post", "/api/v1/auth"), ("patch", "/api/v1/password")]
KEY = "/api/v1/users/api-key"
METHODS = {
    "/api/v1/users": {"post"},
    "/api/v1/auth": {"post"},
    "/api/v1/me": {"get", "delete"},
    "/api/v1/password": {"patch"},
    "/api/v1/accounts": {"get"},
}
OTHERS = [
    (method, path) for path, ours in METHODS.items() for method in {"get", "post", "put", "patch", "delete"} - ours
]


def flat(response, *statuses):
    assert response.status_code in statuses, (response.status_code, response.content[:300])
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert isinstance(body["error"], str)
    assert ("errors" in body) == (response.status_code == 422)
    return body


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_bad_bodies_are_refused_in_shape(as_alice, method, path, body, slash):
    flat(send(as_alice, method, path + slash, BODIES[body]), 400, 422)


@pytest.mark.parametrize("body", [name for name in BODIES if name != "empty"])
def test_bad_bodies_make_no_key(as_alice, alice, body):
    response = send(as_alice, "post", KEY, BODIES[body])
    structured(response, 400)
    assert not alice.api_tokens.exists()


@pytest.mark.parametrize(("method", "path"), [*WRITES, ("post", KEY)])
@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "x"])
def test_another_content_type_is_415(as_alice, method, path, content_type):
    response = send(as_alice, method, path, b"some text", content_type)
    structured(response, 415) if path == KEY else flat(response, 415)


@pytest.mark.parametrize(("method", "path"), sorted(OTHERS))
def test_another_method_is_405(as_alice, method, path):
    response = getattr(as_alice, method)(path)
    flat(response, 405)
    assert response["Allow"]


@pytest.mark.parametrize("field", ["email", "password"])
@pytest.mark.parametrize("wrong", [7, None, True, ["x"], {"$ne": ""}, "", "x" * 100_000])
def test_wrong_types_and_lengths_name_the_field(anonymous, field, wrong):
    right = {"email": "dana@example.com", "password": "a-strong-password"}
    body = flat(anonymous.post("/api/v1/auth", right | {field: wrong}), 422)
    assert list(body["errors"]) == [field]
    user = right | {"password_confirmation": "a-strong-password", field: wrong}
    body = flat(anonymous.post("/api/v1/users", {"user": user}), 422)
    assert list(body["errors"]) == [field]


def test_another_accounts_id_is_refused_in_shape(as_alice, charlie):
    for path in ("/api/v1/me", "/api/v1/accounts"):
        flat(as_alice.get(path, HTTP_X_ACCOUNT_ID=str(charlie.personal_account.id)), 403)


def test_every_credential_and_error_is_in_the_schema():
    schema = SchemaGenerator().get_schema(public=True)
    assert {"bearer", "api_token", "cookie", "page_session"} <= set(schema["components"]["securitySchemes"])
    one_of = [{"bearer": []}, {"api_token": []}, {"cookie": []}, {"page_session": []}]
    assert schema["paths"]["/api/v1/me"]["get"]["security"] == one_of

    def examples(path: str, status: str) -> list:
        responses = schema["paths"][f"/api/v1/{path}"]["post"]["responses"]
        return [shown["value"] for shown in responses[status]["content"]["application/json"]["examples"].values()]

    codes = [body["error"]["code"] for body in examples("auth/login", "401")]
    assert codes == ["unauthenticated", "otp_attempt_required"]
    assert examples("auth", "401") == [{"error": "Invalid Email or password."}]
    assert {"error": "otp_attempt_required"} in examples("auth", "422")
    assert any("email" in body.get("errors", {}) for body in examples("users", "422"))
